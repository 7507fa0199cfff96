"""Genuine recordings without a header, as telephone systems keep them."""

import re

import pytest

from service.engine.engine import Engine
from tests.service.media import decode_path
from tests.words.voices import Voices

NUMBERS = set("zero one two three four five six seven eight nine".split())  # noqa: SIM905 - a list to read


@pytest.mark.parametrize("name", ["en_asterisk_conf-usermenu-162.gsm", "en_asterisk_vm-opts-full.g722"])
def test_prompt_of_a_telephone_system_is_understood(voices: Voices, engine: Engine, name: str) -> None:
    """Nine words of ten, from a file that only its name explains."""
    recording = decode_path(voices.path(name))
    assert not recording.partial
    heard = words(" ".join(segment.text for segment in engine.transcribe(recording).segments))
    said = words(voices.text(name))
    assert len(heard & said) >= 0.9 * len(said)


def words(text: str) -> set[str]:
    """The different words of a text, without numbers, which the model writes as digits."""
    return set(re.findall(r"[a-z]+", text.lower())) - NUMBERS
