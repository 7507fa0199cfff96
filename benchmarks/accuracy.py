"""Accuracy on recordings whose words are known, beside faster-whisper's: `make accuracy`.

All engines hear the same samples with the same weights and detect the language. They take turns on each recording, so
that a busy machine slows all of them down. The shared corpus of real voices is used if it is there (`SPEECH` names its
folder), the project's own sample calls always.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks import corpus, tables
from benchmarks.contestants import Contestant, contestants, our_spans
from benchmarks.corpus import CLIPS, SAMPLES, SHARED_CALLS, Case
from benchmarks.faster import BATCHED, SEQUENTIAL, their_spans
from service.engine.detector import Detector
from service.evaluation.coverage import NOTHING, cover
from service.evaluation.error_rates import TurnErrors
from service.evaluation.measurement import Machine, MeasuredRecording, judge_transcript
from service.evaluation.normalisation import WITHOUT_WORDS
from service.evaluation.turns import spanning
from service.recording import Recording
from service.transcript import Transcript

QUICK_CALLS, QUICK_CLIPS, CLIPS_NUMBER = 1, 12, 100
PAGE = corpus.ROOT / "docs" / "accuracy.md"
BEGIN, END = "<!-- measured -->\n", "<!-- end -->\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One engine on one recording."""

    case: Case
    measured: MeasuredRecording
    cpu_seconds: float
    spanning: int
    segments: int


@dataclass(kw_only=True)
class Run:
    """The results of each engine, by its name, and the folder that keeps its transcripts."""

    folder: Path | None = None
    results: dict[str, list[Result]] = field(default_factory=dict)

    def measure(self, case: Case, engines: Sequence[Contestant], *, first: int) -> None:
        """Let each engine transcribe a recording, beginning with another one each time."""
        recording: Recording | None = None
        for engine in [*engines[first % len(engines) :], *engines[: first % len(engines)]]:
            path = self.folder and self.folder / engine.name / f"{case.name}.json"
            if path and path.exists():
                transcript, cpu_seconds = _kept(path)
            else:
                recording = recording or case.decode()
                started = time.process_time()
                transcript = engine.transcribe(recording)
                cpu_seconds = time.process_time() - started
                if path:
                    _keep(path, transcript, cpu_seconds)
            result = _result(case, transcript, cpu_seconds=cpu_seconds)
            self.results.setdefault(engine.name, []).append(result)

    def of(self, engine: str, kind: str) -> list[Result]:
        """An engine's results on one kind of recordings."""
        return [result for result in self.results.get(engine, ()) if result.case.kind == kind]


def main(arguments: Sequence[str]) -> int:
    """Measure, print the tables, and write them into the page if asked for."""
    options = _options(arguments)
    folder = corpus.speech_folder()
    if folder is None:
        print("The corpus of real voices is not here (SPEECH names its folder): only the sample calls are measured.")
    calls, others = _cases(folder, options)
    engines = contestants(peers=options.peers, threads=options.threads)
    run = Run(folder=options.keep)
    for number, case in enumerate(calls):
        _measure(run, case, engines, number)
    finalists = _finalists(run, engines)
    for number, case in enumerate(others):
        _measure(run, case, finalists, number)
    text = _report(run, finalists, [*calls, *others], command=_command(options))
    print(text)
    if options.write:
        _write(text)
    return 0


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accuracy", description=__doc__.split(":")[0] + ".")
    parser.add_argument("--calls", action="store_true", help="measure calls only, no clips")
    parser.add_argument("--clips", type=int, metavar="N", default=0, help="measure N clips of the corpus")
    parser.add_argument("--peers", choices=["all", "few", "none"], help="settings of faster-whisper to compare with")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="threads of each engine")
    parser.add_argument("--quick", action="store_true", help="one shared call, few clips and peers: about 3 minutes")
    parser.add_argument(
        "--keep", type=Path, metavar="FOLDER", help="keep every transcript as JSON, and take those that are there"
    )
    parser.add_argument("--write", action="store_true", help="write the tables into docs/accuracy.md")
    options = parser.parse_args(arguments)
    options.peers = options.peers or ("few" if options.quick else "all")
    return options


def _command(options: argparse.Namespace) -> str:
    """The command that measures the same."""
    flags = [f"--{name}" for name in ("calls", "quick") if getattr(options, name)]
    values = [f"--{name} {getattr(options, name)}" for name in ("clips", "peers", "threads") if getattr(options, name)]
    return " ".join(["python -m benchmarks.accuracy", *flags, *values])


def _cases(folder: Path | None, options: argparse.Namespace) -> tuple[list[Case], list[Case]]:
    """The calls that choose each family's best settings, and the recordings for these settings."""
    samples = corpus.sample_calls()
    if folder is None:
        return samples, []
    calls = corpus.shared_calls(folder)
    if options.quick:
        calls = sorted(calls, key=lambda case: case.seconds)[:QUICK_CALLS]
    if options.calls:
        return calls, samples
    number = options.clips or (QUICK_CLIPS if options.quick else CLIPS_NUMBER)
    return calls, samples + corpus.some(corpus.clips(folder), number)


def _measure(run: Run, case: Case, engines: Sequence[Contestant], number: int) -> None:
    print(f"  {case.kind}: {case.name}", file=sys.stderr, flush=True)
    run.measure(case, engines, first=number)


def _result(case: Case, transcript: Transcript, *, cpu_seconds: float) -> Result:
    turns = case.golden.timed_turns()
    return Result(
        case=case,
        measured=judge_transcript(case.golden, transcript),
        cpu_seconds=cpu_seconds,
        spanning=len(spanning(turns, transcript.segments)) if turns else 0,
        segments=len(transcript.segments),
    )


def _keep(path: Path, transcript: Transcript, cpu_seconds: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    plain = replace(transcript, show_words=True).to_dict() | {"cpu_seconds": round(cpu_seconds, 3)}
    path.write_text(json.dumps(plain, ensure_ascii=False, indent=1), "utf-8")


def _kept(path: Path) -> tuple[Transcript, float]:
    plain = json.loads(path.read_text("utf-8"))
    return Transcript.from_dict(plain), plain["cpu_seconds"]


def _finalists(run: Run, engines: Sequence[Contestant]) -> list[Contestant]:
    """Our engine and, of each family of settings, the one with the fewest word errors on the calls."""

    def errors(engine: Contestant) -> int:
        results = run.results.get(engine.name, ())
        return sum(turn.word_errors for result in results for turns in result.measured.channels for turn in turns)

    families = ({engines[0].name}, SEQUENTIAL, BATCHED)
    groups = [[engine for engine in engines if engine.name in family] for family in families]
    return [min(group, key=errors) for group in groups if group]


def _report(run: Run, finalists: Sequence[Contestant], cases: Sequence[Case], *, command: str) -> str:
    machine = Machine.this()
    parts = [f"`{command}`, {time.strftime('%Y-%m-%d')}, {machine.processor}, {machine.cpus} CPUs."]
    for kind, title in ((SHARED_CALLS, "Shared calls"), (SAMPLES, "Sample calls")):
        calls = [case for case in cases if case.kind == kind]
        if calls:
            rows = [_call_row(name, run.of(name, kind)) for name in run.results if run.of(name, kind)]
            parts += [
                f"### {title}",
                tables.markdown(CALL_HEADER, rows),
                _by_call(run, finalists, kind),
                _detectors(calls),
            ]
    if run.of(finalists[0].name, CLIPS):
        parts += ["### Clips", _by_group(run, finalists)]
    return "\n\n".join(parts) + "\n"


CALL_HEADER = (
    "engine", "words", "wrong", "wrong in call order", "segments across a turn", "ghost words", "starts off p50, p95",
    "within 0.3 s", "ends off p50, p95", "within 0.3 s", "CPU s", "audio s per CPU s",
)  # fmt: skip


def _call_row(name: str, results: Sequence[Result]) -> list[str]:
    placements = [placement for result in results for placement in result.measured.placements or ()]
    words = [(turn.words, turn.word_errors) for turn in _turns(results)]
    return [
        name,
        str(sum(count for count, _ in words)),
        tables.rate(words),
        tables.rate([(turn.words, turn.order_errors) for turn in placements]),
        f"{sum(result.spanning for result in results)} of {sum(result.segments for result in results)}",
        str(sum(turn.ghosts for turn in placements)),
        *tables.punctuality([turn.start_error for turn in placements]),
        *tables.punctuality([turn.end_error for turn in placements]),
        f"{sum(result.cpu_seconds for result in results):.0f}",
        _speed(results),
    ]


def _by_call(run: Run, finalists: Sequence[Contestant], kind: str) -> str:
    """The rates of each call: of each channel by itself, and in call order."""
    rows = []
    for number, result in enumerate(run.of(finalists[0].name, kind)):
        of_call = [_same(run.of(engine.name, kind), result.case) for engine in finalists]
        rates = [
            f"{_share((turn.words, turn.word_errors) for turn in _turns([other]))}"
            f" / {_share((turn.words, turn.order_errors) for turn in other.measured.placements or ())}"
            for other in of_call
        ]
        rows.append([result.case.name if kind == SHARED_CALLS else f"{number + 1}", *rates])
    return tables.markdown(("call: wrong / in call order", *(engine.name for engine in finalists)), rows)


def _detectors(calls: Sequence[Case]) -> str:
    """Coverage of true speech, and overhead, of both voice detectors."""
    detector = Detector()
    kinds: dict[str, Callable[[Recording, int], list[tuple[int, int]]]] = {
        "whisper-fargate": lambda recording, channel: our_spans(recording.samples[channel], detector),
        "faster-whisper": lambda recording, channel: their_spans(recording.samples[channel]),
    }
    totals = dict.fromkeys(kinds, NOTHING)
    for case in calls:
        recording, turns = case.decode(), case.golden.timed_turns()
        for channel in range(recording.channels):
            for name, find in kinds.items():
                spans = find(recording, channel)
                totals[name] += cover(recording.samples[channel], turns or (), spans, channel=channel)
    rows = [[name, f"{total.share:.2%}", f"{total.overhead:+.1%}"] for name, total in totals.items()]
    return tables.markdown(("voice detector", "true speech found", "more audio than the turns"), rows)


def _by_group(run: Run, finalists: Sequence[Contestant]) -> str:
    """Error rates of the clips by language and band: of words, or of characters if the language has no words."""
    ours = run.of(finalists[0].name, CLIPS)
    groups = sorted({(_language(result), result.case.band) for result in ours})
    rows = []
    for language, band in groups:
        rows.append(_group_row(run, finalists, language, band, {language}))
    for band in ("8 kHz", "wide"):
        with_words = {language for language, _ in groups} - WITHOUT_WORDS
        rows.append(_group_row(run, finalists, "all in words", band, with_words))
    speeds = [_speed(run.of(engine.name, CLIPS)) for engine in finalists]
    rows.append(["audio s per CPU s", "", str(len(ours)), "", *speeds])
    return tables.markdown(("language", "band", "clips", "units", *(engine.name for engine in finalists)), rows)


def _group_row(
    run: Run, finalists: Sequence[Contestant], title: str, band: str, languages: AbstractSet[str]
) -> list[str]:
    chosen = [
        [result for result in run.of(engine.name, CLIPS) if result.case.band == band and _language(result) in languages]
        for engine in finalists
    ]
    counts = [[(turn.words, turn.word_errors) for turn in _turns(results)] for results in chosen]
    unit = "characters" if languages & WITHOUT_WORDS else "words"
    units = f"{sum(count for count, _ in counts[0])} {unit}"
    return [title, band, str(len(chosen[0])), units, *map(tables.rate, counts)]


def _language(result: Result) -> str:
    return result.case.golden.language or "several"


def _turns(results: Iterable[Result]) -> list[TurnErrors]:
    return [turn for result in results for turns in result.measured.channels for turn in turns]


def _same(results: Iterable[Result], case: Case) -> Result:
    return next(result for result in results if result.case is case)


def _share(counts: Iterable[tuple[int, int]]) -> str:
    units, errors = map(sum, zip(*counts, strict=True))
    return f"{errors / units:.1%}"


def _speed(results: Sequence[Result]) -> str:
    return f"{sum(r.measured.seconds for r in results) / sum(r.cpu_seconds for r in results):.1f}"


def _write(text: str) -> None:
    page = PAGE.read_text("utf-8")
    before, _, rest = page.partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}{text}{END}{rest.partition(END)[2]}", "utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
