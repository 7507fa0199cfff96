"""Whisper `base`, and the real voices in the folder SPEECH."""

import os
from pathlib import Path

import pytest

from service.engine.engine import Engine
from service.settings import Settings
from tests.words.voices import Voices

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="session")
def engine() -> Engine:
    """The real model, on one thread, because several test processes share the machine."""
    return Engine.load(Settings(model="base", threads=1))


@pytest.fixture(scope="session")
def voices() -> Voices:
    """Real people's recordings; without them the tests are left out, which CI does not accept."""
    folder = Path(os.environ.get("SPEECH") or ROOT.parent / "shared" / "speech")
    if (folder / "manifest.json").is_file():
        return Voices(folder)
    reason = f"left out: no real voices in {folder}; SPEECH names their folder"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
