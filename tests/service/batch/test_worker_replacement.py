"""Workers that ECS wants to replace, as processes: they let it, and lose and double nothing."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.agent import Agent, running_agent
from service.batch.events import Upload
from tests.service.cloud import Cloud, drained, until, worker


@pytest.fixture
def agent() -> Iterator[Agent]:
    """The agent beside the workers."""
    with running_agent() as agent:
        yield agent


def feed(cloud: Cloud, uploads: list[Upload], *, at_least: int = 6) -> None:
    """Keep the queue full."""
    while cloud.left() < at_least:
        uploads.append(cloud.upload(f"call-{len(uploads)}.wav"))


def test_worker_on_a_full_queue_is_unprotected_between_its_sessions(cloud: Cloud, agent: Agent, tmp_path: Path) -> None:
    """Two lanes that are never idle together would protect it for ever; stopped in a rest, it has nothing to return."""
    uploads: list[Upload] = []
    environ = {"ECS_AGENT_URI": agent.uri("worker"), "WHISPER_LANES": "2", "WHISPER_SESSION_SECONDS": "10"}
    with worker(cloud, tmp_path, **environ) as own:
        feed(cloud, uploads)
        own.wait_for("ready")
        began = time.monotonic()
        while "resting" not in own.messages:
            assert time.monotonic() - began < 30, own.log_end
            feed(cloud, uploads)
            time.sleep(0.05)
        until(lambda: not agent.protected("worker"), seconds=1, why=lambda: own.log_end)
        assert cloud.left()
        assert own.stop() == 0
        assert "returned" not in own.messages
    with worker(cloud, tmp_path) as second:
        drained(cloud, second)
    for upload in uploads:
        cloud.assert_transcribed_once(upload)
    cloud.assert_drained()


@pytest.mark.verify
def test_worker_works_on_after_a_rest_in_which_it_is_not_stopped(cloud: Cloud, agent: Agent, tmp_path: Path) -> None:
    """A rest costs a moment, and no message an attempt."""
    uploads: list[Upload] = []
    environ = {"ECS_AGENT_URI": agent.uri("worker"), "WHISPER_LANES": "2", "WHISPER_SESSION_SECONDS": "10"}
    with worker(cloud, tmp_path, **environ) as own:
        while own.messages.count("resting") < 2:
            feed(cloud, uploads)
            assert own.process.poll() is None
            time.sleep(0.05)
        drained(cloud, own)
        assert "will be tried again" not in own.messages
        assert own.stop() == 0
    for upload in uploads:
        cloud.assert_transcribed_once(upload)


def test_worker_whose_protection_is_refused_finishes_its_message_and_takes_no_other(
    cloud: Cloud, agent: Agent, tmp_path: Path
) -> None:
    """ECS may stop it at any moment: whatever it took would be lost work, and an attempt less."""
    agent.blocked = lambda _: True
    uploads: list[Upload] = []
    with worker(cloud, tmp_path, ECS_AGENT_URI=agent.uri("worker")) as own:
        feed(cloud, uploads, at_least=3)
        own.wait_for("protection refused")
        until(lambda: cloud.left() == 2, seconds=60, why=lambda: own.log_end)
        time.sleep(3)
        assert cloud.left() == 2
        assert not agent.protected("worker")
        assert own.stop(seconds=10) == 0
        (line,) = [line for line in own.lines if line.get("message") == "protection refused"][:1]
        assert line["reason"] == "DEPLOYMENT_BLOCKED"
    with worker(cloud, tmp_path) as second:
        drained(cloud, second)
    for upload in uploads:
        cloud.assert_transcribed_once(upload)
