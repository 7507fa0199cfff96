"""What `make run` says about messages and transcripts."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from local.stages import Stages


class Cloud:
    """Counts of messages that a test sets; records what is said."""

    def __init__(self) -> None:
        self.counts = {"QueueUrl": (0, 0), "DeadLetterQueueUrl": (0, 0)}
        self.told: list[tuple[str, str]] = []
        pages = SimpleNamespace(paginate=lambda **_: [])
        self.s3 = SimpleNamespace(get_paginator=lambda _: pages)
        self.transcripts = "transcripts"

    def messages(self, queue: str = "QueueUrl") -> tuple[int, int]:
        """The counts of a queue."""
        return self.counts[queue]

    def say(self, stage: str, text: str) -> None:
        """Record an event."""
        self.told.append((stage, text))


def told(monkeypatch: pytest.MonkeyPatch, *counts: tuple[int, int, int]) -> list[tuple[str, str]]:
    """What is said while the waiting messages, those in flight and the dead letters change."""
    monkeypatch.setattr("local.stages.LOOK_SECONDS", 0)
    monkeypatch.setattr("local.stages.LOOK_SHARE", 1e9)
    cloud = Cloud()
    stages = Stages(cloud)  # type: ignore[arg-type]
    for waiting, working, dead in counts:
        cloud.counts = {"QueueUrl": (waiting, working), "DeadLetterQueueUrl": (dead, 0)}
        stages.look()
    return cloud.told


def test_message_that_becomes_a_dead_letter_is_not_called_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is still there, for a person to look at."""
    assert told(monkeypatch, (0, 1, 0), (0, 0, 1)) == [("dead letters", "1 more, 1 in all")]


def test_message_that_is_deleted_is_called_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even at the moment at which another one becomes a dead letter."""
    assert told(monkeypatch, (1, 2, 0), (1, 0, 1)) == [
        ("dead letters", "1 more, 1 in all"),
        ("deleted", "1 messages left, 0 of them in flight"),
    ]


def test_dead_letters_that_are_moved_back_are_not_called_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
    """They wait again."""
    assert told(monkeypatch, (0, 0, 2), (2, 0, 0))[1:] == [("dead letters", "2 fewer, 0 in all")]


@pytest.mark.parametrize(
    ("lacking", "stage", "text"),
    [
        ({}, "transcribed", "call.wav (v1): 6 s of call"),
        (
            {"missing_seconds": 58.0, "gaps": [{"start": 6.0, "end": 64.0}]},
            "partial",
            "call.wav (v1): 6 s of call, 58 s more are missing",
        ),
        (
            {"unheard": [{"channel": 0, "start": 1.0, "end": 2.5}]},
            "unheard",
            "call.wav (v1): 6 s of call, of which 1.5 s gave no words",
        ),
    ],
)
def test_incomplete_transcript_is_told_as_such(
    monkeypatch: pytest.MonkeyPatch, lacking: Mapping[str, Any], stage: str, text: str
) -> None:
    """With 58 of 64 seconds missing, "transcribed: 6 s of call" would look whole."""
    cloud = Cloud()
    transcript = {
        "language": "en",
        "language_probability": 1.0,
        "duration": 6.0,
        "channels": 1,
        "missing_seconds": 0.0,
        "gaps": [],
        "segments": [],
        **lacking,
    }
    stages = Stages(cloud)  # type: ignore[arg-type]
    document = {"recording": {"key": "call.wav", "version": "v1"}, "transcript": transcript}
    monkeypatch.setattr(stages, "_read", lambda _: document)
    stages._tell("transcripts/call.wav/v1.json")
    assert cloud.told == [(stage, text)]
