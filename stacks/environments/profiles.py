"""The committed profiles that environments are planned with."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from stacks.capacity.profiles import measured, stale
from stacks.environments.environment import Environment


def old_profiles(environments: Sequence[Environment], *, today: date) -> list[str]:
    """A line for each measurement that these environments rest on, and that should be made again.

    The synth knows no clock: the same values give the same templates. So the commands that people run ask for it.
    """
    used = {
        profile.file_name: profile
        for environment in environments
        if environment.speed is None
        for profile in measured(
            replace(environment.settings, lanes=environment.lanes), architecture=environment.processor
        )
    }
    reasons = stale([*used.values()], today=today)
    return [f"Profile {reason}; docs/profiles.md says how to measure it again." for reason in reasons]
