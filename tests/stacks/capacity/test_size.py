"""The size of a task follows from measured speed, price and memory."""

from dataclasses import replace

import pytest

from service import footprint
from service.settings import Settings
from service.task_profile import TaskProfile, conditions
from stacks.capacity import FARGATE_MEMORY_MIB, InvalidEnvironment, Prices, Speed, Task, check_memory, choices, choose
from stacks.capacity import profiles as committed
from stacks.capacity.size import MEMORY_MARGIN
from tests.service.test_task_profile import PROFILE

PRICES = Prices.read()
TASK = Task(cpu=0, memory_mib=0)
BASE = Settings(job_deadline_seconds=5400)


def profile(cpu: int, speed: float, *, lanes: int = 2, peak: int = 1000) -> TaskProfile:
    """A profile of `base` on VNNI, as all hosts then are assumed to be."""
    settings = conditions(replace(BASE, lanes=lanes))
    return replace(
        PROFILE,
        cpu=cpu,
        audio_seconds_per_second=speed,
        low=speed,
        high=speed,
        peak_memory_mib=peak,
        settings=settings,
    )


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[TaskProfile]:
    """Profiles in place of the committed ones; each test appends its own."""
    found: list[TaskProfile] = []
    monkeypatch.setattr(committed, "profiles", lambda: tuple(found))
    return found


def test_cheapest_measured_size_is_chosen(measured: list[TaskProfile]) -> None:
    """A vCPU that is faster beside another one makes the larger task the cheaper one, and the other way round."""
    for small, large, cpu in ((6.0, 16.0, 2048), (10.0, 16.0, 1024)):
        measured[:] = [profile(1024, small), profile(2048, large)]
        found = choose(BASE, task=TASK, prices=PRICES)
        assert (found.cpu, found.measured) == (cpu, True)
        every = choices(BASE, task=TASK, prices=PRICES)
        assert found.dollars_per_audio_hour == min(each.dollars_per_audio_hour for each in every if each.measured)


def test_larger_of_even_sizes_is_chosen(measured: list[TaskProfile]) -> None:
    """For the same money it answers a call over the API sooner."""
    measured[:] = [profile(1024, 8.0), profile(2048, 16.0), profile(4096, 31.5)]
    assert choose(BASE, task=TASK, prices=PRICES).cpu == 4096


def test_assumed_size_never_wins_over_a_measured_one(measured: list[TaskProfile]) -> None:
    """Nobody knows that four vCPUs are twice as fast as two."""
    measured[:] = [profile(2048, 16.0)]
    assert choose(BASE, task=TASK, prices=PRICES).cpu == 2048


def test_faster_number_of_lanes_is_chosen(measured: list[TaskProfile]) -> None:
    """If it was measured; a number that the settings give stays."""
    measured[:] = [profile(2048, 16.0), profile(2048, 20.0, lanes=4)]
    assert choose(BASE, task=TASK, prices=PRICES).lanes == 4
    assert choose(replace(BASE, lanes=3), task=TASK, prices=PRICES).lanes == 3


def test_memory_is_the_need_or_the_measured_peak_with_a_margin(measured: list[TaskProfile]) -> None:
    """The least that Fargate offers for it."""
    needed = footprint.most_needed(footprint.KNOWN["base"], BASE, cpu=1024, exact_int8=False).total / footprint.MB
    for peak in (1000, 1800, 3000):
        measured[:] = [profile(1024, 9.0, peak=peak)]
        least = max(needed, MEMORY_MARGIN * peak)
        assert choose(BASE, task=TASK, prices=PRICES).memory_mib == min(
            offered for offered in FARGATE_MEMORY_MIB[1024] if offered >= least
        )


def test_size_too_small_for_the_longest_call_is_not_chosen(measured: list[TaskProfile]) -> None:
    """`small` is assumed slow: the smallest task that ends an hour and a half of recording in its deadline is taken."""
    assert not measured
    for deadline, cpu in ((10_800, 2048), (5400, 4096), (2700, 8192)):
        settings = Settings(model="small", job_deadline_seconds=deadline)
        found = choose(settings, task=TASK, prices=PRICES)
        assert (found.cpu, found.measured) == (cpu, False)


@pytest.mark.parametrize(("model", "told"), [("base", ""), ("/models/own", ", if it is as large as small")])
def test_choice_says_what_it_rests_on(model: str, told: str) -> None:
    """Memory by purpose, speed measured or assumed, dollars; of a model of one's own, what it counts as."""
    found = choose(replace(BASE, model=model), task=TASK, prices=PRICES)
    assert str(found).endswith(f"needs {found.needed}")
    assert found.needed.endswith(told or ")")
    assert "MB (process 240, weights " in str(found)
    assert (" measured " if found.speed.measured else " assumed ") in str(found)


def test_given_speed_leaves_its_own_size(measured: list[TaskProfile]) -> None:
    """It was measured on that one, whatever else was."""
    measured[:] = [profile(2048, 16.0)]
    speed = Speed(audio_seconds_per_second=9.0, cpu=8192, source="a test", measured=True)
    assert choose(BASE, task=TASK, prices=PRICES, speed=speed).cpu == 8192


def test_model_that_no_task_holds_is_refused() -> None:
    """With the numbers of the smallest task."""
    giant = Settings(model="large-v3", batch_size=64, job_deadline_seconds=14_400)
    with pytest.raises(
        InvalidEnvironment, match=r"^size: got 'None', expected a model and settings that a task can hold"
    ):
        choose(giant, task=TASK, prices=PRICES)


def test_task_too_small_for_its_model_is_refused() -> None:
    """With the memory that is needed, by purpose: the start of the engine would refuse it, at night."""
    small = Settings(model="small")
    with pytest.raises(
        InvalidEnvironment,
        match=r"^size.memory_mib: got '4096', expected 6214 or more, or a smaller batch_size: small needs 6213 MB "
        r"\(process 240, weights 2056, batches 3262, calls 374, decoders 280\)$",
    ):
        check_memory(small, cpu=2048, memory_mib=4096, processor="X86_64")
    check_memory(small, cpu=2048, memory_mib=7168, processor="X86_64")
    check_memory(replace(small, batch_size=2), cpu=2048, memory_mib=4096, processor="X86_64")
    check_memory(Settings(model="/models/own"), cpu=256, memory_mib=512, processor="X86_64")


def test_arm_needs_no_room_for_float32() -> None:
    """Its 8-bit products are exact, whatever the host."""
    small = Settings(model="small")
    check_memory(small, cpu=2048, memory_mib=6144, processor="ARM64")
    with pytest.raises(InvalidEnvironment):
        check_memory(small, cpu=2048, memory_mib=6144, processor="X86_64")
