"""The sample calls against their truth."""

import tomllib

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from demo.truth import DEMO, Call, load_calls

CALLS = load_calls()
RATE = 8_000
SCRIPT = DEMO / "recording" / "calls.toml"
# By name: codec, channels, shortest and longest duration in seconds.
FILES = {
    "billing.wav": ("pcm_mulaw", 2, 70, 80),
    "delivery.mp3": ("mp3float", 2, 70, 80),
    "rendez-vous.wav": ("pcm_mulaw", 2, 65, 75),
    "voicemail.wav": ("pcm_mulaw", 1, 35, 45),
}


def samples(call: Call) -> NDArray[np.float32]:
    """The call's samples as they are stored, shape (channels, frames), -1…1."""
    resampler = av.AudioResampler(format="fltp")
    with av.open(call.path) as container:
        frames = [part for frame in container.decode(audio=0) for part in resampler.resample(frame)]
    return np.concatenate([frame.to_ndarray() for frame in frames], axis=1)


def test_calls_are_those_expected() -> None:
    """Every call has a truth, and every truth a call."""
    assert set(CALLS) == set(FILES)


@pytest.mark.parametrize("name", FILES)
def test_file_has_the_telephones_format(name: str) -> None:
    """Rate, codec and channels are those of a telephone system; the file is as long as a call."""
    codec, channels, shortest, longest = FILES[name]
    with av.open(CALLS[name].path) as container:
        context = container.streams.audio[0].codec_context
        assert (context.name, context.sample_rate, context.channels) == (codec, RATE, channels)
    assert shortest <= samples(CALLS[name]).shape[1] / RATE <= longest


@pytest.mark.parametrize("name", FILES)
def test_truth_is_sorted_and_inside_the_file(name: str) -> None:
    """Turns are in call order, none is empty, all are on channels of the file and within its time."""
    turns, (channels, frames) = CALLS[name].turns, samples(CALLS[name]).shape
    assert list(turns) == sorted(turns, key=lambda turn: turn.start)
    assert {turn.channel for turn in turns} == set(range(channels))
    assert all(0 <= turn.start < turn.end <= frames / RATE and turn.text for turn in turns)


@pytest.mark.parametrize("name", FILES)
def test_sound_is_where_the_truth_says(name: str) -> None:
    """Within 50 ms of its turns a channel holds speech, elsewhere faint noise: no leak between the speakers."""
    margin, first_100_ms = RATE // 20, RATE // 10
    sound = samples(CALLS[name])
    silent = np.ones(sound.shape, bool)
    for turn in CALLS[name].turns:
        start, end = round(turn.start * RATE), round(turn.end * RATE)
        channel = sound[turn.channel]
        assert np.abs(channel[start : start + first_100_ms]).max() > 0.003
        assert np.abs(channel[end - first_100_ms : end]).max() > 0.003
        silent[turn.channel, max(start - margin, 0) : end + margin] = False
    for channel, pauses in zip(sound, silent, strict=True):
        assert np.sqrt(np.mean(channel[pauses] ** 2)) < 0.002


def test_truth_is_the_script() -> None:
    """Each call says the sentences of its script, in order."""
    for call in tomllib.loads(SCRIPT.read_text("utf-8"))["calls"]:
        channels = {speaker: channel for channel, speaker in enumerate(call["cast"])}
        scripted = [(channels[who], turn[who]) for turn in call["turns"] for who in channels if who in turn]
        truth = CALLS[call["audio"]]
        assert [(turn.channel, turn.text) for turn in truth.turns] == scripted
        assert truth.language == call["language"]
