"""The decoder, with a real if small model: each window has its own limit, and no neighbour in its batch changes its text."""

import numpy as np
import pytest
from numpy.typing import NDArray

from service.engine import loading
from service.engine.decoding import SPARE_TOKENS, TOKENS_PER_SECOND, Decoder, Encoding
from service.recording import SAMPLE_RATE, decode
from service.settings import Settings
from tests.standin import MODEL, VOICEMAIL

SECONDS = 20.0


@pytest.fixture(scope="module")
def decoder() -> Decoder:
    """The stand-in model on one thread, computing exactly."""
    return loading.load(Settings(model=str(MODEL), threads=1, compute_type="float32", encoder="ctranslate2"))


@pytest.fixture(scope="module")
def encoding(decoder: Decoder) -> Encoding:
    """The encoding of a call's beginning, of 20 s."""
    with VOICEMAIL.open("rb") as file:
        samples: NDArray[np.int16] = decode(file, settings=Settings(), name=VOICEMAIL.name).samples[0]
    return decoder.encode(samples[: round(SECONDS * SAMPLE_RATE)].astype(np.float32) / np.float32(32768))


def test_text_that_reaches_the_limit_of_its_window_is_cut_off(decoder: Decoder, encoding: Encoding) -> None:
    """A loop is not worth decoding to its end: people say fewer tokens in a second. A beam may find a shorter text instead."""
    whole, hurried = (decoder.generate(encoding[None], ["en"], [seconds], beam_size=1)[0] for seconds in (SECONDS, 0.0))
    assert not whole.cut_off
    assert SPARE_TOKENS < len(whole.tokens) < SPARE_TOKENS + TOKENS_PER_SECOND * SECONDS
    assert hurried.cut_off
    assert len(hurried.tokens) == SPARE_TOKENS


def test_text_does_not_depend_on_the_windows_beside_it(decoder: Decoder, encoding: Encoding) -> None:
    """Neither the words nor the verdict on their length: a batch has windows of several calls."""
    silence = decoder.encode(np.zeros(SAMPLE_RATE, np.float32))
    batch = np.stack([silence, encoding, encoding])
    _, whole, hurried = decoder.generate(batch, ["fr", "en", "en"], [1.0, SECONDS, 0.0], beam_size=1)
    alone = decoder.generate(encoding[None], ["en"], [SECONDS], beam_size=1)[0]
    assert (whole.text, whole.tokens, whole.cut_off) == (alone.text, alone.tokens, False)
    assert hurried.cut_off
