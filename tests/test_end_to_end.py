"""The main use: a real server process transcribes real recordings over HTTP."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from faster_whisper import WhisperModel, decode_audio

from demo.server import ROOT, Server, running_server
from demo.truth import MODEL, Call, load_calls, word_error_rate
from service.processor import number_format

CALLS = load_calls()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """One server for the whole module."""
    with running_server() as server:
        yield server


@pytest.fixture(scope="module")
def answers(server: Server) -> dict[str, dict[str, Any]]:
    """The answer for each sample call."""
    return {name: post(server, call).json() for name, call in CALLS.items()}


@pytest.fixture(scope="module")
def peer() -> WhisperModel:
    """faster-whisper with the same model and number format."""
    return WhisperModel(str(MODEL), device="cpu", compute_type=number_format("auto"))


def post(server: Server, call: Call) -> httpx2.Response:
    """Send a call as an internal tool does."""
    with call.path.open("rb") as file:
        return httpx2.post(f"{server.url}/transcribe", files={"audio_file": file}, timeout=120)


def peer_segments(peer: WhisperModel, call: Call) -> list[dict[str, Any]]:
    """faster-whisper's own segments, channel by channel."""
    stereo = len(call.channels) > 1
    decoded = decode_audio(str(call.path), split_stereo=stereo)
    heard: list[dict[str, Any]] = []
    for channel, audio in enumerate(decoded if stereo else [decoded]):
        segments, _ = peer.transcribe(audio, language=call.language, vad_filter=True)
        heard += [{"channel": channel, "text": segment.text} for segment in segments]
    return heard


@pytest.mark.parametrize("name", sorted(CALLS))
def test_words_are_as_right_as_faster_whispers_own(
    answers: dict[str, dict[str, Any]], peer: WhisperModel, name: str
) -> None:
    """At most one point of word error rate above faster-whisper on the same channels."""
    call = CALLS[name]
    ours = word_error_rate(call, answers[name]["transcription"])
    assert ours <= word_error_rate(call, peer_segments(peer, call)) + 0.01


@pytest.mark.parametrize("name", sorted(name for name, call in CALLS.items() if len(call.channels) > 1))
def test_agent_and_customer_are_on_their_own_channels(answers: dict[str, dict[str, Any]], name: str) -> None:
    """With the channels swapped, hardly a word would be right."""
    swapped = [segment | {"channel": 1 - segment["channel"]} for segment in answers[name]["transcription"]]
    assert word_error_rate(CALLS[name], answers[name]["transcription"]) < 0.25
    assert word_error_rate(CALLS[name], swapped) > 0.75


@pytest.mark.parametrize("name", sorted(CALLS))
def test_every_turn_starts_and_ends_within_half_a_second_of_the_truth(
    answers: dict[str, dict[str, Any]], name: str
) -> None:
    """An analyst finds a sentence at the time in its transcript."""
    segments = answers[name]["transcription"]
    for turn in CALLS[name].turns:
        own = [segment for segment in segments if segment["channel"] == turn.channel]
        assert min(abs(segment["start"] - turn.start) for segment in own) <= 0.5, turn
        assert min(abs(segment["end"] - turn.end) for segment in own) <= 0.5, turn


def test_metadata_has_language_duration_and_completeness(answers: dict[str, dict[str, Any]]) -> None:
    """The language is detected with confidence, and no call is partial."""
    for name, call in CALLS.items():
        facts = answers[name]["metadata"]
        assert (facts["language"], facts["partial"]) == (call.language, False)
        assert facts["probability"] > 0.9
        assert facts["duration"] >= call.turns[-1].end


def test_health_answers_fast_while_calls_are_transcribed(server: Server) -> None:
    """Decoding and inference never block the event loop."""
    call = CALLS["billing.wav"]
    callers = [threading.Thread(target=post, args=(server, call)) for _ in range(3)]
    for caller in callers:
        caller.start()
    waits: list[float] = []
    while any(caller.is_alive() for caller in callers):
        started = time.monotonic()
        assert httpx2.get(f"{server.url}/healthz").status_code == 200
        waits.append(time.monotonic() - started)
        time.sleep(0.02)
    assert sorted(waits)[len(waits) // 2] < 1.0


@pytest.mark.parametrize("content", [b"", b"hello, this is no audio", b"ffconcat version 1.0\nfile a.wav\n"])
def test_bad_upload_is_refused_and_the_server_lives(server: Server, content: bytes) -> None:
    """4xx with field, value and expectation; the server stays ready."""
    response = httpx2.post(f"{server.url}/transcribe", files={"audio_file": ("call.wav", content)}, timeout=60)
    assert response.status_code in {415, 422}
    error = response.json()["error"]
    assert error["param"] == "file"
    assert error["expected"]
    assert httpx2.get(f"{server.url}/readyz").status_code == 200


def test_sigterm_drains_accepted_calls() -> None:
    """A call in flight is answered, new ones are refused, and the process ends with 0."""
    with running_server() as server:
        answered: list[int] = []
        caller = threading.Thread(target=lambda: answered.append(post(server, CALLS["billing.wav"]).status_code))
        caller.start()
        time.sleep(0.3)
        assert server.stop() == 0
        caller.join(10)
        assert answered == [200]
        with pytest.raises(httpx2.ConnectError):
            httpx2.get(f"{server.url}/healthz")


def test_idle_service_stops_at_once() -> None:
    """Without calls it waits for nothing."""
    with running_server() as server:
        started = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - started < 10


def test_demo_prints_transcript_and_error_rate() -> None:
    """`make demo` prints both speakers' turns and the error rate of every call, and ends with 0."""
    done = subprocess.run(
        [sys.executable, "-m", "demo"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=240
    )
    assert done.returncode == 0, done.stderr
    assert all(name in done.stdout for name in CALLS)
    assert "agent" in done.stdout
    assert "customer" in done.stdout
    assert done.stdout.count("%") >= len(CALLS)
