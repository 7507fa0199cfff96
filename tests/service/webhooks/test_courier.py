"""Webhooks of jobs from the request to the receiver, with an emulated queue and buckets, and receivers on this machine."""

import base64
import hashlib
import hmac
import json
import time
from dataclasses import dataclass, field, replace
from io import StringIO
from typing import Any
from uuid import uuid4

import pytest

from service.access import Caller
from service.aws.s3 import Bucket
from service.aws.sqs import Queue
from service.batch import results
from service.batch.events import Upload
from service.batch.results import ResultKeys
from service.contract import WEBHOOK_MAX_RECEIVES, WEBHOOK_RETENTION_SECONDS, WebhookMetric
from service.errors import AwsUnavailable, NotAudio
from service.http import jobs_desk
from service.http.jobs_desk import JobDesk, View
from service.messages import Message
from service.telemetry import Meter
from service.webhooks import courier
from service.webhooks.book import WebhookBook
from service.webhooks.courier import Courier, pause_seconds
from service.webhooks.sender import Sender
from tests.service.cloud import Cloud
from tests.service.webhooks.receivers import ACCEPTED, LOOPBACK, Certificate, answering, local_sender, receiving

SECRET = "whsec_" + base64.b64encode(b"a secret of thirty-two characters").decode()
CRM = Caller(name="crm")
SOUND = b"RIFF sound"
REFUSING = b"HTTP/1.1 500 Oops\r\n\r\n"


@dataclass(frozen=True, kw_only=True)
class Office:
    """A desk that takes jobs, and a courier that is moved on by hand."""

    cloud: Cloud
    desk: JobDesk
    queue: Queue
    courier: Courier
    metrics: StringIO = field(default_factory=StringIO)

    def take(self, url: str, *, sound: bytes = SOUND) -> View:
        """Ask for the job of a recording, with a webhook."""
        return self.desk.take_upload(caller=CRM, sha256=hashlib.sha256(sound).digest(), size=len(sound), webhook=url)

    def upload(self, view: View) -> Upload:
        """Put the recording of a job, which S3 would announce."""
        return self.cloud.upload(f"whisper-jobs/{view.facts['id']}", SOUND, announce=False)

    def step(self) -> Message | None:
        """Handle the next message, if one is there."""
        if message := self.queue.receive(wait_seconds=0):
            self.courier.handle(message)
        return message

    def left(self) -> int:
        """How many messages are left."""
        return sum(self.queue.counts())

    def shown(self, view: View) -> dict[str, Any]:
        """The webhook of a job as its caller sees it."""
        webhook: dict[str, Any] = self.desk.look(view.facts["id"], caller=CRM).facts["webhook"]
        return webhook

    def counted(self, metric: WebhookMetric) -> int:
        """How often the courier has counted something."""
        return sum(metric in json.loads(line) for line in self.metrics.getvalue().splitlines())


@pytest.fixture
def office(
    aws_environment: None,  # noqa: ARG001 - the desk needs it
    cloud: Cloud,
    certificate: Certificate,
    monkeypatch: pytest.MonkeyPatch,
) -> Office:
    """An office whose pauses take no time."""
    for name in ("LEAST_LOOK_SECONDS", "MOST_LOOK_SECONDS", "FIRST_PAUSE_SECONDS", "UNREADABLE_SECONDS"):
        monkeypatch.setattr(courier, name, 0)
    queue = Queue(cloud.sqs.create_queue(QueueName=f"webhooks-{uuid4().hex[:12]}")["QueueUrl"])
    transcripts = Bucket(cloud.transcripts)
    book = WebhookBook(documents=transcripts, queue=queue)
    desk = JobDesk(recordings=Bucket(cloud.recordings), transcripts=transcripts, settings=cloud.settings, webhooks=book)
    metrics = StringIO()
    own = Courier(
        queue=queue,
        jobs=desk,
        book=book,
        sender=local_sender(certificate, seconds=1.0),
        read_secret=lambda: SECRET,
        meter=Meter(environment="test", service="api", stream=metrics),
    )
    return Office(cloud=cloud, desk=desk, queue=queue, courier=own, metrics=metrics)


def test_receiver_is_told_of_the_end_and_of_no_word(office: Office, certificate: Certificate) -> None:
    """Not before; then once, with a body that names the job, its state and its address, and a signature that holds."""
    with receiving(certificate) as receiver:
        view = office.take(receiver.url)
        office.step()
        upload = office.upload(view)
        office.step()
        assert (receiver.requests, office.shown(view)["state"]) == ([], "pending")
        office.cloud.put(ResultKeys(upload).transcript, b'{"transcript": {"segments": [{"text": "secret words"}]}}')
        office.step()
    identity = view.facts["id"]
    content = json.loads(receiver.body())
    assert content["type"] == "job.done"
    assert content["data"] == {
        "id": identity,
        "object": "job",
        "state": "done",
        "links": {"self": f"/jobs/{identity}"},
    }
    headers = receiver.headers()
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + receiver.body()
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    wanted = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    assert headers["webhook-signature"] == f"v1,{wanted}"
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 60
    shown = office.shown(view)
    assert (shown["state"], shown["told"], shown["attempts"], shown["host"]) == (
        "delivered",
        "done",
        1,
        "hooks.example.com",
    )
    assert (office.left(), len(receiver.requests), office.counted(WebhookMetric.DELIVERED)) == (0, 1, 1)


def test_failed_job_is_told_as_well(office: Office, certificate: Certificate) -> None:
    """Its reason is not in the request: the caller asks for it with its key."""
    with receiving(certificate) as receiver:
        view = office.take(receiver.url)
        upload = office.upload(view)
        failure = results.failure_document(upload, NotAudio(size=10), at="2026-01-31T12:00:00.000+00:00")
        office.cloud.put(ResultKeys(upload).failure, failure)
        office.step()
    assert json.loads(receiver.body())["data"]["state"] == "failed"
    assert b"error" not in receiver.body()


def test_refused_request_is_tried_again_under_the_same_id(office: Office, certificate: Certificate) -> None:
    """With the same body, so that a receiver knows it again; the job shows the attempts and the reason until it is accepted."""
    with receiving(certificate, answering(REFUSING, REFUSING, ACCEPTED)) as receiver:
        view = office.take(receiver.url)
        office.cloud.put(ResultKeys(office.upload(view)).transcript)
        office.step()
        office.step()
        assert {"attempts": 2, "error": "http_500", "state": "pending"}.items() <= office.shown(view).items()
        office.step()
    assert len({receiver.headers(number)["webhook-id"] for number in range(3)}) == 1
    assert len({receiver.body(number) for number in range(3)}) == 1
    shown = office.shown(view)
    assert (shown["state"], shown["attempts"], "error" in shown, office.left()) == ("delivered", 3, False, 0)


def test_attempts_end_visibly(office: Office, certificate: Certificate, monkeypatch: pytest.MonkeyPatch) -> None:
    """The job says so, a metric counts it, and no message is left; the same request begins again."""
    monkeypatch.setattr(courier, "MAX_ATTEMPTS", 2)
    with receiving(certificate, answering(REFUSING, REFUSING, ACCEPTED)) as receiver:
        view = office.take(receiver.url)
        office.cloud.put(ResultKeys(office.upload(view)).transcript)
        office.step()
        office.step()
        assert {"attempts": 2, "error": "http_500", "state": "given_up"}.items() <= office.shown(view).items()
        assert (office.left(), office.counted(WebhookMetric.GIVEN_UP)) == (0, 1)
        office.take(receiver.url)
        office.step()
    assert office.shown(view)["state"] == "delivered"
    assert receiver.headers(1)["webhook-id"] != receiver.headers(2)["webhook-id"]


def test_gone_receiver_is_not_asked_again(office: Office, certificate: Certificate) -> None:
    """410 says that no one is there any more."""
    with receiving(certificate, answering(b"HTTP/1.1 410 Gone\r\n\r\n")) as receiver:
        view = office.take(receiver.url)
        office.cloud.put(ResultKeys(office.upload(view)).transcript)
        office.step()
    assert (office.shown(view)["state"], office.left()) == ("given_up", 0)


def test_late_job_is_told_once_and_its_end_too(
    office: Office, certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each under an id of its own. A receiver that only listens would otherwise wait for ever."""
    with receiving(certificate) as receiver:
        view = office.take(receiver.url)
        upload = office.upload(view)
        monkeypatch.setattr(jobs_desk, "WAIT_SECONDS", -7200)
        office.step()
        office.step()
        assert [json.loads(body)["type"] for body in map(receiver.body, range(len(receiver.requests)))] == ["job.late"]
        assert (office.shown(view)["told"], office.shown(view)["state"]) == ("late", "pending")
        office.cloud.put(ResultKeys(upload).transcript)
        office.step()
    assert json.loads(receiver.body())["type"] == "job.done"
    assert receiver.headers(0)["webhook-id"] != receiver.headers(1)["webhook-id"]
    assert (office.shown(view)["state"], office.left()) == ("delivered", 0)


def test_job_without_news_is_not_watched_for_ever(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """An upload that never came has no end; to ask for the job again is a new beginning."""
    view = office.take("https://hooks.example.com/")
    monkeypatch.setattr(courier, "WATCH_SECONDS", 0)
    office.step()
    assert (office.shown(view)["state"], office.left()) == ("expired", 0)
    office.take("https://hooks.example.com/")
    assert (office.shown(view)["state"], office.left()) == ("pending", 1)


def test_same_webhook_again_changes_nothing(office: Office, certificate: Certificate) -> None:
    """A client's retries cost no message, before and after the webhook is delivered."""
    with receiving(certificate) as receiver:
        view = office.take(receiver.url)
        office.take(receiver.url)
        assert office.left() == 1
        office.cloud.put(ResultKeys(office.upload(view)).transcript)
        office.step()
        assert office.take(receiver.url).state == "done"
    assert (office.left(), len(receiver.requests)) == (0, 1)


def test_another_webhook_replaces_the_first(
    office: Office, certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the same job: nothing is transcribed twice. A job that has ended is told to the new one at once."""
    monkeypatch.setattr(courier, "DOCUMENT_SECONDS", 0)
    with receiving(certificate) as first, receiving(certificate) as second:
        view = office.take(first.url)
        assert office.take(second.url).facts["id"] == view.facts["id"]
        office.cloud.put(ResultKeys(office.upload(view)).transcript)
        while office.step() and office.shown(view)["state"] == "pending":
            pass
        assert (len(first.requests), len(second.requests)) == (0, 1)
        office.take(first.url)
        while office.step() and office.shown(view)["state"] == "pending":
            pass
    assert (len(first.requests), len(second.requests)) == (1, 1)


def test_request_without_a_webhook_keeps_the_one_that_is_there(office: Office) -> None:
    """Not to ask for one is no wish to have none."""
    view = office.take("https://hooks.example.com/")
    office.take("")
    assert office.shown(view)["state"] == "pending"
    assert "webhook" not in office.take("", sound=b"RIFF other").facts


def test_deleted_job_is_told_to_no_one(
    office: Office, certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its webhook is deleted with it, and its message goes."""
    monkeypatch.setattr(courier, "DOCUMENT_SECONDS", 0)
    with receiving(certificate) as receiver:
        view = office.take(receiver.url)
        office.cloud.put(ResultKeys(office.upload(view)).transcript)
        office.desk.remove(view.facts["id"], caller=CRM)
        assert not office.cloud.results("jobs/")
        office.step()
    assert (receiver.requests, office.left()) == ([], 0)


def test_message_waits_for_its_document(office: Office) -> None:
    """The message is sent first, so that no document is without one."""
    office.queue.send(json.dumps({"job": "0" * 40, "webhook": "msg_1"}))
    office.step()
    assert office.left() == 1


def test_refused_address_is_shown_with_the_job(office: Office) -> None:
    """The rule of production holds at the time of sending, whatever the name meant when the job was taken."""
    assert office.desk.webhooks
    own = Courier(
        queue=office.queue,
        jobs=office.desk,
        book=office.desk.webhooks,
        sender=Sender(find=lambda _, __: (LOOPBACK,)),
        read_secret=lambda: SECRET,
        meter=Meter(environment="test", service="api", stream=office.metrics),
    )
    view = office.take("https://hooks.example.com/")
    office.cloud.put(ResultKeys(office.upload(view)).transcript)
    replace(office, courier=own).step()
    assert {"state": "pending", "attempts": 1, "error": "address_refused"}.items() <= office.shown(view).items()
    assert office.counted(WebhookMetric.ATTEMPTS_FAILED) == 1


@pytest.mark.parametrize("body", ["", "{", "{}", '{"job": 1}', "[]", '{"job": "a", "webhook": "b", "more": "c"}'])
def test_message_that_is_not_understood_stays(office: Office, body: str, caplog: pytest.LogCaptureFixture) -> None:
    """Another version of the service may understand it; if none does, SQS moves it to the dead letters."""
    office.queue.send(body or " ")
    with caplog.at_level("INFO", "service"):
        office.step()
    assert office.left() == 1
    assert "webhook failed" in caplog.text


def test_secrets_change_without_a_restart(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are read again every minute; a secret that is wrong or cannot be read for a while changes nothing."""
    monkeypatch.setattr(courier, "SECRET_SECONDS", -1.0)
    fault = AwsUnavailable(resource="secret", reason="Throttling")
    texts: list[str | Exception] = [SECRET, "", fault, f"{SECRET},{SECRET[:-4]}"]

    def read() -> str:
        if isinstance(text := texts.pop(0), Exception):
            raise text
        return text

    monkeypatch.setattr(office.courier, "_read_secret", read)
    assert [len(office.courier._fresh_secrets()) for _ in range(4)] == [1, 1, 1, 2]


def test_secret_that_was_never_read_is_a_fault(office: Office, certificate: Certificate) -> None:
    """Nothing is sent unsigned, no attempt is counted, and the message comes back."""
    office.courier._read_secret = lambda: ""
    with receiving(certificate) as receiver:
        view = office.take(receiver.url)
        office.cloud.put(ResultKeys(office.upload(view)).transcript)
        office.step()
    assert (receiver.connections, office.shown(view)["attempts"], office.left()) == ([], 0, 1)


def test_pauses_grow_and_end() -> None:
    """Ten attempts over about 16 hours; random, within a quarter."""
    pauses = [pause_seconds(number) for number in range(1, courier.MAX_ATTEMPTS)]
    usual = [10, 40, 160, 640, 2560, 10_240, 14_400, 14_400, 14_400]
    assert all(0.75 * wanted <= pause <= 1.25 * wanted + 1 for wanted, pause in zip(usual, pauses, strict=True))
    assert 15 < sum(usual) / 3600 < 17
    assert len({pause_seconds(9) for _ in range(20)}) > 1


def test_no_webhook_is_received_so_often_that_it_becomes_a_dead_letter() -> None:
    """The looks at a job until it is late, and after, and the attempts at both news, each are a receive."""
    age, looks = 0.0, 0
    while age < courier.WATCH_SECONDS:
        age += min(max(courier.LEAST_LOOK_SECONDS, age / 10), courier.MOST_LOOK_SECONDS)
        looks += 1
    assert looks + 2 * courier.MAX_ATTEMPTS < WEBHOOK_MAX_RECEIVES * 0.75
    longest = courier.WATCH_SECONDS + 2 * courier.MAX_ATTEMPTS * courier.MAX_PAUSE_SECONDS * 1.25
    assert longest < WEBHOOK_RETENTION_SECONDS
