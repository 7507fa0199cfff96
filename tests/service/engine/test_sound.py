"""The sounds of a channel: the extent of speech, doubtful sounds, and the noise of a line."""

import numpy as np
from numpy.typing import NDArray

from service.engine.detector import FRAME, Detector, Probabilities
from service.engine.sound import LEAD_FRAMES, REACH_FRAMES, Channel, listen
from service.recording import SAMPLE_RATE


class FakeDetector(Detector):
    """Finds speech in given frames, whatever the sound."""

    def __init__(self, values: Probabilities) -> None:
        self.values = values

    def probabilities(self, samples: NDArray[np.int16]) -> Probabilities:
        """The given values."""
        assert len(self.values) == -(-len(samples) // FRAME)
        return self.values


def line(*parts: tuple[float, float]) -> NDArray[np.int16]:
    """Noise of these (number of frames, level in dBFS), one after the other."""
    generator = np.random.default_rng(4)
    return np.concatenate(
        [
            np.clip(generator.normal(0, 32768 * 10 ** (level / 20), round(frames) * FRAME), -32768, 32767)
            for frames, level in parts
        ]
    ).astype(np.int16)


def hear(samples: NDArray[np.int16], *speech: tuple[int, int], elsewhere: float = 0.0) -> Channel:
    """The sounds of a channel, if the detector finds speech in these frames and a probability elsewhere."""
    values = np.full(-(-len(samples) // FRAME), elsewhere, np.float32)
    for start, end in speech:
        values[start:end] = 0.9
    return listen(samples, FakeDetector(values))


def test_nothing_is_heard_on_silence_and_line_noise() -> None:
    """Neither speech nor sounds: nothing of it is given to the model or named."""
    for samples in (np.zeros(0, np.int16), np.zeros(5 * SAMPLE_RATE, np.int16), line((300, -60)), line((300, -25))):
        found = listen(samples, Detector())
        assert (found.speech, found.doubtful, found.sounds) == ((), (), ())


def test_speech_reaches_to_the_beginning_and_end_of_its_sound() -> None:
    """The detector is late for soft beginnings: what rises from the noise just before belongs to the speech."""
    found = hear(line((100, -60), (20, -35), (50, -20), (12, -40), (100, -60)), (120, 170))
    (speech,) = found.speech
    assert (speech.certain.start, speech.certain.end) == (120 * FRAME, 170 * FRAME)
    assert abs(speech.start - 100 * FRAME) <= 3 * FRAME
    assert abs(speech.end - 182 * FRAME) <= 3 * FRAME


def test_speech_does_not_reach_into_steady_sound() -> None:
    """Without a rise from the noise close by, the sound before speech is something else."""
    assert REACH_FRAMES < 100
    found = hear(line((400, -60), (100, -30), (50, -20), (100, -60)), (500, 550))
    assert found.speech[0].start == 500 * FRAME


def test_speech_in_noise_begins_a_little_earlier() -> None:
    """Noise hides a soft beginning."""
    found = hear(line((100, -35), (50, -20), (100, -35)), (100, 150))
    assert (100 - LEAD_FRAMES - 3) * FRAME <= found.speech[0].start <= (100 - LEAD_FRAMES) * FRAME


def test_neighbouring_speech_does_not_overlap() -> None:
    """A pause that is as loud as speech is shared, not given to both."""
    found = hear(line((50, -60), (100, -20), (50, -60)), (50, 95), (106, 150))
    first, second = found.speech
    assert first.end <= second.start


def test_speech_ends_with_the_samples() -> None:
    """The last frame may be longer than the recording."""
    samples = line((50, -60), (50, -20))[:-100]
    assert hear(samples, (50, 100)).speech[-1].end == len(samples)


def syllables(level: float) -> list[tuple[float, float]]:
    """Five seconds of sound that rises and falls as speech does."""
    return [(8, level), (8, level - 14)] * 10


def test_lively_sound_that_is_nearly_speech_is_doubtful() -> None:
    """The model decides about sounds that the detector refuses only just."""
    found = hear(line((100, -70), *syllables(-30), (100, -70)), elsewhere=0.1)
    (sound,) = found.doubtful
    assert abs(sound.start - 100 * FRAME) <= 8 * FRAME
    assert abs(sound.length - 160 * FRAME) <= 16 * FRAME
    assert len(found.sounds) == 1


def test_lively_sound_that_is_surely_no_speech_is_only_named() -> None:
    """Music and ringing do not cost the model's time."""
    found = hear(line((100, -70), *syllables(-30), (100, -70)), elsewhere=0.001)
    assert (found.doubtful, len(found.sounds)) == ((), 1)


def test_sound_beside_speech_is_neither_doubtful_nor_named() -> None:
    """It belongs to the speech, or is its reverberation."""
    found = hear(line((100, -70), *syllables(-30), (20, -30), (100, -70)), (100, 260), elsewhere=0.0)
    assert (found.doubtful, found.sounds) == ((), ())
