"""The same work in other places: measured speeds where there are some, limits checked, prices dated."""

import re
from dataclasses import replace
from datetime import date
from xml.etree import ElementTree as ET

import pytest

from stacks.capacity import InvalidEnvironment, Prices, Speed, Task
from stacks.capacity.comparison import LAMBDA_SECONDS, Offer, Work, gpu_speed, offers
from stacks.capacity.comparison_report import remarks, rows
from stacks.capacity.prices import FILE
from stacks.capacity.quotes import STALE_MONTHS, Quote, is_stale, quotes
from stacks.comparison import chart, main, own_place, places, report
from stacks.environments import Processor
from tests.stacks.factory import LIVE

PRICES, QUOTES = Prices.read(), quotes()
WORK = Work(
    audio_hours=1000,
    calls=10_000,
    longest_seconds=5400,
    model="base",
    speed=Speed.of("base", cpu=2048, processor="X86_64"),
    task=Task(cpu=2048, memory_mib=4096),
    network=36.5,
)
FAR = date(2040, 1, 1)


def found(place: str, work: Work = WORK) -> Offer:
    """The offer of the first place whose name begins so."""
    return next(offer for offer in offers(work, PRICES, QUOTES) if offer.place.startswith(place))


def test_own_place_costs_what_the_plan_says() -> None:
    """The comparison and `make cost` have one formula for an audio hour."""
    expected = WORK.task.per_audio_hour(PRICES, speed=WORK.speed, on_demand_share=0)
    assert found("Fargate Spot, x86").per_audio_hour == pytest.approx(expected)
    assert found("Fargate Spot, x86").month(1000) == pytest.approx(36.5 + 1000 * expected)


def test_unmeasured_processor_is_marked_assumed() -> None:
    """No one may take a guess for a measurement."""
    assert found("Fargate Spot, x86").speed.endswith("measured")
    assert found("Fargate Spot, ARM").speed.endswith("assumed")
    assert found("EC2 Spot, g4dn").speed.endswith("assumed")


def test_instance_with_a_chosen_processor_has_the_speed_measured_on_it() -> None:
    """EC2 lets one choose AMX, Fargate does not: the comparison gives EC2 that advantage."""
    amx = next(host for host in WORK.speed.hosts if host.kind == "AMX")
    instance = found("EC2 on demand, c7i.large")
    assert instance.speed == f"{amx.audio_seconds_per_second:.3g} measured"
    disk = 30 * QUOTES["ebs-gp3"].dollars / 730
    hour = QUOTES["ec2-c7i-large"].dollars + disk
    assert instance.per_audio_hour == pytest.approx(hour / (amx.audio_seconds_per_second * WORK.speed.busy_share))


def test_lambda_is_refused_with_the_numbers_when_a_call_takes_too_long() -> None:
    """Fifteen minutes are the limit: the error names how long the longest call would take."""
    fits = found("Lambda, x86")
    assert not fits.impossible
    slow = replace(WORK, speed=Speed.assumed(cpu=2048), model="small")
    refused = found("Lambda, x86", slow)
    seconds = re.search(r"the longest (\d+) s of 900 s allowed", refused.impossible)
    assert seconds
    assert int(seconds[1]) > LAMBDA_SECONDS


def test_lambda_is_refused_when_the_model_needs_more_memory_than_it_has() -> None:
    """10,240 MB are the limit."""
    large = replace(WORK, task=Task(cpu=4096, memory_mib=16_384))
    assert "16384 MiB of memory, of 10240 allowed" in found("Lambda, x86", large).impossible


def test_gpu_that_is_cheaper_is_said_to_be_cheaper() -> None:
    """The remark names every place that beats the own one, and the drawbacks of each place follow."""
    slow = replace(WORK, speed=Speed.assumed(cpu=2048), model="small")
    all_of_them = offers(slow, PRICES, QUOTES)
    own = found("Fargate Spot, x86", slow)
    lines = remarks(all_of_them, own, slow.audio_hours)
    gpu = found("EC2 Spot, g4dn", slow)
    assert gpu.month(1000) < own.month(1000)
    assert f"EC2 Spot, g4dn.xlarge (T4) (${gpu.month(1000):,.0f})" in lines[0]
    # Both speeds are unmeasured, and only one of them is low on purpose.
    assert "measure the model first" in lines[0]
    assert "measure the model first" not in remarks(offers(WORK, PRICES, QUOTES), found("Fargate Spot, x86"), 1000)[0]
    assert all(any(line.startswith(f"- {offer.place}: ") for line in lines[1:]) for offer in all_of_them)


def test_fixed_costs_do_not_grow_with_the_work() -> None:
    """Ten times the work costs less than ten times as much where a control plane or a network is paid."""
    eks = found("EKS")
    assert eks.fixed == pytest.approx(36.5 + 73)
    assert eks.month(10_000) < 10 * eks.month(1000)


def test_transcribe_is_shown_with_both_prices_and_their_dates() -> None:
    """The list of 2026 has a quarter of the older price, which is still quoted everywhere."""
    now, before = (found(name) for name in ("Amazon Transcribe, batch", "Amazon Transcribe, price"))
    assert (now.per_audio_hour, before.per_audio_hour) == (0.36, 1.44)
    assert before.dated < now.dated


def test_api_that_bills_each_channel_is_priced_for_all_of_them() -> None:
    """A call with a channel for each side costs twice there, and its transfer is twice as long everywhere."""
    one, two = (found("Deepgram", replace(WORK, channels=channels)) for channels in (1, 2))
    assert two.per_audio_hour == pytest.approx(2 * one.per_audio_hour)
    others = [found("AssemblyAI", replace(WORK, channels=channels)).per_audio_hour for channels in (1, 2)]
    assert others[1] - others[0] == pytest.approx(8000 * 2 * 3600 / 1e9 * QUOTES["transfer-out"].dollars)


def test_every_quote_has_a_source_and_is_used() -> None:
    """A number without a source cannot be checked, and one that nothing reads would grow old unseen."""
    used = set[str]()

    class Spy(dict[str, Quote]):
        def __getitem__(self, name: str) -> Quote:
            used.add(name)
            return super().__getitem__(name)

    offers(WORK, PRICES, Spy(QUOTES))
    assert used == set(QUOTES)
    assert all(quote.source.startswith("https://") for quote in QUOTES.values())


def test_old_prices_are_flagged_when_the_command_runs() -> None:
    """A synth does not change with the calendar; the table does."""
    header, *cells = rows(offers(WORK, PRICES, QUOTES), {"live": 1000}, FAR)
    assert header[-1] == "priced"
    assert all(row[-1].endswith(", stale") for row in cells)
    assert not is_stale("2040-01", FAR)
    assert is_stale("2026-01", date(2026, 1 + STALE_MONTHS + 1, 1))


@pytest.mark.parametrize("dated", ["2026", "2026-13", "soon"])
def test_quote_with_a_wrong_date_is_refused(dated: str) -> None:
    """Its age could not be judged."""
    with pytest.raises(ValueError, match=r"^quote\.dated: got '.*', expected a year and a month such as 2026-10$"):
        Quote(dollars=1, per="hour", dated=dated, source="https://example.com")


def test_negative_price_is_refused() -> None:
    """A slip in the file would make a place look free."""
    with pytest.raises(ValueError, match=r"^quote\.dollars: got '-1', expected 0 or more$"):
        Quote(dollars=-1, per="hour", dated="2026-10", source="https://example.com")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (
            "dollars = 0.6\n",
            "dollars = 60\n",
            "ec2-spot-discount.dollars: got '60', expected a share from 0, below 1, ",
        ),
        ('dollars = 0.08925\nper = "hour"', 'per = "hour"', "ec2-c7i-large.dollars: got 'nothing', expected a value"),
        (
            "dollars = 0.08925",
            'dollars = "0.08925"',
            "ec2-c7i-large.dollars: got '0.08925', expected a number, without quotes",
        ),
        (
            'dated = "2026-10"',
            'date = "2026-10"',
            "ec2-c7i-large.date: got '2026-10', expected one of the fields dollars, ",
        ),
    ],
)
def test_wrong_quote_is_refused_by_its_name(old: str, new: str, says: str) -> None:
    """One of twenty in the file: in percent, missing, as a text, or with a field of another name."""
    text = FILE.read_text()
    assert old in text
    with pytest.raises(InvalidEnvironment) as refused:
        quotes(text.replace(old, new, 1))
    assert str(refused.value).startswith(f"quotes.{says}")


def test_larger_model_is_slower_on_a_gpu() -> None:
    """The published relative speeds hold for the names of models that the settings take."""
    assert gpu_speed("base") > gpu_speed("small") > gpu_speed("large-v3")
    assert gpu_speed("large-v3-turbo") > gpu_speed("large-v3")
    assert gpu_speed("/models/own") == gpu_speed("large-v3")


def test_report_prices_the_environment_and_ten_of_it() -> None:
    """The table has the environment's own place, its volume and ten times that."""
    text = report(LIVE, date(2026, 11, 26))
    own = next(offer for offer in places(LIVE) if offer.place == own_place(LIVE))
    hours = LIVE.workload.audio_hours_per_month
    (line,) = (line for line in text.splitlines() if line.startswith(f"{own.place}  "))
    assert f"{own.month(hours):,.0f}" in line
    assert f"{own.month(10 * hours):,.0f}" in line
    assert own_place(replace(LIVE, processor=Processor.ARM64)) == "Fargate Spot, ARM"


def test_chart_is_svg_with_a_bar_for_each_place_that_can_do_the_work() -> None:
    """It is drawn from the same offers, the cheapest first."""
    root = ET.fromstring(chart(LIVE))
    bars = [bar for bar in root.iter("{http://www.w3.org/2000/svg}rect") if bar.get("x")]
    able = [offer for offer in places(LIVE) if not offer.impossible]
    assert len(bars) == len(able)
    widths = [float(bar.get("width", "")) for bar in bars]
    assert widths == sorted(widths)


def test_chart_needs_one_environment(capsys: pytest.CaptureFixture[str]) -> None:
    """Each would overwrite the one before."""
    with pytest.raises(SystemExit):
        main(["--svg", "chart.svg"])
    assert "--svg: got no environment, expected one" in capsys.readouterr().err
