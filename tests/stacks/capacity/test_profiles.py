"""Committed profiles: each in a file of its name, and a warning once they are old."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from service import __version__
from stacks.capacity import InvalidEnvironment
from stacks.capacity.hosts import shares
from stacks.capacity.profiles import STALE_DAYS, hosts, profiles, stale
from tests.service.test_task_profile import PROFILE

CURRENT = replace(PROFILE, version=__version__)
TODAY = CURRENT.measured + timedelta(days=STALE_DAYS)


def test_profile_is_named_by_what_it_measured(tmp_path: Path) -> None:
    """A copy under another name would count twice, or be taken for another task's."""
    (tmp_path / PROFILE.file_name).write_text(PROFILE.to_toml())
    assert profiles(tmp_path) == (PROFILE,)
    other = tmp_path / "other"
    other.mkdir()
    (other / "copy.toml").write_text(PROFILE.to_toml())
    with pytest.raises(
        InvalidEnvironment, match=r"^copy.toml: got .*, expected base-vnni-2048.toml, by what it measured"
    ):
        profiles(other)


def test_wrong_value_names_file_and_field(tmp_path: Path) -> None:
    """Someone has edited it by hand."""
    (tmp_path / PROFILE.file_name).write_text(PROFILE.to_toml().replace("low = 16.0", "low = -16.0"))
    with pytest.raises(
        InvalidEnvironment, match=r"^base-vnni-2048.toml low: got '-16.0', expected above 0, 16.2 at most"
    ):
        profiles(tmp_path)


@pytest.mark.parametrize(
    ("changed", "today", "says"),
    [
        ({}, TODAY, []),
        ({}, TODAY + timedelta(days=1), ["got one of 181 days, expected 180 at most"]),
        ({}, CURRENT.measured - timedelta(days=1), ["got the date 2026-11-26, expected 2026-11-25 at most"]),
        ({"version": "0.0.1"}, TODAY, [f"got one of version 0.0.1, expected {__version__}"]),
    ],
    ids=["fresh", "old", "of tomorrow", "another version"],
)
def test_stale_profile_is_told(changed: dict[str, str], today: date, says: list[str]) -> None:
    """By the day on which a person asks: the synth knows no clock."""
    found = stale([replace(CURRENT, **changed)], today=today)  # type: ignore[arg-type]
    assert found == [f"base-vnni-2048.toml: {each}" for each in says]


def test_kind_that_was_not_measured_is_as_slow_as_the_slowest() -> None:
    """And a size that was not, as fast per vCPU as the nearest; both say that they are assumed."""
    fast = replace(PROFILE, kind="AMX", cpu=4096, audio_seconds_per_second=40.0, low=39.0, high=41.0)
    found = {host.kind: host for host in hosts([PROFILE, fast], cpu=2048, architecture="X86_64")}
    assert found.keys() == shares("X86_64").keys()
    assert {kind: host.measured for kind, host in found.items()} == {
        "AMX": False,
        "VNNI": True,
        "AVX-512": False,
        "AVX2": False,
    }
    assert found["AMX"].audio_seconds_per_second == 20.0
    assert found["AVX2"].audio_seconds_per_second == found["VNNI"].audio_seconds_per_second == 16.2
