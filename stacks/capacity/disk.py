"""The most that a task's disk has to hold under its settings; docs/capacity.md derives it.

A full disk would fail calls that were already accepted.
"""

from service.settings import Settings
from stacks.capacity.checks import InvalidEnvironment

# Fargate's 20 GiB, less 8 GiB for the image, which is stored compressed and unpacked, and for a model from S3.
DISK_BYTES = (20 - 8) * 2**30
# The format that the service decodes to: 16 kHz, 16 bit, eight channels at most; a test compares.
DECODED_BYTES_PER_SECOND = 16_000 * 2 * 8
# WAV as telephone systems record it: 8 kHz, 16 bit, one channel for each side.
TELEPHONE_BYTES_PER_SECOND = 8_000 * 2 * 2


def decoded(settings: Settings) -> int:
    """Bytes of the longest recording once it is decoded."""
    return DECODED_BYTES_PER_SECOND * (settings.max_audio_seconds + 1)


def most_lanes(settings: Settings) -> int:
    """How many recordings a worker's disk has room for: each as downloaded, and decoded."""
    return DISK_BYTES // (settings.max_upload_bytes + decoded(settings))


def check_lanes(settings: Settings) -> None:
    """Refuse more lanes than a worker's disk has room for.

    Raises:
        InvalidEnvironment: names how many lanes fit.
    """
    if settings.lanes > (most := most_lanes(settings)):
        expected = f"at most {most} recordings of max_upload_bytes and max_audio_seconds on a task's disk"
        raise InvalidEnvironment("settings.lanes", settings.lanes, expected)


def largest_upload(settings: Settings) -> int:
    """The largest upload, in bytes, that an API's disk has room for if every slot has one of that size.

    Every call is stored as uploaded until it ends; a running one is stored decoded, too.

    Raises:
        InvalidEnvironment: not even the longest call as telephone systems record it fits.
    """
    slots = settings.max_running + settings.max_waiting
    room = (DISK_BYTES - settings.max_running * decoded(settings)) // slots
    if room < TELEPHONE_BYTES_PER_SECOND * settings.max_audio_seconds:
        expected = "fewer, or fewer max_waiting: a task's disk does not hold a call of max_audio_seconds for each"
        raise InvalidEnvironment("settings.max_running", settings.max_running, expected)
    return min(settings.max_upload_bytes, room)
