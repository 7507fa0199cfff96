"""The monthly bill, and dollars per audio hour, follow from the prices."""

import runpy
from dataclasses import replace

import pytest

import stacks.environments.selection
from stacks.__main__ import report
from stacks.capacity import InvalidEnvironment, Prices, Speed, Task, idle_per_month, network_per_month
from stacks.capacity.prices import FILE
from stacks.environments import Egress, select
from stacks.environments.costs import idle
from tests.stacks.factory import FORGE
from tests.stacks.synthesis import ROOT

PRICES = Prices.read()
SPEED = Speed(audio_seconds_per_second=4, cpu=4096, source="test", measured=True, busy_share=0.5)
TASK = Task(cpu=4096, memory_mib=8192)


def test_audio_hour_costs_task_price_over_useful_speed() -> None:
    """Four vCPU and eight GB that spend half their life at four times real time do two audio hours an hour."""
    assert TASK.per_audio_hour(PRICES, speed=SPEED, on_demand_share=1) == pytest.approx(
        (4 * 0.04048 + 8 * 0.004445) / 2
    )


def test_spot_discount_leaves_the_public_address_at_full_price() -> None:
    """The discount is on the task only."""
    public = Task(cpu=4096, memory_mib=8192, public=True)
    assert public.per_hour(PRICES, on_demand_share=0) == pytest.approx(TASK.per_hour(PRICES, on_demand_share=0) + 0.005)
    assert TASK.per_hour(PRICES, on_demand_share=0) == pytest.approx(0.32 * TASK.per_hour(PRICES, on_demand_share=1))


def test_region_has_its_own_prices_or_the_first_ones_and_says_which() -> None:
    """The reader of a table knows whose prices it shows."""
    text = FILE.read_text().partition("[quotes.")[0]
    both = text + text.replace("us-east-1", "eu-west-1").replace("0.0225", "0.0252")
    own, other = Prices.read("eu-west-1", text=both), Prices.read("eu-west-3", text=both)
    assert (own.load_balancer_hour, own.told("eu-west-1")) == (0.0252, "eu-west-1")
    assert (other.load_balancer_hour, other.told("eu-west-3")) == (0.0225, "us-east-1, not eu-west-3")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (
            "load_balancer_hour = 0.0225",
            "load_balancer_hour = -0.0225",
            "load_balancer_hour: got '-0.0225', expected 0 or more",
        ),
        ("X86_64 = 0.04048", 'X86_64 = "0.04"', "vcpu_hour.X86_64: got '0.04', expected a number, in US dollars"),
        (
            "spot_discount = 0.68",
            "spot_discount = 68",
            "spot_discount: got '68', expected a share from 0, below 1, such as 0.68",
        ),
        ("nat_gateway_hour = 0.045", "", "nat_gateway_hour: got 'nothing', expected a value"),
        (
            "nat_gateway_hour",
            "nat_gateway_day",
            "nat_gateway_day: got '0.045', expected one of the fields dated, region, ",
        ),
        ("ARM64 = 0.00356", "", "gb_hour: got 'X86_64', expected these: X86_64, ARM64"),
        ("log_gb = 0.50", "", "usage: got 'storage_gb_month, alarm_metric_month, "),
    ],
)
def test_wrong_price_is_refused_by_its_name(old: str, new: str, says: str) -> None:
    """The file is for people: a price below zero, in percent, as a text, missing, or under another name."""
    text = FILE.read_text()
    assert text.count(old) >= 1
    with pytest.raises(InvalidEnvironment) as refused:
        Prices.read(text=text.replace(old, new, 1))
    assert str(refused.value).startswith(f"prices.{says}")


def test_mixed_fleet_costs_the_average_of_its_tasks() -> None:
    """With a quarter of the tasks on demand, the price is a quarter of the way from Spot to the full one."""
    spot, mixed, full = (TASK.per_hour(PRICES, on_demand_share=share) for share in (0, 0.25, 1))
    assert mixed == pytest.approx(0.75 * spot + 0.25 * full)


def test_arm_is_cheaper_than_x86() -> None:
    """Its price is the reason to choose it."""
    arm = Task(cpu=4096, memory_mib=8192, processor="ARM64")
    assert arm.per_hour(PRICES, on_demand_share=1) < TASK.per_hour(PRICES, on_demand_share=1)


def test_processor_is_refused_when_it_has_no_price() -> None:
    """The line lists the processors that have one."""
    with pytest.raises(ValueError, match=r"^task\.processor: got 'MIPS', expected one of X86_64, ARM64$"):
        Task(cpu=4096, memory_mib=8192, processor="MIPS").per_hour(PRICES, on_demand_share=1)


def test_endpoints_cost_more_than_nat_from_the_third_in_two_zones() -> None:
    """Endpoints are billed in each zone, so that a few of them cost more than one gateway."""
    two, three = (network_per_month(PRICES, endpoints=n, zones=2) for n in (2, 3))
    assert two["endpoints"] < two["nat"] < three["endpoints"]


def test_every_egress_has_a_price() -> None:
    """The prices cover each choice of an environment."""
    assert set(network_per_month(PRICES, endpoints=4, zones=2)) == set(Egress)


def test_idle_environment_pays_for_network_load_balancer_and_tasks() -> None:
    """Without a task, the load balancer and the network remain."""
    empty, two = (sum(idle_per_month(PRICES, network=10, task=TASK, tasks=n, web_acl=False).values()) for n in (0, 2))
    assert empty == pytest.approx(10 + 730 * 0.0225)
    assert two - empty == pytest.approx(730 * 2 * TASK.per_hour(PRICES, on_demand_share=1))


def test_web_acl_costs_a_list_and_two_rules() -> None:
    """AWS bills $5 for the list and $1 for each rule, in every region."""
    without, with_rules = (idle_per_month(PRICES, network=0, task=TASK, tasks=0, web_acl=on) for on in (False, True))
    assert sum(with_rules.values()) - sum(without.values()) == pytest.approx(5 + 2 * 1)


def test_report_has_every_environment_and_says_where_numbers_come_from() -> None:
    """The printed estimate is complete and dated, and calls an assumed speed assumed."""
    text = report()
    for environment in select(None):
        fleets, parts, choice = (line for line in text.splitlines() if line.startswith(f"{environment.name} "))
        assert f"0 to {environment.plan.batch_max_tasks} " in fleets
        assert f"  {Prices.read(environment.region).told(environment.region)} " in fleets
        assert fleets.endswith(f" {environment.api_settings.max_upload_bytes // 10**6}")
        dollars = [float(cell) for cell in parts.split()[1:-1]]
        assert sum(dollars) == pytest.approx(idle(environment, environment.network.egress, PRICES), abs=0.02)
        assert len(choice.split()) == 1 + len(Egress)
    assert PRICES.dated in text
    for speed in (environment.plan.speed for environment in select(None)):
        assert f"Speed, {'measured' if speed.measured else 'assumed'}: " in text
        assert speed.source in text


def test_value_that_does_not_fit_ends_the_report_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a wrong edit of an environment, the reader gets a sentence, not a traceback."""
    monkeypatch.setattr(stacks.environments.selection, "environments", lambda: (replace(FORGE, recording_days=0),))
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(ROOT / "stacks" / "__main__.py"), run_name="__main__")
    assert end.value.code == "forge.recording_days: got '0', expected a whole number, 3 or more"
