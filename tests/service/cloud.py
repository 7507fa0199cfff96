"""An emulated queue with its dead letters, two buckets, and worker processes that use them."""

import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import wave
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any
from uuid import uuid4

import boto3
from mypy_boto3_s3 import S3Client
from mypy_boto3_sqs import SQSClient

from demo.server import ROOT
from local.emulator import Emulator
from service.batch.events import Upload, announcement
from service.batch.results import ResultKeys
from service.recording import SAMPLE_RATE
from service.settings import Settings
from tests.service.media import decode_path
from tests.standin import MODEL, VOICEMAIL

REGION = "eu-west-1"
# A message whose worker was killed returns after this time; short, so that tests need not wait long.
VISIBILITY_SECONDS = 4
MAX_RECEIVES = 8
START_SECONDS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """A queue with its dead letters and two versioned buckets, made for one test."""

    emulator: Emulator
    s3: S3Client
    sqs: SQSClient
    queue: str
    dead_letters: str
    recordings: str
    transcripts: str

    @classmethod
    def make(cls, emulator: Emulator) -> "Cloud":
        """A new queue and new buckets."""
        own = {"aws_access_key_id": "000000000000", "aws_secret_access_key": "local", "region_name": REGION}
        s3, sqs = (boto3.client(name, endpoint_url=emulator.url, **own) for name in ("s3", "sqs"))  # type: ignore[call-overload]
        unique = uuid4().hex[:12]
        dead = sqs.create_queue(QueueName=f"dead-{unique}")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": MAX_RECEIVES})
        attributes = {"VisibilityTimeout": str(VISIBILITY_SECONDS), "RedrivePolicy": redrive}
        queue = sqs.create_queue(QueueName=f"queue-{unique}", Attributes=attributes)["QueueUrl"]
        buckets = [f"recordings-{unique}", f"transcripts-{unique}"]
        for bucket in buckets:
            s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
            s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        recordings, transcripts = buckets
        return cls(
            emulator=emulator,
            s3=s3,
            sqs=sqs,
            queue=queue,
            dead_letters=dead,
            recordings=recordings,
            transcripts=transcripts,
        )

    @property
    def settings(self) -> Settings:
        """The settings of an operator or a worker of this cloud."""
        return Settings(queue_url=self.queue, recordings_bucket=self.recordings, transcripts_bucket=self.transcripts)

    def upload(
        self,
        key: str,
        body: bytes | None = None,
        *,
        sequencer: str = "01",
        announce: bool = True,
        metadata: Mapping[str, str] = MappingProxyType({}),
    ) -> Upload:
        """Put a recording, by default the voicemail, and announce it as EventBridge does."""
        body = VOICEMAIL.read_bytes() if body is None else body
        answer = self.s3.put_object(Bucket=self.recordings, Key=key, Body=body, Metadata=dict(metadata))
        upload = Upload(
            bucket=self.recordings,
            key=key,
            version_id=answer["VersionId"],
            etag=answer["ETag"].strip('"'),
            size=len(body),
            sequencer=sequencer,
            time="2026-01-31T12:00:00Z",
        )
        if announce:
            self.send(announcement(upload))
        return upload

    def send(self, body: str) -> None:
        """Put a message on the queue."""
        self.sqs.send_message(QueueUrl=self.queue, MessageBody=body)

    def put(self, key: str, document: bytes = b"{}") -> None:
        """Put a result."""
        self.s3.put_object(Bucket=self.transcripts, Key=key, Body=document)

    def bodies(self, url: str) -> list[str]:
        """The bodies of the messages that wait on a queue; they are deleted from it."""
        found: list[str] = []
        while messages := self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                found.append(message["Body"])
                self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return found

    def left(self, queue: str = "") -> int:
        """How many messages of a queue wait or are in flight."""
        found = self.sqs.get_queue_attributes(QueueUrl=queue or self.queue, AttributeNames=["All"])["Attributes"]
        return int(found["ApproximateNumberOfMessages"]) + int(found["ApproximateNumberOfMessagesNotVisible"])

    def document(self, key: str) -> dict[str, Any]:
        """A document of the transcripts bucket."""
        content: dict[str, Any] = json.loads(self.s3.get_object(Bucket=self.transcripts, Key=key)["Body"].read())
        return content

    def results(self, prefix: str = "") -> dict[str, int]:
        """The keys of the transcripts bucket, and how often each was written."""
        written: dict[str, int] = {}
        pages = self.s3.get_paginator("list_object_versions").paginate(Bucket=self.transcripts, Prefix=prefix)
        for entry in (entry for page in pages for entry in page.get("Versions", ())):
            written[entry["Key"]] = written.get(entry["Key"], 0) + 1
        return written

    def assert_transcribed_once(self, upload: Upload) -> None:
        """It has one transcript, one of each rendering and a pointer, and is not shown as running or failed."""
        keys = ResultKeys(upload)
        written = self.results()
        for key in (keys.transcript, *keys.renderings.values()):
            assert written[key] == 1, key
        assert self.document(keys.latest)["recording"]["version"] == upload.version
        present = {entry["Key"] for entry in self.s3.list_objects_v2(Bucket=self.transcripts).get("Contents", ())}
        assert keys.running not in present
        assert keys.failure not in written

    def assert_drained(self) -> None:
        """No message is left on the queue or among the dead letters."""
        assert (self.left(), self.left(self.dead_letters)) == (0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """A running `python -m service worker`, the file that holds its log, and its folder for temporary files."""

    process: subprocess.Popen[bytes]
    log: Path
    scratch: Path

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The complete lines of its log."""
        return [json.loads(line) for line in self.log.read_text().splitlines(keepends=True) if line.endswith("\n")]

    @property
    def messages(self) -> list[str]:
        """The messages of its log lines."""
        return [line["message"] for line in self.lines if "message" in line]

    @property
    def leftovers(self) -> list[Path]:
        """The temporary files that it left."""
        return [path for path in self.scratch.rglob("*") if path.is_file()]

    @property
    def log_end(self) -> str:
        """The end of its log."""
        return self.log.read_text()[-3000:]

    def wait_for(self, message: str, *, times: int = 1, seconds: float = START_SECONDS) -> None:
        """Wait until it has logged a message so many times."""
        until(lambda: self.messages.count(message) >= times, seconds=seconds, why=lambda: self.log_end)

    def stop(self, seconds: float = 30) -> int:
        """Stop it as ECS does, and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def kill(self) -> None:
        """Kill it, as happens to a Spot task two minutes after its notice."""
        self.process.send_signal(signal.SIGKILL)


@contextmanager
def worker(cloud: Cloud, folder: Path, *, endpoint: str = "", **environ: str) -> Iterator[Worker]:
    """A worker of the cloud, killed at the end of the block at the latest; `endpoint` may be a proxy's address."""
    settings = replace(cloud.settings, model=str(MODEL), lanes=1)
    unique = uuid4().hex[:8]
    log = folder / f"worker-{unique}.log"
    inherited = {name: value for name, value in cloud.emulator.environ().items() if not name.startswith("WHISPER_")}
    own: Mapping[str, str] = {
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL": endpoint or cloud.emulator.url,
        **settings.to_environ(),
        **environ,
    }
    # A short path, because the path of a Unix socket is limited.
    with tempfile.TemporaryDirectory(prefix="w-") as scratch, log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "service", "worker"],
            cwd=ROOT,
            env=inherited | dict(own) | {"TMPDIR": scratch},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield Worker(process=process, log=log, scratch=Path(scratch))
        finally:
            # The group, because its decoders must end, too.
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def until(true: Callable[[], bool], *, seconds: float = 30, why: Callable[[], str] = lambda: "") -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {why()}")
        time.sleep(0.05)


def drained(cloud: Cloud, own: Worker, *, seconds: float = 90) -> None:
    """Wait until the queue is empty."""
    until(lambda: not cloud.left(), seconds=seconds, why=lambda: own.log_end)


def waveform(samples: bytes, *, rate: int) -> bytes:
    """A WAV file of 16-bit samples on one channel."""
    file = io.BytesIO()
    with wave.open(file, "wb") as audio:
        audio.setnchannels(1)
        audio.setsampwidth(2)
        audio.setframerate(rate)
        audio.writeframes(samples)
    return file.getvalue()


def silence(seconds: int) -> bytes:
    """A recording of silence."""
    return waveform(bytes(2 * 8000 * seconds), rate=8000)


def repeated(times: int) -> bytes:
    """The voicemail, repeated without a pause."""
    samples = decode_path(VOICEMAIL).samples[0]
    return waveform(samples.tobytes() * times, rate=SAMPLE_RATE)
