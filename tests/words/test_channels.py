"""Channels of real calls: two speakers stay two, and mono recorded as stereo is heard once."""

import numpy as np
import pytest

from service.recording.channels import duplicates
from tests.service.media import decode_path
from tests.words.voices import Voices

CALLS = (
    "call01_en_clear",
    "call02_en_overlap",
    "call03_fr",
    "call04_en_long_hold",
    "call05_en_noise15",
    "call06_en_digits",
)
GENUINE = ("en_aws_autorepairs40_2ch.flac", "en_google_two_channel_16k.flac")


@pytest.mark.parametrize("bleed", [0.0, 0.1, 0.5, 0.8])
@pytest.mark.parametrize("name", CALLS)
def test_speakers_of_a_call_stay_apart(voices: Voices, name: str, bleed: float) -> None:
    """However loud each speaker is on the other's channel."""
    first, second = decode_path(voices.call(name)[0]).samples.astype(np.float32) * 0.5
    mixed = np.stack([first + bleed * second, second + bleed * first])
    assert duplicates(mixed.astype(np.int16)) == {}


@pytest.mark.parametrize("name", GENUINE)
def test_speakers_of_a_genuine_call_stay_apart(voices: Voices, name: str) -> None:
    """Two microphones, two people."""
    assert decode_path(voices.path(name)).distinct_channels() == (0, 1)


def test_reader_in_stereo_is_one_channel(voices: Voices) -> None:
    """One person in a stereo MP3."""
    assert decode_path(voices.path("en_sonnet_1.mp3")).distinct_channels() == (0,)
