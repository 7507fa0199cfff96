"""Everything that a task accepts at once fits on its disk, or the environment is refused."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from service.recording import BYTES_PER_SAMPLE, MAX_CHANNELS, SAMPLE_RATE
from service.settings import Settings
from stacks.capacity import check_lanes, largest_upload
from stacks.capacity.disk import DECODED_BYTES_PER_SECOND, DISK_BYTES
from stacks.environments import Environment

PLENTY = st.builds(
    Settings,
    max_audio_seconds=st.integers(1, 86_400),
    max_upload_bytes=st.integers(1024, 5_368_709_120),
    lanes=st.integers(1, 16),
    max_running=st.integers(1, 64),
    max_waiting=st.integers(0, 1000),
)


def decoded(settings: Settings) -> int:
    """Bytes of the longest recording with the largest number of channels that the service accepts."""
    return settings.max_audio_seconds * SAMPLE_RATE * BYTES_PER_SAMPLE * MAX_CHANNELS


def test_decoded_audio_has_the_size_that_the_service_makes() -> None:
    """The stacks do not import the decoder, so a test compares the constants."""
    assert DECODED_BYTES_PER_SECOND == SAMPLE_RATE * BYTES_PER_SAMPLE * MAX_CHANNELS


@given(settings=PLENTY)
def test_worker_is_accepted_if_every_lane_has_room(settings: Settings) -> None:
    """Each lane may hold the largest upload and the longest decoded audio."""
    # The decoder may write a second more than is accepted.
    needed = settings.lanes * (settings.max_upload_bytes + decoded(settings) + DECODED_BYTES_PER_SECOND)
    if needed <= DISK_BYTES:
        check_lanes(settings)
    else:
        with pytest.raises(ValueError, match=rf"^settings\.lanes: got '{settings.lanes}', expected at most \d+ "):
            check_lanes(settings)


@given(settings=PLENTY)
def test_api_accepts_no_larger_upload_than_it_can_store_in_every_slot(settings: Settings) -> None:
    """Every slot is taken, by a call of the largest size."""
    try:
        upload = largest_upload(settings)
    except ValueError:
        assume(False)  # noqa: FBT003 -- Hypothesis has no keyword for it
    waiting, running = settings.max_waiting * upload, settings.max_running * (upload + decoded(settings))
    assert waiting + running <= DISK_BYTES
    assert upload <= settings.max_upload_bytes


def test_api_without_room_for_its_slots_is_refused() -> None:
    """One line names the settings to change."""
    with pytest.raises(
        ValueError, match=r"^settings\.max_running: got '64', expected fewer, or fewer max_waiting: [^\n]+$"
    ):
        largest_upload(Settings(max_running=64))


def test_environments_accept_any_call_that_a_telephone_system_records(environment: Environment) -> None:
    """API and batch accept the longest call as 16 kHz stereo WAV, twice the size that telephones need."""
    for settings in (environment.settings, environment.api_settings):
        assert settings.max_upload_bytes >= settings.max_audio_seconds * 16_000 * 2 * 2
