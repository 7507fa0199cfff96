"""The golden call: sent, awaited and judged, against an emulator's queue and buckets."""

import json
import struct
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from io import StringIO
from pathlib import Path
from threading import Timer

import pytest

from demo.truth import DEMO
from service.aws.s3 import Bucket
from service.aws.sqs import Queue
from service.batch import canary, golden, results
from service.batch.canary import MAX_ERROR, Canary, Finding
from service.batch.events import Upload, announcement
from service.batch.golden import GoldenCall
from service.batch.results import ResultKeys, State
from service.errors import AwsDenied
from service.evaluation.error_rates import word_error_rate
from service.settings import CANARY_FOLDER, SettingError, Settings
from service.telemetry import Meter
from service.transcript import Segment, Transcript
from tests.service.batch.operating import NOW, at_work, failure, reconciled, view
from tests.service.cloud import Cloud, worker
from tests.standin import CALLS, VOICEMAIL

pytestmark = pytest.mark.usefixtures("aws_environment")

Then = Callable[[Upload], None]


class Recorder:
    """The recordings bucket, in which something happens after each golden call."""

    def __init__(self, cloud: Cloud, then: Then) -> None:
        self._bucket, self._name, self._then = Bucket(cloud.recordings), cloud.recordings, then
        self.keys: list[str] = []

    def put(self, key: str, body: bytes, *, content_type: str) -> None:
        """Put it, and let it happen."""
        self._bucket.put(key, body, content_type=content_type)
        self.keys.append(key)
        (upload,) = self._of(key)
        self._then(upload)

    def delete(self, key: str) -> None:
        """Delete it."""
        self._bucket.delete(key)

    def _of(self, key: str) -> list[Upload]:
        return list(Bucket(self._name).versions(key))


def sent(
    cloud: Cloud, then: Then, *, call: GoldenCall | None = None, within: float = 0.3, settings: Settings | None = None
) -> Canary:
    """A canary whose call meets with something."""
    call = call or golden.choose(cloud.settings)
    return Canary(
        call=call,
        recordings=Recorder(cloud, then),
        transcripts=Bucket(cloud.transcripts),
        queue=Queue(cloud.queue),
        judge=partial(word_error_rate, call.words, language=call.language),
        settings=settings or cloud.settings,
        within_seconds=within,
        poll_seconds=0.05,
    )


def transcribed(cloud: Cloud, upload: Upload, text: str) -> None:
    """Publish a transcript as a worker does, `latest` last."""
    segment = Segment(channel=0, start=0.0, end=1.0, text=text, average_log_probability=-0.1)
    transcript = Transcript(language="en", language_probability=1.0, duration=2.0, channels=1, segments=(segment,))
    document = results.transcript_document(
        upload, transcript, settings=Settings(), encoder="a", processing_seconds=1.0, at=NOW
    )
    keys = ResultKeys(upload)
    for key in (*keys.renderings.values(), keys.of(State.PARTIAL)):
        cloud.put(key)
    cloud.put(keys.transcript, document)
    cloud.put(keys.latest, results.latest_document(upload))


def left(cloud: Cloud) -> list[str]:
    """The objects that are left in both buckets."""
    return [
        entry["Key"]
        for bucket in (cloud.recordings, cloud.transcripts)
        for entry in cloud.s3.list_objects_v2(Bucket=bucket).get("Contents", ())
    ]


@pytest.mark.parametrize("named_by_tag", [False, True])
def test_call_that_comes_back_passes_and_leaves_nothing(cloud: Cloud, *, named_by_tag: bool) -> None:
    """Its words are compared without their style; the event may name no version."""
    call = golden.choose(Settings())

    def publish(upload: Upload) -> None:
        transcribed(cloud, replace(upload, version_id="") if named_by_tag else upload, call.words.upper())

    finding = sent(cloud, publish).run()
    assert (finding.passed, finding.text.rpartition("; ")[2]) == (True, "0% of its words (en) are wrong")
    assert not left(cloud)


def test_call_with_other_words_fails_and_stays_for_the_person_on_call(cloud: Cloud) -> None:
    """A model that answers nonsense is found; the line names the key, and the threshold."""
    finding = sent(cloud, lambda upload: transcribed(cloud, upload, "Thank you for watching.")).run()
    assert not finding.passed
    assert f"more than {MAX_ERROR:.0%}: {CANARY_FOLDER}" in finding.text
    assert len(left(cloud)) == 6


def test_call_of_a_language_that_is_excluded_needs_a_transcript_only(cloud: Cloud) -> None:
    """A model that may answer in Spanish alone cannot repeat English words."""
    spanish = golden.choose(Settings(language="es"))
    finding = sent(cloud, lambda upload: transcribed(cloud, upload, "Hola."), call=spanish).run()
    assert finding.passed
    assert "not judged" in finding.text


def test_call_that_is_refused_fails_at_once_with_the_reason(cloud: Cloud) -> None:
    """The failure's code is in the line."""
    finding = sent(cloud, lambda upload: cloud.put(ResultKeys(upload).failure, failure(upload)), within=60).run()
    assert not finding.passed
    assert finding.text.startswith("the golden call was refused (bad_audio): ")


def test_call_that_does_not_come_back_in_time_fails(cloud: Cloud) -> None:
    """The counts tell whether its message is there at all."""
    finding = sent(cloud, lambda upload: cloud.send(announcement(upload))).run()
    assert not finding.passed
    assert "no transcript after 0 s; 1 messages wait, 0 are in flight: " in finding.text


def busy(cloud: Cloud, *, waiting: int) -> Finding:
    """The finding if a worker finishes another recording meanwhile, and some messages wait all the time."""
    other = cloud.upload("another.wav", announce=False)
    for _ in range(waiting):
        cloud.send("a message")
    cloud.put(ResultKeys(other).running, at_work(other))

    def finish() -> None:
        cloud.put(ResultKeys(other).transcript)
        cloud.s3.delete_object(Bucket=cloud.transcripts, Key=ResultKeys(other).running)

    timer = Timer(0.5, finish)
    finding = sent(cloud, lambda _: timer.start(), within=1.5).run()
    timer.join()
    return finding


def test_call_behind_others_that_are_worked_on_passes(cloud: Cloud) -> None:
    """No deployment goes back, and no alarm rings, because a week's calls wait before it."""
    finding = busy(cloud, waiting=3)
    assert finding.passed
    assert "others wait, too, and 1 were transcribed meanwhile" in finding.text


def test_call_that_is_lost_beside_one_that_is_done_fails(cloud: Cloud) -> None:
    """Nothing waits but, at most, the golden call itself."""
    assert not busy(cloud, waiting=1).passed


@pytest.mark.parametrize(
    ("settings", "begin", "end"),
    [
        (Settings(), CANARY_FOLDER, ".wav"),
        (
            Settings(recording_prefixes="calls/,old/", recording_suffixes=".mp3,.wav"),
            f"calls/{CANARY_FOLDER}",
            ".mp3",
        ),
    ],
)
def test_key_passes_the_filter_as_a_recording_does(cloud: Cloud, settings: Settings, begin: str, end: str) -> None:
    """The golden call goes through the same rule and the same workers as a caller's."""
    asked = sent(cloud, lambda _: None, settings=settings)
    asked.run()
    assert isinstance(asked.recordings, Recorder)
    (key,) = asked.recordings.keys
    assert (key[: len(begin)], key[-len(end) :]) == (begin, end)
    assert asked.settings.key_filter.admits(key)


def test_golden_calls_are_no_jobs_unless_asked_for(cloud: Cloud) -> None:
    """Neither counted, listed, nor lost; `--prefix` shows those that failed."""
    lost, kept = (cloud.upload(f"{CANARY_FOLDER}{name}.wav", announce=False) for name in ("lost", "kept"))
    cloud.put(ResultKeys(kept).transcript)
    cloud.put(ResultKeys(lost).failure, failure(lost))
    tally, missing = reconciled(view(cloud))
    assert (tally.done, tally.failed, missing) == (0, 0, [])
    assert view(cloud).overview().done == 0
    asked = view(cloud, prefix=CANARY_FOLDER)
    assert asked.overview().done == 1
    assert [row.recording for row in asked.listed(State.FAILED)] == [lost.key]


@pytest.mark.parametrize(
    ("settings", "language", "judged"),
    [
        (Settings(), "en", True),
        (Settings(language="fr"), "fr", True),
        (Settings(languages="de,fr"), "fr", True),
        (Settings(model="base.en", languages="fr"), "en", True),
        (Settings(language="de"), "en", False),
    ],
)
def test_call_is_in_a_language_that_the_model_may_answer_in(settings: Settings, language: str, *, judged: bool) -> None:
    """English and French are there; in any other language, no words can be compared."""
    call = golden.choose(settings)
    assert (call.language, call.judged) == (language, judged)


def test_golden_calls_are_cut_from_the_sample_calls() -> None:
    """A sample call that is recorded again has to be cut again: sample by sample, from the agent's channel."""
    voicemail, appointment = (
        samples((DEMO / "calls" / name).read_bytes()) for name in ("voicemail.wav", "rendez-vous.wav")
    )
    english, french = (samples((golden.FOLDER / f"{language}.wav").read_bytes()) for language in ("en", "fr"))
    assert voicemail.startswith(english)
    welcome, again = int(5.7 * 8000), int(33.8 * 8000)
    agent = appointment[::2]
    assert agent.startswith(french[:welcome])
    assert agent[again:].startswith(french[welcome:])
    assert sum(path.stat().st_size for path in golden.FOLDER.iterdir()) < 210_000


def samples(file: bytes) -> bytes:
    """The samples of a WAV file."""
    start = file.index(b"data")
    (size,) = struct.unpack("<I", file[start + 4 : start + 8])
    return file[start + 8 : start + 8 + size]


def test_folder_without_a_call_is_refused(tmp_path: Path) -> None:
    """The line names the option and the file that is missing."""
    with pytest.raises(SettingError, match=r"^--golden: got .*, expected a folder with manifest.json and its calls"):
        golden.choose(Settings(), tmp_path)


def test_worker_returns_the_golden_call_and_the_metric_says_so(
    cloud: Cloud, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """From the bucket through the queue and a real worker; exit code, line and metric agree."""
    call = GoldenCall(
        audio=VOICEMAIL.read_bytes(),
        language="en",
        words=" ".join(turn.text for turn in CALLS["voicemail.wav"].turns),
        judged=True,
    )
    metrics = StringIO()
    with worker(cloud, tmp_path):
        asked = sent(cloud, lambda upload: cloud.send(announcement(upload)), call=call, within=90)
        assert canary.run(asked, meter=Meter(environment="dev", service="canary", stream=metrics)) == 0
    line = capsys.readouterr().out
    assert line.startswith("canary: passed: the golden call came back after ")
    emitted = json.loads(metrics.getvalue())
    assert emitted["CanaryPassed"] == 1
    assert 0 < emitted["CanarySeconds"] < 90
    cloud.assert_drained()
    assert not left(cloud)


def test_call_that_the_bucket_refuses_is_a_failure_of_the_canary(cloud: Cloud) -> None:
    """A missing right is an error like in every verb, and rings, too."""

    def refuse(_: Upload) -> None:
        raise AwsDenied(resource="recordings", reason="AccessDenied")

    metrics = StringIO()
    with pytest.raises(AwsDenied):
        canary.run(sent(cloud, refuse), meter=Meter(environment="dev", service="canary", stream=metrics))
    assert json.loads(metrics.getvalue())["CanaryPassed"] == 0
