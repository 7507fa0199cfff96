"""The service's own events of a call: `POST /transcribe` with `stream`."""

import json
from dataclasses import replace
from typing import Any

import httpx2
import numpy as np
import pytest

from service.http import streams
from service.recording import Recording
from service.transcript import Transcript, Unheard
from tests.service.http.fakes import AUDIO, RECORDING, FakeEngine, application, error, said
from tests.service.http.real_server import served

STREAM = {"stream": "true"}
SEGMENTS = (said("good morning", start=0.0), said("hello there", start=2.5, channel=1))


def events_of(text: str) -> list[dict[str, Any]]:
    """The events in a stream."""
    parts = [part for part in text.split("\n\n") if part]
    assert all(part.startswith("data: ") for part in parts)
    return [json.loads(part.removeprefix("data: ")) for part in parts]


def posted(engine: FakeEngine, data: dict[str, str], **decoded: Any) -> httpx2.Response:
    """The response to a recording."""
    recording = replace(RECORDING, samples=np.zeros((2, 16_000), np.int16), **decoded)
    with served(application(engine, decode=lambda _, name="": recording)) as url:  # noqa: ARG005 - as the protocol says
        return httpx2.post(f"{url}/transcribe", files=AUDIO, data=data, trust_env=False)


def test_stream_ends_with_the_transcript() -> None:
    """The share from 0 on, each segment with its words, and all of it at the end, with the losses."""
    engine = FakeEngine(segments=SEGMENTS)
    engine.unheard = (Unheard(channel=0, start=4.0, end=4.5),)
    response = posted(engine, STREAM | {"words": "true"})
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    events = events_of(response.text)
    assert [event["type"] for event in events] == ["progress", "segment", "segment", "transcript"]
    assert events[0]["share"] == 0
    assert [event["segment"] for event in events[1:3]] == [segment.to_dict(words=True) for segment in SEGMENTS]
    transcript = Transcript.from_dict(events[3]["transcript"])
    assert [segment.text for segment in transcript.segments] == ["good morning", "hello there"]
    assert transcript.unheard == engine.unheard


def test_stream_is_the_answer_without_it() -> None:
    """Both have the same facts."""
    plain = posted(FakeEngine(segments=SEGMENTS), {}).json()
    last = events_of(posted(FakeEngine(segments=SEGMENTS), STREAM).text)[-1]
    assert last["provenance"] == plain["provenance"]
    streamed = last["transcript"]
    assert streamed.pop("segments") == plain["transcription"]
    probability = streamed.pop("language_probability")
    assert streamed | {"probability": probability} == plain["metadata"]


def test_partial_recording_says_so_in_the_stream() -> None:
    """A client that reads the stream only must know what is missing."""
    transcript = events_of(posted(FakeEngine(), STREAM, missing_seconds=3.5).text)[-1]["transcript"]
    assert (transcript["partial"], transcript["missing_seconds"]) == (True, 3.5)


def test_refused_recording_has_its_own_status_and_no_stream() -> None:
    """The first event comes once the recording is decoded."""
    with served(application(FakeEngine())) as url:
        response = httpx2.post(f"{url}/transcribe", files=AUDIO, data=STREAM | {"language": "xx"}, trust_env=False)
    assert (response.status_code, error(response)["code"]) == (400, "unknown_language")


def test_progress_is_told_while_the_work_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """A person sees how far it is, and words as they come."""
    monkeypatch.setattr(streams, "PING_SECONDS", 30)
    engine = FakeEngine(segments=SEGMENTS)
    engine.free.clear()
    with (
        served(application(engine, decode=lambda _, name="": two_channels())) as url,  # noqa: ARG005 - as above
        httpx2.Client(trust_env=False, timeout=10) as client,
        client.stream("POST", f"{url}/transcribe", files=AUDIO, data=STREAM) as response,
    ):
        seen = ""
        for part in response.iter_text():
            seen += part
            if '"share": 0.5' in seen:
                engine.free.set()
    kinds = [event["type"] for event in events_of(seen)]
    assert kinds[:3] == ["progress", "segment", "segment"]
    assert (kinds[-2], kinds[-1]) == ("progress", "transcript")


def two_channels() -> Recording:
    """A recording of a call."""
    return replace(RECORDING, samples=np.zeros((2, 16_000), np.int16))
