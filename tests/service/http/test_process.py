"""The service as a process: how it stops, and how much memory a large upload takes."""

import signal
import threading
import time
from pathlib import Path

import httpx2

from demo.server import Server, running_server
from tests import standin
from tests.service.http.real_server import HEAD, TAIL, RawClient

SIZE = 100_000_000


def test_draining_service_finishes_what_has_begun_and_refuses_what_comes() -> None:
    """An upload that has begun is answered, a new call gets 503 with `Retry-After`, and the process exits with 0."""
    body = HEAD + standin.CALLS["billing.wav"].path.read_bytes() + TAIL
    with running_server(model=str(standin.MODEL)) as server:
        early = RawClient(server.url)
        early.post(f"Content-Length: {len(body)}", "Connection: close")
        early.send(body[:1000])
        time.sleep(0.3)
        server.process.send_signal(signal.SIGTERM)
        until_draining(server)
        late = RawClient(server.url)
        late.post("Content-Length: 1000")
        refusal = late.answer()
        assert (refusal.status, refusal.error["code"]) == (503, "draining")
        assert "retry-after: 1" in refusal.head
        assert "connection: close" in refusal.head
        assert httpx2.get(f"{server.url}/healthz").status_code == 200
        early.send(body[1000:])
        assert early.answer().status == 200
        assert server.process.wait(5) == 0


def until_draining(server: Server) -> None:
    """Wait until the service is no longer ready."""
    end = time.monotonic() + 5
    while httpx2.get(f"{server.url}/readyz").status_code == 200:
        assert time.monotonic() < end
        time.sleep(0.02)


def test_large_upload_takes_no_memory_and_leaves_the_health_check_alone() -> None:
    """100 MB go to the disk as they come; meanwhile the service answers at once."""
    with running_server(model=str(standin.MODEL)) as server:
        before, waits = peak_bytes(server), []
        client = RawClient(server.url)
        client.post(f"Content-Length: {len(HEAD) + SIZE + len(TAIL)}", "Connection: close")
        client.send(HEAD)
        sender = threading.Thread(target=client.send, args=(bytes(SIZE),))
        sender.start()
        while sender.is_alive():
            began = time.monotonic()
            assert httpx2.get(f"{server.url}/healthz").status_code == 200
            waits.append(time.monotonic() - began)
        sender.join()
        client.send(TAIL)
        answer = client.answer()
        assert (answer.status, answer.error["code"]) == (415, "bad_audio")  # zeros are no recording
        assert peak_bytes(server) - before < 30_000_000
    assert sorted(waits)[len(waits) // 2] < 0.5


def peak_bytes(server: Server) -> int:
    """The most memory that a server has had resident."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return 1024 * next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
