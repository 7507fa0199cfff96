"""How a worker process starts and ends: it takes no message that it cannot work on, and leaves none behind."""

import json
import shutil
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from demo.server import ROOT
from service.batch.events import announcement
from service.batch.results import ResultKeys
from tests.service.cloud import Cloud, drained, repeated, worker
from tests.service.proxy import Call, Proxy
from tests.standin import MODEL


def test_idle_worker_ends_at_once(cloud: Cloud, tmp_path: Path) -> None:
    """A long poll does not delay the end."""
    with worker(cloud, tmp_path) as own:
        own.wait_for("ready")
        assert own.stop(seconds=10) == 0
        assert own.messages[-1] == "stopped"


def test_message_that_arrives_during_shutdown_is_returned(cloud: Cloud, between: Proxy, tmp_path: Path) -> None:
    """The last poll may receive one; another worker can take it at once."""
    upload = cloud.upload("call.wav", announce=False)

    def end(call: Call) -> None:
        if call.name == "ReceiveMessage" and call.answer and b"ReceiptHandle" in call.answer.body:
            own.process.terminate()
            time.sleep(0.5)

    between.after = end
    with worker(cloud, tmp_path, endpoint=between.url) as own:
        own.wait_for("ready")
        cloud.send(announcement(upload))
        assert own.process.wait(30) == 0
    assert between.count("ChangeMessageVisibility") == 1
    assert len(cloud.sqs.receive_message(QueueUrl=cloud.queue).get("Messages", [])) == 1
    assert not cloud.results()


def test_worker_told_to_stop_finishes_a_short_call(cloud: Cloud, between: Proxy, tmp_path: Path) -> None:
    """A call that fits into the stop timeout is not done again by another worker."""
    upload = cloud.upload("call.wav")
    later = cloud.upload("later.wav", announce=False)

    def end(call: Call) -> None:
        if call.name.startswith(f"GET {cloud.recordings}/"):
            cloud.send(announcement(later))
            own.process.terminate()

    between.after = end
    with worker(cloud, tmp_path, endpoint=between.url) as own:
        assert own.process.wait(60) == 0
    cloud.assert_transcribed_once(upload)
    assert cloud.left() == 1
    assert ResultKeys(later).transcript not in cloud.results()


def test_worker_told_to_stop_returns_a_long_call(cloud: Cloud, between: Proxy, tmp_path: Path) -> None:
    """A call that does not fit into the stop timeout returns to the queue at once, and is not a failure."""
    # More than an hour of audio on one thread, window by window: minutes of work, with 50 seconds left.
    cloud.upload("long.wav", repeated(240))
    slow = {"WHISPER_THREADS": "1", "WHISPER_BATCH_SIZE": "1", "WHISPER_JOB_DEADLINE_SECONDS": "60"}

    def end(call: Call) -> None:
        if call.name.startswith(f"GET {cloud.recordings}/"):
            own.process.terminate()

    between.after = end
    with worker(cloud, tmp_path, endpoint=between.url, **slow) as own:
        assert own.process.wait(60) == 0
        assert "returned" in own.messages
        assert not own.leftovers
    assert len(cloud.sqs.receive_message(QueueUrl=cloud.queue).get("Messages", [])) == 1
    assert not cloud.results("transcripts/")
    assert not cloud.results("failed/")


class _Agent(BaseHTTPRequestHandler):
    wishes: list[dict[str, object]]

    def do_PUT(self) -> None:
        assert self.path == "/agent/task-protection/v1/state"
        self.wishes.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        body = json.dumps({"protection": {"ProtectionEnabled": self.wishes[-1]["ProtectionEnabled"]}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Keep quiet."""


def test_task_is_protected_while_it_works(cloud: Cloud, tmp_path: Path) -> None:
    """Protection is requested before the work and removed after it; it expires, in case the worker hangs."""
    _Agent.wishes = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Agent)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        cloud.upload("call.wav")
        with worker(cloud, tmp_path, ECS_AGENT_URI=f"http://127.0.0.1:{server.server_port}/agent") as own:
            drained(cloud, own)
            assert own.stop() == 0
    finally:
        server.shutdown()
        server.server_close()
    assert _Agent.wishes == [{"ProtectionEnabled": True, "ExpiresInMinutes": 4}, {"ProtectionEnabled": False}]


def test_worker_works_without_its_agent(cloud: Cloud, tmp_path: Path) -> None:
    """If the agent is unreachable, the worker logs it and works unprotected."""
    upload = cloud.upload("call.wav")
    with worker(cloud, tmp_path, ECS_AGENT_URI="http://127.0.0.1:9/agent") as own:
        drained(cloud, own)
        assert "protection request failed" in own.messages
    cloud.assert_transcribed_once(upload)


def refusal(cloud: Cloud, folder: Path, **environ: str) -> str:
    """The line with which a worker refuses to start; the message is still on the queue."""
    upload = cloud.upload("call.wav")
    with worker(cloud, folder, **environ) as own:
        assert own.process.wait(60) == 2
        (line,) = own.log.read_text().splitlines()
    assert cloud.left() == 1
    assert not cloud.results()
    assert upload.key not in line
    return line


def test_worker_without_a_model_never_takes_a_message(cloud: Cloud, tmp_path: Path) -> None:
    """If the model is missing, damaged, unreachable or not the expected one, the start fails, which ECS sees."""
    damaged = shutil.copytree(MODEL, tmp_path / "damaged")
    (damaged / "model.bin").write_bytes(b"no weights")
    offline = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "empty")}
    assert "no such model (got 'no-such-model')" in refusal(cloud, tmp_path, WHISPER_MODEL="no-such-model")
    cloud.sqs.purge_queue(QueueUrl=cloud.queue)
    assert "the model cannot be loaded" in refusal(cloud, tmp_path, WHISPER_MODEL=str(damaged))
    cloud.sqs.purge_queue(QueueUrl=cloud.queue)
    assert "WHISPER_MODEL_SHA256: these are other files" in refusal(cloud, tmp_path, WHISPER_MODEL_SHA256="0" * 64)
    cloud.sqs.purge_queue(QueueUrl=cloud.queue)
    assert "no source serves the model" in refusal(cloud, tmp_path, WHISPER_MODEL="tiny", **offline)


@pytest.mark.parametrize("name", ["WHISPER_QUEUE_URL", "WHISPER_RECORDINGS_BUCKET", "WHISPER_TRANSCRIPTS_BUCKET"])
def test_worker_names_the_setting_that_it_lacks(name: str) -> None:
    """It fails before it loads a model."""
    names = ("WHISPER_QUEUE_URL", "WHISPER_RECORDINGS_BUCKET", "WHISPER_TRANSCRIPTS_BUCKET")
    environ = {other: "x" for other in names if other != name}
    answer = subprocess.run(
        [sys.executable, "-m", "service", "worker"], cwd=ROOT, env=environ, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 2
    assert answer.stderr == f"whisper-fargate: {name}: got '', expected a value, which this verb needs\n"
