"""The committed profiles of tasks, and the speed on each kind of host that follows from them.

`python -m service profile` writes one, `python -m delivery.profile` that of a task on Fargate (docs/capacity.md).
"""

from collections.abc import Sequence
from datetime import date
from functools import cache
from math import log
from pathlib import Path

from service import __version__
from service.settings import Settings, WrongValue
from service.task_profile import TaskProfile
from stacks.capacity.checks import InvalidEnvironment
from stacks.capacity.hosts import HostKind, shares

FOLDER = Path(__file__).with_name("profiles")
# Half a year later, AWS has other hosts.
STALE_DAYS = 180


@cache
def profiles(folder: Path = FOLDER) -> tuple[TaskProfile, ...]:
    """The profiles of a folder, by the names of their files.

    Raises:
        InvalidEnvironment: a profile is unreadable or has a wrong value, or its file has another one's name.
    """
    return tuple(_read(path) for path in sorted(folder.glob("*.toml")))


def measured(settings: Settings, *, architecture: str) -> Sequence[TaskProfile]:
    """The profiles of a task with these settings, of whatever size."""
    return [profile for profile in profiles() if profile.fits(settings, architecture=architecture)]


def hosts(found: Sequence[TaskProfile], *, cpu: int, architecture: str) -> tuple[HostKind, ...]:
    """The kinds of hosts that a task of this size may get, each with its speed by the profiles found for it.

    A kind has the speed per vCPU of the nearest size that was measured on it. One that was not measured at all is as slow
    as the slowest of those that were.
    """
    return tuple(_host(found, kind=kind, share=share, cpu=cpu) for kind, share in shares(architecture).items() if found)


def stale(found: Sequence[TaskProfile], *, today: date) -> list[str]:
    """Why each profile that is old, or of another version of the service, should be measured again."""
    reasons = []
    for profile in found:
        days = (today - profile.measured).days
        if days > STALE_DAYS:
            reasons.append(f"{profile.file_name}: got one of {days} days, expected {STALE_DAYS} at most")
        if days < 0:
            reasons.append(f"{profile.file_name}: got the date {profile.measured}, expected {today} at most")
        if _series(profile.version) != _series(__version__):
            reasons.append(f"{profile.file_name}: got one of version {profile.version}, expected {__version__}")
    return reasons


def _series(version: str) -> list[str]:
    """A version without its last number, which repairs change."""
    return version.split(".")[:2]


def _read(path: Path) -> TaskProfile:
    try:
        profile = TaskProfile.read(path.read_text())
    except WrongValue as error:
        raise InvalidEnvironment(f"{path.name} {error.name}", error.value, error.expected) from None
    if path.name != profile.file_name:
        raise InvalidEnvironment(path.name, "another profile's name", f"{profile.file_name}, by what it measured")
    return profile


def _host(found: Sequence[TaskProfile], *, kind: str, share: float, cpu: int) -> HostKind:
    own = [profile for profile in found if profile.kind == kind]
    if own:
        chosen = min(own, key=lambda profile: abs(log(profile.cpu / cpu)))
    else:
        chosen = min(found, key=lambda profile: profile.speed_of_vcpu)
    times = cpu / chosen.cpu
    return HostKind(
        kind=kind,
        share=share,
        audio_seconds_per_second=times * chosen.audio_seconds_per_second,
        low=times * chosen.low,
        high=times * chosen.high,
        measured=(chosen.kind, chosen.cpu) == (kind, cpu),
    )
