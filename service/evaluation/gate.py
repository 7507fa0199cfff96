"""The release gate: a release's error rates and speed on golden recordings, against those of the last release."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from service.errors import BadGateData
from service.evaluation.golden import GoldenRecording, read_audio, read_manifest
from service.evaluation.measurement import Machine, Transcriber, measure
from service.evaluation.report import Report, read_report
from service.evaluation.storage import Storage
from service.evaluation.table import table
from service.evaluation.verdict import Allowance, judge
from service.provenance import Provenance
from service.recording import Decode
from service.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The inputs and outputs of a run, as locations: a path or `s3://BUCKET/KEY`.

    An empty `against` compares with nothing, an empty `report` writes none; with `first_release`, `against` need
    not exist.
    """

    manifest: str
    against: str = ""
    first_release: bool = False
    report: str = ""
    allowance: Allowance


# Measures the speed of a task with an engine and the recordings, each with a name; returns the profile as text, or nothing.
Profiler = Callable[[Transcriber, Iterable[tuple[str, bytes]]], str]


def run(
    request: Request,
    *,
    load: Callable[[], Transcriber],
    decode: Decode,
    storage: Storage,
    settings: Settings,
    profile: Profiler | None = None,
) -> int:
    """Measure a release, print its table and write its report; 1 if it is worse than the last one, else 0.

    With `profile`, the report has the profile of the task, too, with which the next plan is made.

    Raises:
        BadGateData: the manifest, a recording or the last report is missing or cannot be used.
    """
    # Missing data is reported before the model is loaded, and long before the last recording is transcribed.
    golden = read_manifest(request.manifest, storage=storage)
    last = None
    if request.against:
        last = read_report(request.against, first_release=request.first_release, storage=storage)
    digests = [recording.digest(read_audio(recording, storage=storage)) for recording in golden]
    if last:
        _check_covered(last, digests)
    engine = load()
    this = Report(
        provenance=Provenance.of(settings),
        machine=Machine.this(),
        recordings=tuple(
            measure(recording, digest=digest, storage=storage, engine=engine, decode=decode)
            for recording, digest in zip(golden, digests, strict=True)
        ),
        earlier=last.speeds if last else {},
        profile=profile(engine, _audio(golden, storage=storage)) if profile else "",
    )
    verdict = judge(this, last, allowance=request.allowance)
    print(table(verdict), flush=True)  # noqa: T201 - the table is the verb's output
    if request.report:
        storage.write(request.report, this.to_json(), field="--report")
    return 1 if verdict.regressions else 0


def _audio(golden: Sequence[GoldenRecording], *, storage: Storage) -> Iterator[tuple[str, bytes]]:
    """Each recording under a name that tells nothing but its order and its format."""
    for each in golden:
        yield f"{each.number}{PurePath(each.audio).suffix}", read_audio(each, storage=storage)


def _check_covered(last: Report, digests: Sequence[str]) -> None:
    """Refuse a set that lacks a recording of the last report: the gate would grow weaker unnoticed."""
    if not {recording.digest for recording in last.recordings} <= set(digests):
        expected = "a report whose recordings, with their audio and words, are all in this manifest"
        raise BadGateData(field="--against", message="has recordings that the manifest lacks", expected=expected)
