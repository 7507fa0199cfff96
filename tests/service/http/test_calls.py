"""Calls on their threads: a bounded number, and no call reads another caller's file, whenever its caller disconnects."""

import asyncio
import gc
import os
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import BinaryIO

import httpx2
import numpy as np
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient
from starlette.types import Message

from service.http import calls
from service.recording import Recording
from tests.service.http.fakes import AUDIO, RECORDING, SETTINGS, FakeEngine, application, error

ONE_TURN = replace(SETTINGS, max_running=1)


class Caller:
    """A caller that sends a recording and stays connected until it is told to hang up."""

    def __init__(self, app: Starlette, content: bytes = b"RIFF") -> None:
        self.status = 0
        self._gone = asyncio.Event()
        head = b'--x\r\nContent-Disposition: form-data; name="audio_file"; filename="a"\r\n\r\n'
        self._chunks = [head, content[: len(content) // 2], content[len(content) // 2 :], b"\r\n--x--\r\n"]
        headers = [(b"content-type", b"multipart/form-data; boundary=x")]
        scope = {"type": "http", "method": "POST", "path": "/transcribe", "headers": headers, "query_string": b""}
        self.request = asyncio.ensure_future(app(scope, self._receive, self._send))

    def hang_up(self) -> None:
        """Disconnect."""
        self._gone.set()

    async def _receive(self) -> Message:
        if self._chunks and not self._gone.is_set():
            await asyncio.sleep(0)
            chunk = self._chunks.pop(0)
            return {"type": "http.request", "body": chunk, "more_body": bool(self._chunks)}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        self.status = message.get("status", self.status)


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    """Run a scenario on an event loop, for 20 seconds at most."""
    asyncio.run(asyncio.wait_for(scenario(), 20))


@pytest.fixture(autouse=True)
def _poll_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "DISCONNECT_POLL_SECONDS", 0.005)


def test_full_service_asks_to_retry_later(engine: FakeEngine) -> None:
    """Two calls run, one waits, and the fourth would wait for too long: it is told when to come again.

    At the pace that is assumed until one is measured, 100 s of audio take 20 s. The health check answers meanwhile.
    """
    recording = replace(RECORDING, samples=np.zeros((1, 1_600_000), np.int16))
    settings = replace(SETTINGS, max_wait_seconds=30)
    app = application(engine, decode=lambda _, name="": recording, settings=settings)  # noqa: ARG005

    async def scenario() -> None:
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://service") as client:
            engine.free.clear()
            accepted = []
            for _ in range(3):
                accepted.append(asyncio.create_task(client.post("/transcribe", files=AUDIO)))
                await asyncio.sleep(0.3)
            response = await client.post("/transcribe", files=AUDIO)
            assert (response.status_code, error(response)["code"]) == (503, "busy")
            # The one that waits, and the two that run, of which half may be done.
            # Then half of the longest wait is left.
            assert 40 - 15 <= int(response.headers["retry-after"]) <= 60 - 15
            assert (await client.get("/healthz")).status_code == 200
            engine.free.set()
            assert [response.status_code for response in await asyncio.gather(*accepted)] == [200] * 3

    run(scenario)


def test_disconnected_caller_stops_the_work(engine: FakeEngine) -> None:
    """An abandoned call uses no more CPU, and its turn is free again."""
    app = application(engine, settings=ONE_TURN)

    async def scenario() -> None:
        engine.free.clear()
        caller = Caller(app)
        assert await asyncio.to_thread(engine.started.wait, 5)
        caller.hang_up()
        await caller.request
        assert engine.cancelled.is_set()

    run(scenario)
    engine.free.set()
    assert TestClient(app).post("/transcribe", files=AUDIO).status_code == 200


def test_abandoned_decode_keeps_its_turn(engine: FakeEngine) -> None:
    """A decode cannot be interrupted; until it ends it holds a thread and the disk, so no other call takes its turn."""
    decoding, go_on = Event(), Event()

    def decode(_: BinaryIO, *, name: str = "") -> Recording:  # noqa: ARG001 - as the protocol says
        decoding.set()
        assert go_on.wait(10)
        return RECORDING

    app = application(engine, decode=decode, settings=ONE_TURN)

    async def scenario() -> None:
        first = Caller(app)
        assert await asyncio.to_thread(decoding.wait, 5)
        first.hang_up()
        decoding.clear()
        second = Caller(app)
        await asyncio.sleep(0.1)
        assert not decoding.is_set()
        go_on.set()
        await asyncio.gather(first.request, second.request)
        assert (first.status, second.status) == (499, 200)

    run(scenario)
    assert len(engine.threads) == 1


def test_abandoned_call_that_waits_is_dropped_at_once(engine: FakeEngine) -> None:
    """It leaves the queue and closes its file without waiting for a thread."""
    app = application(engine, settings=ONE_TURN)

    async def scenario() -> None:
        engine.free.clear()
        first = Caller(app)
        assert await asyncio.to_thread(engine.started.wait, 5)
        before = open_files()
        second = Caller(app)
        await asyncio.sleep(0.05)
        second.hang_up()
        await second.request
        assert (second.status, open_files()) == (499, before)
        engine.free.set()
        await first.request
        assert first.status == 200

    run(scenario)


def read_in_pieces(source: BinaryIO, pause: Callable[[], object]) -> bytes:
    """Read a file by its descriptor, as the decoder's process does, with a pause after each piece."""
    content = b""
    while piece := os.pread(source.fileno(), 200_000, len(content)):
        content += piece
        pause()
    return content


@pytest.mark.parametrize("size", [5_000, 1_500_000], ids=["small", "large"])
@pytest.mark.parametrize("ending", ["hang up", "cancel"])
def test_decode_of_a_caller_that_is_gone_reads_no_other_callers_file(
    engine: FakeEngine, ending: str, size: int
) -> None:
    """A closed file frees its number for the next caller's file, and the decoder's process gets the file by number."""
    decoding, go_on = Event(), Event()
    read: list[bytes] = []

    def decode(source: BinaryIO, *, name: str = "") -> Recording:  # noqa: ARG001 - as the protocol says
        decoding.set()
        assert go_on.wait(10)
        read.append(read_in_pieces(source, pause=lambda: None))
        return RECORDING

    app = application(
        engine, decode=decode, settings=replace(SETTINGS, max_running=1, max_waiting=9, max_upload_bytes=2_000_000)
    )

    async def scenario() -> None:
        first = Caller(app, b"1" * size)
        assert await asyncio.to_thread(decoding.wait, 5)
        if ending == "hang up":
            first.hang_up()
        else:  # as uvicorn does with the calls that outlast its patience
            first.request.cancel()
            await asyncio.wait([first.request])
        others = [Caller(app, b"2" * size) for _ in range(8)]
        await asyncio.sleep(0.2)
        go_on.set()
        await asyncio.gather(*(other.request for other in others))
        assert {other.status for other in others} == {200}
        await asyncio.wait([first.request])

    run(scenario)
    assert read == [b"1" * size, *[b"2" * size] * 8]


# A request that is cancelled while its file moves to disk, on a thread, leaves the file to the garbage collector.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("seed", range(2))
def test_every_decode_reads_one_callers_file_whenever_callers_leave(engine: FakeEngine, seed: int) -> None:
    """Callers hang up, and requests are cancelled, at random moments; no descriptor stays open."""
    chance = random.Random(seed)
    read: list[bytes] = []
    failures: list[BaseException] = []

    def decode(source: BinaryIO, *, name: str = "") -> Recording:  # noqa: ARG001 - as the protocol says
        try:
            read.append(read_in_pieces(source, pause=lambda: time.sleep(0.002)))
        except (OSError, ValueError) as failure:
            failures.append(failure)
        return RECORDING

    app = application(
        engine, decode=decode, settings=replace(SETTINGS, max_running=3, max_waiting=30, max_upload_bytes=2_000_000)
    )

    async def call(number: int) -> None:
        await asyncio.sleep(chance.uniform(0, 0.2))
        # Below a megabyte, Starlette keeps the file in memory.
        caller = Caller(app, bytes([number]) * chance.choice([5_000, 1_500_000]))
        await asyncio.sleep(chance.uniform(0, 0.2))
        ending = chance.choice(["stay", "hang up", "cancel"])
        if ending == "hang up":
            caller.hang_up()
        elif ending == "cancel":
            caller.request.cancel()
        await asyncio.wait([caller.request])
        if ending == "stay":
            assert caller.status == 200

    async def scenario() -> None:
        await asyncio.gather(*map(call, range(24)))
        # The work of cancelled requests ends on its own.
        await asyncio.to_thread(app.state.calls._threads.shutdown)

    before = open_files()
    run(scenario)
    assert not failures
    assert len(read) >= 5
    assert {(len(set(content)), len(content) in {5_000, 1_500_000}) for content in read} == {(1, True)}
    assert open_files() == before


def open_files() -> int:
    """How many of this process's descriptors are open files without a name."""
    gc.collect()
    return sum("(deleted)" in str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.is_symlink())
