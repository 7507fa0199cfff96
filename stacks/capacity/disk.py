"""What a task's disk has to hold when everything that its settings allow comes at once.

Pure arithmetic; docs/capacity.md derives it. A full disk would turn away calls that were accepted.
"""

from service.settings import Settings

# Fargate's 20 GiB, of which the image takes its size twice, as it came and unpacked. A model from S3 takes its own once.
DISK_BYTES = (20 - 8) * 2**30
# As the service decodes: 16 kHz, 16 bit, eight channels at most; a test compares.
DECODED_BYTES_PER_SECOND = 16_000 * 2 * 8
# WAV as telephone systems record it: 8 kHz, 16 bit, one channel a side.
TELEPHONE_BYTES_PER_SECOND = 8_000 * 2 * 2


def decoded(settings: Settings) -> int:
    """Bytes of the longest recording once it is decoded."""
    return DECODED_BYTES_PER_SECOND * (settings.max_audio_seconds + 1)


def check_lanes(settings: Settings) -> None:
    """Refuse more lanes than a worker's disk has room for: each holds a recording as it came, and decoded.

    Raises:
        ValueError: names how many there may be.
    """
    most = DISK_BYTES // (settings.max_upload_bytes + decoded(settings))
    if settings.lanes > most:
        expected = f"at most {most} recordings of max_upload_bytes and max_audio_seconds on a task's disk"
        raise ValueError(f"settings.lanes: got '{settings.lanes}', expected {expected}")


def largest_upload(settings: Settings) -> int:
    """How many bytes an API takes of a caller: no more than its disk has room for were every place taken by such a call.

    A call that waits is there once, as it came; one in work is there twice, and decoded.

    Raises:
        ValueError: not even the longest call as telephone systems record it.
    """
    places = 2 * settings.max_running + settings.max_waiting
    room = (DISK_BYTES - settings.max_running * decoded(settings)) // places
    if room < TELEPHONE_BYTES_PER_SECOND * settings.max_audio_seconds:
        expected = "fewer, or fewer max_waiting: a task's disk does not hold a call of max_audio_seconds for each"
        raise ValueError(f"settings.max_running: got '{settings.max_running}', expected {expected}")
    return min(settings.max_upload_bytes, room)
