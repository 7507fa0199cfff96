"""The main use: a real server process transcribes real recordings over HTTP."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from itertools import groupby
from typing import Any

import httpx2
import pytest

from demo.accuracy import word_error_rate
from demo.server import ROOT, Server, running_server
from demo.truth import Call, load_calls
from service.settings import Settings
from tests import standin

CALLS = load_calls()
MOST_WRONG = 0.05


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server with the stand-in, for the tests that do not read words."""
    with running_server(model=str(standin.MODEL)) as server:
        yield server


@pytest.fixture(scope="module")
def answers() -> dict[str, dict[str, Any]]:
    """The answer of the default model for each sample call."""
    with running_server(model=Settings().model) as server:
        return {name: post(server, call).json() for name, call in CALLS.items()}


def post(server: Server, call: Call) -> httpx2.Response:
    """Send a call as an internal tool does."""
    with call.path.open("rb") as file:
        return httpx2.post(f"{server.url}/transcribe", files={"audio_file": file}, timeout=240)


@pytest.mark.words
def test_words_are_right(answers: dict[str, dict[str, Any]]) -> None:
    """At most five words in a hundred are wrong, in each call and in all of them together."""
    heard = [(call, answers[name]["transcription"]) for name, call in CALLS.items()]
    for call, segments in heard:
        assert word_error_rate((call, segments)) <= MOST_WRONG, call.path.name
    assert word_error_rate(*heard) <= MOST_WRONG


@pytest.mark.words
@pytest.mark.parametrize("name", sorted(name for name, call in CALLS.items() if len(call.channels) > 1))
def test_agent_and_customer_are_on_their_own_channels(answers: dict[str, dict[str, Any]], name: str) -> None:
    """With the channels swapped, hardly a word would be right."""
    swapped = [segment | {"channel": 1 - segment["channel"]} for segment in answers[name]["transcription"]]
    assert word_error_rate((CALLS[name], swapped)) > 0.75


@pytest.mark.words
@pytest.mark.parametrize("name", sorted(CALLS))
def test_call_reads_in_the_order_of_its_turns(answers: dict[str, dict[str, Any]], name: str) -> None:
    """Each question stands before its answer."""
    segments = answers[name]["transcription"]
    spoken, heard = (
        [channel for channel, _ in groupby(channels)]
        for channels in ([turn.channel for turn in CALLS[name].turns], [segment["channel"] for segment in segments])
    )
    assert heard == spoken


@pytest.mark.words
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


@pytest.mark.words
def test_metadata_has_language_duration_and_completeness(answers: dict[str, dict[str, Any]]) -> None:
    """The language is detected with confidence, and no call is partial."""
    for name, call in CALLS.items():
        facts = answers[name]["metadata"]
        assert (facts["language"], facts["partial"]) == (call.language, False)
        assert facts["probability"] > 0.9
        assert facts["duration"] >= call.turns[-1].end


def test_health_answers_fast_while_calls_are_transcribed(server: Server) -> None:
    """Decoding and inference never block the event loop."""
    call = standin.CALLS["billing.wav"]
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
    assert error["param"] == "audio_file"
    assert error["expected"]
    assert httpx2.get(f"{server.url}/readyz").status_code == 200


def test_sigterm_drains_accepted_calls() -> None:
    """A call in flight is answered, new ones are refused, and the process ends with 0."""
    with running_server(model=str(standin.MODEL)) as server:
        answered: list[int] = []
        caller = threading.Thread(
            target=lambda: answered.append(post(server, standin.CALLS["billing.wav"]).status_code)
        )
        caller.start()
        time.sleep(0.3)
        assert server.stop() == 0
        caller.join(10)
        assert answered == [200]
        with pytest.raises(httpx2.ConnectError):
            httpx2.get(f"{server.url}/healthz")


def test_idle_service_stops_at_once() -> None:
    """Without calls it waits for nothing."""
    with running_server(model=str(standin.MODEL)) as server:
        started = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - started < 10


def test_demo_prints_error_rates_and_a_dialogue() -> None:
    """`make demo` prints the source of the model, the error rate of every call and both speakers' turns."""
    done = subprocess.run(
        [sys.executable, "-m", "demo", str(standin.MODEL)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0].endswith(", from the folder")
    assert all(name in done.stdout for name in CALLS)
    assert done.stdout.count("%") == len(CALLS) + 1
    assert "  agent     " in done.stdout
    assert "  customer  " in done.stdout


def test_demo_without_its_model_is_one_line() -> None:
    """No traceback follows the reason."""
    done = subprocess.run(
        [sys.executable, "-m", "demo", "no-such-model"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("whisper-fargate: WHISPER_MODEL: no such model (got 'no-such-model')")
