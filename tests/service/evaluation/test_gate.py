"""The release gate: the releases it stops, and the recordings it compares."""

import json
import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import pytest
from mypy_boto3_s3 import S3Client

from demo.server import ROOT
from demo.truth import DEMO, load_calls
from local import emulator
from service import processor
from service.errors import InvalidField, UnsupportedCodec
from service.evaluation import gate as release_gate
from service.evaluation.gate import Profiler, Request
from service.evaluation.measurement import Transcriber
from service.evaluation.normalisation import normalise
from service.evaluation.verdict import Allowance
from service.recording import Recording
from service.settings import Settings
from service.transcript import Segment, Transcript
from tests import standin
from tests.service.evaluation.runs import FILES, PLAIN, put

MANIFEST = DEMO / "calls" / "manifest.json"
REPORT = DEMO / "calls" / "report.json"
STANDIN = {"WHISPER_MODEL": str(standin.MODEL)}
ANY = Allowance(error=0.01, slowdown=0.0)


def gate(*arguments: str | Path, **environ: str) -> "subprocess.CompletedProcess[str]":
    """Run the gate to its end, as a pipeline does."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("WHISPER_")}
    return subprocess.run(
        [sys.executable, "-m", "service", "evaluate", *map(str, arguments)],
        cwd=ROOT,
        env=inherited | environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


def assert_nothing_private(done: "subprocess.CompletedProcess[str]") -> None:
    """Neither stream has a word of a call or the name of a file."""
    spoken = {word for call in load_calls().values() for turn in call.turns for word in normalise(turn.text).split()}
    printed = set(normalise(done.stdout + done.stderr).split())
    assert {word for word in spoken if len(word) > 6} & printed <= {"english", "message"}
    assert not [name for name in load_calls() if name in done.stdout + done.stderr]


@dataclass(kw_only=True)
class FakeEngine:
    """An engine that returns the next of `texts`, a text per channel, after some seconds."""

    texts: deque[Sequence[str]]
    seconds: float = 0.0

    def transcribe(self, recording: Recording) -> Transcript:
        """The next transcript, a segment per channel, without words."""
        time.sleep(self.seconds)
        texts = self.texts.popleft()
        segments = tuple(
            Segment(channel=channel, start=0.0, end=1.0, text=text, average_log_probability=-0.1)
            for channel, text in enumerate(texts)
        )
        return Transcript(
            language="en", language_probability=1.0, duration=recording.duration, channels=len(texts), segments=segments
        )


def run(folder: Path, *texts: Sequence[str], seconds: float = 0.0, slowdown: float = 0.0, **options: Any) -> int:
    """The gate over the manifest in a folder, with an engine that returns `texts`."""
    allowance = Allowance(error=0.01, slowdown=slowdown)
    request = Request(manifest=str(folder / "manifest.json"), allowance=allowance, **options)
    return run_with(FakeEngine(texts=deque(texts), seconds=seconds), request)


def run_with(engine: Transcriber, request: Request, *, profile: Profiler | None = None) -> int:
    """The gate with an engine, on files only; every recording decodes to a second of silence."""
    return release_gate.run(
        request,
        load=lambda: engine,
        decode=_silent_second,
        storage=FILES,
        settings=Settings(),
        profile=profile,
    )


def _silent_second(_: object, *, name: str = "") -> Recording:  # noqa: ARG001 - of the protocol
    return Recording(samples=np.zeros((1, 16_000), np.int16), missing_seconds=0.0, gaps=())


@pytest.mark.words
def test_default_model_matches_its_committed_report(tmp_path: Path) -> None:
    """`make gate` passes, and prints nothing private."""
    done = gate(MANIFEST, "--against", REPORT, "--report", tmp_path / "report.json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "4 of 4 recordings compared with the last release: no regressions"
    assert_nothing_private(done)
    this, last = (json.loads(path.read_text()) for path in (tmp_path / "report.json", REPORT))
    assert [(row["group"], row["count"]) for row in this["rates"]] == [
        (row["group"], row["count"]) for row in last["rates"]
    ]
    # Processors round differently, which changes a word now and then.
    assert this["rates"][0]["rate"] == pytest.approx(last["rates"][0]["rate"], abs=0.005)


def test_worse_model_is_stopped() -> None:
    """The stand-in does not know the words of the sample calls."""
    done = gate(MANIFEST, "--against", REPORT, **STANDIN)
    assert done.returncode == 1, done.stdout + done.stderr
    (everything,) = (line for line in done.stdout.splitlines() if line.startswith("all          words"))
    assert everything.endswith("REGRESSION")
    assert_nothing_private(done)


def test_report_brings_the_profile_of_the_task(tmp_path: Path) -> None:
    """Measured with the same engine and recordings, whose names it does not learn; without one, the report has none."""
    put(tmp_path)
    heard: list[tuple[object, list[str]]] = []

    def profile(engine: Transcriber, recordings: Iterable[tuple[str, bytes]]) -> str:
        heard.append((engine, [name for name, _ in recordings]))
        return "a profile"

    for profiler in (None, profile):
        report, engine = tmp_path / "report.json", FakeEngine(texts=deque([["one two three"]]))
        request = Request(manifest=str(tmp_path / "manifest.json"), report=str(report), allowance=ANY)
        assert run_with(engine, request, profile=profiler) == 0
        assert json.loads(report.read_text()).get("profile") == ("a profile" if profiler else None)
    assert heard == [(engine, ["0.wav"])]
    # The next release compares itself with such a report as with any other.
    assert run(tmp_path, ["one two three"], against=str(report)) == 0


def test_speed_is_compared_on_one_kind_of_machine_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And only if a slowdown is not allowed: a slower processor is not a fault of the release."""
    put(tmp_path)
    report = tmp_path / "report.json"
    assert run(tmp_path, ["one two three"], seconds=0.05, report=str(report)) == 0
    how: dict[str, Any] = {"seconds": 0.5, "against": str(report)}
    assert run(tmp_path, ["one two three"], **how, slowdown=2) == 1
    assert "2.00 allowed  REGRESSION" in capsys.readouterr().out
    assert run(tmp_path, ["one two three"], **how, slowdown=100) == 0
    assert run(tmp_path, ["one two three"], **how) == 0
    other = json.loads(report.read_text())
    other |= {"machine": other["machine"] | {"kind": "another"}, "speeds": {}}
    report.write_text(json.dumps(other))
    assert run(tmp_path, ["one two three"], **how, slowdown=2) == 0
    assert capsys.readouterr().out.count("not compared") == 2


def test_speed_is_held_to_the_last_release_on_each_kind_of_processor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A release that ran on another kind carries its predecessor's speed on."""
    put(tmp_path)
    reports = [str(tmp_path / f"{number}.json") for number in range(3)]
    assert run(tmp_path, ["one two three"], seconds=0.05, report=reports[0]) == 0
    how: dict[str, Any] = {"seconds": 0.5, "slowdown": 2}
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(processor, "kind", lambda: "another")
        assert run(tmp_path, ["one two three"], **how, against=reports[0], report=reports[1]) == 0
        assert run(tmp_path, ["one two three"], **how, against=reports[1], report=reports[2]) == 0
    assert run(tmp_path, ["one two three"], **how, against=reports[2]) == 1


def test_words_on_a_silent_channel_are_errors(tmp_path: Path) -> None:
    """A hypothesis on a channel without speech counts against the model."""
    put(tmp_path)
    report = tmp_path / "report.json"
    assert run(tmp_path, ["one two three", "thank you for watching"], report=str(report)) == 0
    rates = {(row["group"], row["of"]): row["rate"] for row in json.loads(report.read_text())["rates"]}
    assert rates["all", "words"] == pytest.approx(4 / 3, abs=1e-6)
    assert rates["channel 0", "words"] == 0


def test_late_turn_is_a_regression(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the times of its turns, a recording is held to order, spans, ghosts and starts as well."""
    turns = [{"channel": 0, "text": "One.", "start": n / 10, "end": n / 10 + 0.1} for n in range(4)]
    put(tmp_path, {"recordings": [{"audio": "a.wav", "language": "en", "turns": turns}] * 20})
    report = tmp_path / "report.json"
    run(tmp_path, *[["one one one one"]] * 20, report=str(report))
    plain = json.loads(report.read_text())
    for recording in plain["recordings"]:
        recording["placements"] = [[*turn[:4], 0.0, turn[5]] for turn in recording["placements"]]
    report.write_text(json.dumps(plain))
    capsys.readouterr()
    assert run(tmp_path, *[["one one one one"]] * 20, against=str(report)) == 0
    for recording in plain["recordings"]:
        recording["placements"] = [[*turn[:5], 0.0] for turn in recording["placements"]]
    report.write_text(json.dumps(plain))
    assert run(tmp_path, *[["one one one one"]] * 20, against=str(report)) == 1
    (late,) = (line for line in capsys.readouterr().out.splitlines() if line.endswith("REGRESSION"))
    assert late.startswith("all          end")


def test_times_of_turns_are_printed_if_they_are_known(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A manifest without times gives neither their line nor their rates."""
    put(tmp_path)
    run(tmp_path, ["one two three"])
    assert "turns start" not in capsys.readouterr().out
    turn = {"channel": 0, "text": "One.", "start": 0.25, "end": 1.5}
    put(tmp_path, {"recordings": [{"audio": "a.wav", "language": "en", "turns": [turn]}]})
    run(tmp_path, ["one"])
    line = "turns start 0.25 s (median) and 0.25 s (p95) off; they end 0.50 s (median) and 0.50 s (p95) off"
    assert line in capsys.readouterr().out


def test_recordings_may_be_added_but_not_removed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A new golden recording is not compared; a missing one, or one with another reference, would weaken the gate."""
    put(tmp_path)
    report, (known,) = tmp_path / "report.json", PLAIN["recordings"]
    run(tmp_path, ["one two three"], report=str(report))
    added = known | {"turns": [{"channel": 0, "text": "Four."}]}
    put(tmp_path, {"recordings": [added, known]})
    assert run(tmp_path, ["five"], ["one two three"], against=str(report)) == 0
    assert "1 of 2 recordings compared" in capsys.readouterr().out
    put(tmp_path, {"recordings": [added]})
    with pytest.raises(
        InvalidField, match="--against: has recordings that the manifest lacks; expected a report whose recordings"
    ):
        run(tmp_path, ["five"], against=str(report))


def test_first_release_has_nothing_to_compare_with(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--first-release` accepts a missing report, but does not ignore an existing one."""
    put(tmp_path)
    report = str(tmp_path / "latest.json")
    with pytest.raises(InvalidField, match="--against: is missing or not JSON"):
        run(tmp_path, ["one two three"], against=report)
    assert run(tmp_path, ["one two three"], against=report, first_release=True, report=report) == 0
    assert "no earlier report to compare with" in capsys.readouterr().out
    assert run(tmp_path, ["one two three"], against=report, first_release=True) == 0
    assert "1 of 1 recordings compared" in capsys.readouterr().out


def test_turn_on_a_channel_that_the_audio_lacks_is_refused(tmp_path: Path) -> None:
    """The number of channels is known only after decoding."""
    (entry,) = PLAIN["recordings"]
    put(tmp_path, {"recordings": [entry | {"turns": [{"channel": 1, "text": "Hello."}]}]})
    message = r"^recordings\[0\]\.turns: name a channel that the audio does not have; expected channels from 0 to 0"
    with pytest.raises(InvalidField, match=message):
        run(tmp_path, ["one two three"])


def test_recording_that_cannot_be_decoded_is_refused(tmp_path: Path) -> None:
    """A gate that skipped such recordings would pass any release."""

    class BrokenEngine:
        def transcribe(self, recording: Recording) -> Transcript:
            raise UnsupportedCodec(codec=f"{recording.duration} s of noise")

    put(tmp_path)
    with pytest.raises(
        InvalidField, match=r"^recordings\[0\]\.audio: this codec is not opened; expected a recording as WAV"
    ):
        run_with(
            BrokenEngine(), Request(manifest=str(tmp_path / "manifest.json"), allowance=Allowance(error=0, slowdown=0))
        )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["absent.json"],
            "MANIFEST: is missing or not JSON (got 'absent.json'); expected a JSON file, or s3://BUCKET/KEY",
        ),
        (
            ["demo/calls/manifest.json", "--against", "x"],
            "--against: is missing or not JSON (got 'x'); expected a JSON",
        ),
    ],
)
def test_missing_gate_data_is_one_line_and_exit_2(arguments: list[str], message: str) -> None:
    """The exit code lets a pipeline tell bad data from a regression."""
    done = gate(*arguments)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert f"whisper-fargate: {message}" in done.stderr


@pytest.mark.parametrize("option", ["--max-worse", "--max-slowdown"])
@pytest.mark.parametrize("value", ["nan", "-1", "inf", "much"])
def test_allowance_that_allows_everything_is_refused(option: str, value: str) -> None:
    """No increase is greater than NaN or infinity: a gate with such a limit would be open."""
    done = gate(MANIFEST, f"{option}={value}")
    assert done.returncode == 2
    assert f"argument {option}: got '{value}', expected a number from 0" in done.stderr


@pytest.fixture
def s3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Client]:
    """A client of an emulated S3 that holds the stand-in's voicemail as a golden set."""
    folder = tmp_path / "cloud"
    folder.mkdir()
    try:
        running = emulator.start(folder)
        for name, value in (running.environ() | {"AWS_DEFAULT_REGION": "eu-west-1"}).items():
            monkeypatch.setenv(name, value)
        client = boto3.client("s3")
        for bucket in ("golden", "reports"):
            client.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        known = json.loads((standin.FOLDER / "calls" / "manifest.json").read_text())["recordings"]
        manifest = {"recordings": [entry for entry in known if entry["audio"] == "voicemail.wav"]}
        client.put_object(Bucket="golden", Key="set 1/manifest.json", Body=json.dumps(manifest).encode())
        client.upload_file(str(standin.VOICEMAIL), "golden", "set 1/voicemail.wav")
        yield client
    finally:
        emulator.stop(folder)


def test_gate_runs_on_data_in_s3(s3: S3Client) -> None:
    """As in the cloud: the first release writes the report that the second is compared with."""
    manifest, latest = "s3://golden/set 1/manifest.json", "s3://reports/latest.json"
    refused = gate(manifest, "--against", latest, **STANDIN)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "--against: is missing or not JSON (got 's3://reports/latest.json')" in refused.stderr
    first = gate(manifest, "--against", latest, "--first-release", "--report", latest, **STANDIN)
    assert (first.returncode, first.stdout.splitlines()[-1]) == (
        0,
        "1 of 1 recordings measured, no earlier report to compare with",
    )
    second = gate(manifest, "--against", latest, "--report", "s3://reports/2.json", **STANDIN)
    assert (second.returncode, second.stdout.splitlines()[-1][:24]) == (0, "1 of 1 recordings compar")
    keys = {entry["Key"] for entry in s3.list_objects_v2(Bucket="reports")["Contents"]}
    assert keys == {"latest.json", "2.json"}
    denied = gate(manifest, "--report", "s3://absent/report.json", **STANDIN)
    assert denied.returncode == 2
    assert "--report: cannot be written: AWS does not answer as it should" in denied.stderr
