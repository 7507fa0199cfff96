"""The manifest of golden recordings."""

import json
from pathlib import Path
from typing import Any

import pytest

from service.errors import InvalidField
from service.evaluation.golden import read_audio, read_manifest
from tests.service.evaluation.runs import FILES, PLAIN, put


def without(name: str) -> dict[str, Any]:
    """The manifest whose recording lacks a field."""
    (entry,) = PLAIN["recordings"]
    return {"recordings": [{key: value for key, value in entry.items() if key != name}]}


def with_turn(**turn: object) -> dict[str, Any]:
    """The manifest with one turn of these fields."""
    (entry,) = PLAIN["recordings"]
    return {"recordings": [entry | {"turns": [{"channel": 0, "text": "Hello."} | turn]}]}


def _read_all(folder: Path) -> list[bytes]:
    golden = read_manifest(str(folder / "manifest.json"), storage=FILES)
    return [read_audio(recording, storage=FILES) for recording in golden]


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        ("{", "MANIFEST: is missing or not JSON"),
        ("[]", "recordings: is missing or invalid; expected a list with at least one"),
        ({"recordings": []}, "recordings: is missing or invalid"),
        ({"recordings": [7]}, "recordings[0].audio: is missing"),
        (without("audio"), "recordings[0].audio: is missing or invalid; expected the audio's file name"),
        (without("language"), "recordings[0].language: is missing or invalid; expected an ISO 639 code"),
        (without("turns"), "recordings[0].turns: is missing or invalid; expected a list"),
        ({"recordings": [PLAIN["recordings"][0] | {"language": "klingon"}]}, "recordings[0].language: is missing or"),
        ({"recordings": [PLAIN["recordings"][0] | {"audio": "b.wav"}]}, "recordings[0].audio: does not exist"),
        ({"recordings": [PLAIN["recordings"][0] | {"audio": "."}]}, "recordings[0].audio: cannot be read: Is a direct"),
        (with_turn(channel="left"), "recordings[0].turns[0].channel: is missing or invalid; expected a channel"),
        (with_turn(channel=-1), "recordings[0].turns[0].channel: is missing"),
        (with_turn(channel=True), "recordings[0].turns[0].channel: is missing"),
        (with_turn(start=1.0), "recordings[0].turns[0].start: is invalid; expected start and end of the turn in"),
        (with_turn(start=2, end=1), "recordings[0].turns[0].start: is invalid"),
        (with_turn(start=True, end=2), "recordings[0].turns[0].start: is invalid"),
        (with_turn(start="0", end="1"), "recordings[0].turns[0].start: is invalid"),
        (with_turn(start=0, end=float("inf")), "recordings[0].turns[0].start: is invalid"),
        (with_turn(text=""), "recordings[0].turns[0].text: is missing or invalid; expected the words of the turn"),
    ],
)
def test_bad_manifest_is_refused_with_its_field(tmp_path: Path, manifest: dict[str, Any] | str, message: str) -> None:
    """One line, without the name of a file or the words of a call."""
    put(tmp_path, manifest)
    with pytest.raises(InvalidField) as refusal:
        _read_all(tmp_path)
    assert str(refusal.value).startswith(message)
    assert not [private for private in ("a.wav", "b.wav", "One", "Hello") if private in str(refusal.value)]


def test_digest_follows_audio_and_words(tmp_path: Path) -> None:
    """A recording with corrected words is another one; its place in the manifest and the spelling do not matter."""
    (entry,) = PLAIN["recordings"]
    respelled = entry | {"turns": [{"channel": 0, "text": "one two THREE"}]}
    corrected = entry | {"turns": [{"channel": 0, "text": "one two four"}]}
    put(tmp_path, json.dumps({"recordings": [entry, respelled, corrected]}))
    first, same, other = read_manifest(str(tmp_path / "manifest.json"), storage=FILES)
    assert first.digest(b"sound") == same.digest(b"sound")
    assert len({first.digest(b"sound"), first.digest(b"noise"), other.digest(b"sound")}) == 3


def test_turns_with_times_are_put_in_call_order(tmp_path: Path) -> None:
    """A manifest may list one channel after the other; if a time is missing, the order is not known."""
    turns = [
        {"channel": 0, "text": "One.", "start": 0, "end": 1},
        {"channel": 0, "text": "Three.", "start": 4, "end": 5},
        {"channel": 1, "text": "Two.", "start": 2, "end": 3.5},
    ]
    entry: dict[str, Any] = {"audio": "a.wav", "language": "en"}
    silent, partly = entry | {"turns": []}, entry | {"turns": [*turns, {"channel": 1, "text": "Four."}]}
    put(tmp_path, {"recordings": [entry | {"turns": turns}, partly, silent]})
    timed, partly_timed, without_turns = read_manifest(str(tmp_path / "manifest.json"), storage=FILES)
    assert [turn.text for turn in timed.timed_turns() or ()] == ["1", "2", "3"]
    assert partly_timed.timed_turns() is None
    assert without_turns.timed_turns() is None


def test_digest_follows_times(tmp_path: Path) -> None:
    """With corrected times the measures of turns are others."""
    put(tmp_path, with_turn(start=1, end=2))
    (before,) = read_manifest(str(tmp_path / "manifest.json"), storage=FILES)
    put(tmp_path, with_turn(start=1, end=2.5))
    (after,) = read_manifest(str(tmp_path / "manifest.json"), storage=FILES)
    assert before.digest(b"sound") != after.digest(b"sound")
