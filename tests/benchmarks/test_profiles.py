"""The committed profiles: the passes of each case become one."""

from dataclasses import replace
from pathlib import Path

from benchmarks import profiles
from tests.service.test_task_profile import PROFILE


def test_passes_of_a_case_are_one_profile(tmp_path: Path) -> None:
    """The median of the passes; the machine says if it hid instructions; a case without a pass is left out."""
    cases = [profiles.Case(level=level, cpus=2, folder=tmp_path) for level in ("", "VNNI", "AVX2")]
    for case in cases[:2]:
        for number, speed in enumerate((9.0, 7.0, 8.0)):
            own = replace(PROFILE, audio_seconds_per_second=speed, low=speed, high=speed, rounds=1)
            case.passed(number).write_text(own.to_toml())
    own, hidden = profiles.merged(cases, passes=3)
    assert (own.audio_seconds_per_second, own.low, own.high, own.rounds) == (8.0, 7.0, 9.0, 3)
    assert (own.machine, hidden.machine) == ("a shared host", "a shared host; newer instructions hidden")
    assert own.command == "python -m benchmarks.profiles"
