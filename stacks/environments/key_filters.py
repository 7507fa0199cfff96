"""Whether EventBridge takes the key filter of an environment's settings as the pattern of a rule."""

import json

from service.settings import Settings
from stacks.capacity import InvalidEnvironment

# EventBridge takes patterns of 2048 characters; the rest of ours, with the bucket's name, takes 150.
MAX_CHARACTERS = 2048 - 150
# EventBridge refuses a rule as "too complex" if a key can be in more places of its wildcards at once. It documents no
# number; this is the one that is seen (MachineComplexityEvaluator of aws/event-ruler measures it).
MAX_COMPLEXITY = 10


def check_key_filter(environment: str, settings: Settings) -> None:
    """Refuse prefixes and suffixes that EventBridge would refuse at deploy time."""
    name = f"{environment}.settings.recording_suffixes"
    found = settings.key_filter
    if len(json.dumps(found.patterns, separators=(",", ":"))) > MAX_CHARACTERS:
        expected = f"fewer or shorter ones: EventBridge's pattern has a place for {MAX_CHARACTERS} characters"
        raise InvalidEnvironment(name, settings.recording_suffixes, f"{expected}, for each prefix with each suffix")
    # Every suffix is looked for from the end of the prefix on, and so is each of its beginnings that is being read.
    complexity = sum(1 + _read_at_once(suffix) for suffix in found.suffixes)
    if found.prefixes and complexity > MAX_COMPLEXITY:
        expected = "fewer ones, such as .wav,.WAV: beside recording_prefixes EventBridge takes about five"
        raise InvalidEnvironment(name, settings.recording_suffixes, expected)


def _read_at_once(suffix: str) -> int:
    """The most beginnings of a suffix that a text can end with at the same time.

    >>> _read_at_once(".wav"), _read_at_once("..."), _read_at_once(".wav.wav")
    (1, 3, 2)
    """
    ends = (suffix[:end] for end in range(1, len(suffix) + 1))
    return max(sum(read.endswith(suffix[:begin]) for begin in range(1, len(read) + 1)) for read in ends)
