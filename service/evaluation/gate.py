"""The release gate: how many words and characters a model gets wrong on golden recordings, against the last release.

Both releases hear the same audio, so that they are compared turn by turn: what is hard is hard for both, and a
difference counts where it is more than chance would make of these turns, and more than is allowed.
"""

import hashlib
import json
import os
import platform
import re
import tempfile
import time
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import jiwer
import numpy as np
from numpy.typing import NDArray

from service import processor
from service.aws.s3 import locate
from service.contract import S3_SCHEME
from service.errors import InvalidField, RequestError, RetryLater
from service.recording import Recording
from service.settings import LANGUAGES, Settings
from service.telemetry import log
from service.transcript import Transcript

SCHEMA = 1
# Of a turn's counts, how many there are and how many are wrong.
METRICS = {"words": (0, 1), "characters": (2, 3)}
RESAMPLES, SEED, INTERVAL = 2000, 1, (2.5, 97.5)
# What rates depend on besides the recordings.
PROVENANCE = ("model", "model_sha256", "beam_size", "window_seconds", "image")
# The manifest's fields: type, rule, and the rule's wording.
FIELDS: dict[str, tuple[type, Callable[[Any], bool], str]] = {
    "recordings": (list, bool, "a list with at least one recording"),
    "audio": (str, bool, "the place of the audio beside the manifest"),
    "language": (str, LANGUAGES.__contains__, "an ISO 639 code that Whisper knows"),
    "turns": (list, lambda _: True, "a list, empty where nobody speaks"),
    "channel": (int, lambda number: number >= 0, "a channel, counted from 0"),
    "text": (str, bool, "what was said"),
}

Facts = dict[str, Any]
Counts = NDArray[np.int64]
Decode = Callable[[Path], Recording]


class Transcriber(Protocol):
    """What the gate needs of an engine."""

    def transcribe(self, recording: Recording) -> Transcript:
        """Transcribe every channel of a recording."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Golden:
    """A recording whose words are known: where its audio is, and channel and normalised text of each turn."""

    audio: str
    language: str
    turns: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """How much worse a release may be: `error` of any rate, and `slowdown` times as slow; 0 allows any speed."""

    error: float
    slowdown: float


def normalise(text: str) -> str:
    """What is compared: case, punctuation, hyphens and apostrophes are no errors, telephone speech has none.

    >>> normalise("Yes — it's twenty-two.")
    'yes it s twenty two'
    """
    folded = re.sub("[-'’‐‑]", " ", unicodedata.normalize("NFKC", text).lower())  # noqa: RUF001 - typographic ones, too
    return " ".join(re.sub(r"[^\w\s]", "", folded).split())


def run(
    manifest: str,
    *,
    against: str,
    first_release: bool,
    report: str,
    allowance: Allowance,
    load: Callable[[], Transcriber],
    decode: Decode,
    settings: Settings,
) -> int:
    """Measure, print a table, keep a report where one is wanted; 1 where this release is worse than the last one.

    Raises:
        InvalidField: the manifest, a recording or the last report is missing or not as it should be.
    """
    # What is missing is known before anything takes time.
    golden = read_manifest(manifest)
    last = read_report(against, first_release=first_release) if against else None
    digests = [_digest(one, _audio(one, number)) for number, one in enumerate(golden)]
    if last and not {recording["digest"] for recording in last["recordings"]} <= set(digests):
        raise _refused("--against", "is about other recordings", "a report about recordings of this manifest")
    engine = load()
    measured = [
        {"digest": digest, "language": one.language, **_measure(one, number, engine=engine, decode=decode)}
        for number, (one, digest) in enumerate(zip(golden, digests, strict=True))
    ]
    this: Facts = {
        "schema": SCHEMA,
        "provenance": {name: getattr(settings, name) for name in PROVENANCE}
        | {"compute_type": processor.number_format(settings.compute_type)},
        "machine": _machine(),
        "real_time_factor": round(_speed(measured), 5),
        "rates": compare(measured),
        "recordings": measured,
    }
    worse = _verdict(this, last, allowance)
    if report:
        _write(report, json.dumps(this).encode() + b"\n")
    return 1 if worse else 0


def read_manifest(place: str) -> list[Golden]:
    """The golden recordings of a manifest, whose audio lies beside it."""
    folder = place.rpartition("/")[0] if place.startswith(S3_SCHEME) else str(Path(place).parent)
    golden = []
    for number, entry in enumerate(_take(_read_json(place, "MANIFEST"), "recordings")):
        where = f"recordings[{number}]."
        turns = [
            (
                _take(turn, "channel", f"{where}turns[{index}]."),
                normalise(_take(turn, "text", f"{where}turns[{index}].")),
            )
            for index, turn in enumerate(_take(entry, "turns", where))
        ]
        audio, language = f"{folder}/{_take(entry, 'audio', where)}", _take(entry, "language", where)
        golden.append(Golden(audio=audio, language=language, turns=tuple(turns)))
    return golden


def read_report(place: str, *, first_release: bool = False) -> Facts | None:
    """The report that an earlier run kept; None where there is none and this is the first release."""
    if first_release and _read(place, "--against") is None:
        return None
    found: Facts = _read_json(place, "--against")
    try:
        if found["schema"] == SCHEMA and found["machine"] and found["recordings"][0]["digest"]:
            compare(found["recordings"])
            _speed(found["recordings"])
            return found
    except (LookupError, TypeError, ValueError):
        pass
    raise _refused("--against", "is no report", f"a report of schema {SCHEMA}, as --report writes it")


def compare(this: Sequence[Facts], last: Sequence[Facts] = (), *, allowed: float = 0.0) -> list[Facts]:
    """The rates of all recordings, each channel and each language; where given, beside those of another run over them.

    An interval holds 95 of 100 values that come of drawing as many turns again and again, with replacement. Both runs
    are drawn alike: the interval of their difference is that of the same turns heard by both.
    """
    rows, others = [], _groups(last)
    for group, counts in _groups(this).items():
        totals, before = _totals(counts), _totals(others[group]) if last else None
        for metric, columns in METRICS.items():
            rates = _rates(totals, columns)
            row: Facts = {"group": group, "of": metric, "count": int(totals[0, columns[0]]), **_spread("", rates)}
            if before is not None:
                row |= {"last": float(_rates(before, columns)[0]), **_spread("worse_", rates - _rates(before, columns))}
                row["regressed"] = row["worse_rate"] > allowed and row["worse_low"] > 0
            rows.append(row)
    return rows


def count_errors(said: Sequence[str], heard: str) -> list[list[int]]:
    """Words, wrong words, characters and wrong characters of each turn of a channel, on which `heard` was heard.

    A word too many is counted where it was heard: in the turn of the word that follows.
    """
    whole = " ".join(filter(None, said))
    words, characters = jiwer.process_words(whole, heard), jiwer.process_characters(whole, heard)
    spoken = [turn for turn, text in enumerate(said) for _ in text.split()]
    spelled = [turn for turn, text in enumerate(said) if text for _ in f"{text} "][:-1]
    columns = []
    for owners, output in ((spoken, words), (spelled, characters)):
        errors = [0] * len(said)
        for chunk in output.alignments[0]:
            if chunk.type == "insert":
                owner = owners[min(chunk.ref_start_idx, len(owners) - 1)] if owners else 0
                errors[owner] += chunk.hyp_end_idx - chunk.hyp_start_idx
            elif chunk.type != "equal":
                for owner in owners[chunk.ref_start_idx : chunk.ref_end_idx]:
                    errors[owner] += 1
        columns += [[owners.count(turn) for turn in range(len(said))], errors]
    return [list(turn) for turn in zip(*columns, strict=True)]


def _measure(golden: Golden, number: int, *, engine: Transcriber, decode: Decode) -> Facts:
    """What a recording takes and how it is heard: per channel and turn, what there is and what of it is wrong."""
    started = time.monotonic()
    with tempfile.TemporaryFile() as file:
        file.write(_audio(golden, number))
        file.flush()
        try:
            transcript = engine.transcribe(decode(Path(f"/proc/self/fd/{file.fileno()}")))
        except RequestError as error:
            raise _refused(f"recordings[{number}].audio", error.message, error.expected) from error
    took = round(time.monotonic() - started, 3)
    log("evaluated", recording=number, seconds=transcript.duration, processing_seconds=took)
    if any(channel >= transcript.channels for channel, _ in golden.turns):
        expected = f"channels from 0 to {transcript.channels - 1}, as the audio has"
        raise _refused(f"recordings[{number}].turns", "are on a channel that is not there", expected)
    channels = []
    for channel in range(transcript.channels):
        heard = normalise(" ".join(segment.text for segment in transcript.segments if segment.channel == channel))
        channels.append(count_errors([text for where, text in golden.turns if where == channel] or [""], heard))
    return {"seconds": transcript.duration, "processing_seconds": took, "channels": channels}


def _groups(recordings: Sequence[Facts]) -> dict[str, Counts]:
    """The counts of each group's turns, shape (turns, 4)."""
    found: dict[str, list[list[int]]] = {}
    for recording in recordings:
        for channel, turns in enumerate(recording["channels"]):
            for group in ("all", f"channel {channel}", f"language {recording['language']}"):
                found.setdefault(group, []).extend(turns)
    return {group: np.array(found[group]).reshape(-1, 4) for group in sorted(found)}


def _totals(counts: Counts) -> Counts:
    """The sums over all turns, then over each draw of them: the same draws for the same number of turns."""
    rng, turns = np.random.default_rng(SEED), len(counts)
    # A few draws at a time, for memory's sake.
    drawn = (rng.multinomial(turns, np.full(turns, 1 / turns), size=RESAMPLES // 20) @ counts for _ in range(20))
    return np.concatenate([counts.sum(axis=0, keepdims=True), *drawn])


def _rates(totals: Counts, columns: tuple[int, int]) -> NDArray[np.float64]:
    rates: NDArray[np.float64] = totals[:, columns[1]] / np.maximum(totals[:, columns[0]], 1)
    return rates


def _spread(prefix: str, rates: NDArray[np.float64]) -> dict[str, float]:
    low, high = np.percentile(rates[1:], INTERVAL)
    named = {"rate": rates[0], "low": low, "high": high}
    return {f"{prefix}{name}": round(float(value), 6) for name, value in named.items()}


def _verdict(this: Facts, last: Facts | None, allowance: Allowance) -> int:
    """Print how this release does, beside the last one where there is one; how much of it is worse than allowed."""
    measured = {recording["digest"]: recording for recording in this["recordings"]}
    before = last["recordings"] if last else []
    now = [measured[recording["digest"]] for recording in before or measured.values()]
    rows = compare(now, before, allowed=allowance.error)
    head = f"{'':<13}{'of':<11}{'count':>8}{'wrong':>9}{'95 % of draws':>19}"
    lines = [head + (f"{'last':>9}{'worse by':>10}{'95 % of draws':>19}{'allowed':>9}" if last else "")]
    for row in rows:
        line = f"{row['group']:<13}{row['of']:<11}{row['count']:>8}{row['rate']:>9.2%}"
        line += f"{row['low']:>9.2%} …{row['high']:>8.2%}"
        if last:
            line += (
                f"{row['last']:>9.2%}{row['worse_rate']:>+10.2%}{row['worse_low']:>+9.2%} …{row['worse_high']:>+8.2%}"
            )
            line += f"{allowance.error:>9.2%}{'  REGRESSION' if row['regressed'] else ''}"
        lines.append(line)
    worse = sum(bool(row.get("regressed")) for row in rows)
    lines.append(f"real-time factor {_speed(now):.4f}")
    if last:
        ratio, compared = _speed(now) / _speed(before), allowance.slowdown > 0 and last["machine"] == this["machine"]
        slow = compared and ratio > allowance.slowdown
        limit = f"{allowance.slowdown:.2f} allowed" if compared else "not compared"
        lines[-1] += f", {ratio:.2f} times the last one; {limit}{'  REGRESSION' if slow else ''}"
        worse += slow
    end = f"compared with the last release: {worse or 'no'} regressions" if last else "with nothing to compare"
    lines.append(f"{len(now)} of {len(measured)} recordings {end}")
    print("\n".join(lines), flush=True)  # noqa: T201 - the table is what the gate is run for
    return worse


def _speed(recordings: Sequence[Facts]) -> float:
    """The real-time factor: processing time over audio time."""
    took, seconds = (sum(recording[name] for recording in recordings) for name in ("processing_seconds", "seconds"))
    return max(float(took), 1e-3) / max(float(seconds), 1e-3)


def _machine() -> Facts:
    """What a time depends on besides the release."""
    named = re.search(r"^model name\s*:\s*(.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return {"processor": named[1] if named else platform.machine(), "cpus": len(os.sched_getaffinity(0))}


def _digest(golden: Golden, audio: bytes) -> str:
    """What two runs must have in common to be compared: the audio, and what is said in it."""
    said = json.dumps([golden.language, golden.turns]).encode()
    return hashlib.sha256(hashlib.sha256(audio).digest() + said).hexdigest()


def _audio(golden: Golden, number: int) -> bytes:
    content = _read(golden.audio, f"recordings[{number}].audio")
    if content is None:
        raise _refused(f"recordings[{number}].audio", "is not there", "a recording beside the manifest")
    return content


def _take(holder: Any, name: str, where: str = "") -> Any:
    """A field of the manifest."""
    kind, fits, expected = FIELDS[name]
    value = holder.get(name) if isinstance(holder, dict) else None
    if type(value) is not kind or not fits(value):
        raise _refused(f"{where}{name}", "is missing or something else", expected)
    return value


def _read_json(place: str, field: str) -> Any:
    try:
        return json.loads(_read(place, field) or b"")
    except ValueError:
        raise _refused(field, "is missing or no JSON", "a JSON file, or s3://BUCKET/KEY", value=place) from None


def _read(place: str, field: str) -> bytes | None:
    """What lies in a file or under `s3://BUCKET/KEY`; None where nothing does."""
    # Errors are logged: they name the field, never the place of a recording.
    with _refusing(field, "cannot be read"):
        if place.startswith(S3_SCHEME):
            bucket, key = locate(place)
            found = bucket.read(key)
            return found[0] if found else None
        return Path(place).read_bytes() if Path(place).exists() else None


def _write(place: str, content: bytes) -> None:
    with _refusing("--report", "cannot be written"):
        if place.startswith(S3_SCHEME):
            bucket, key = locate(place)
            bucket.put(key, content, content_type="application/json")
        else:
            Path(place).write_bytes(content)


@contextmanager
def _refusing(field: str, message: str) -> Iterator[None]:
    try:
        yield
    except (OSError, RetryLater) as error:
        reason = error.message if isinstance(error, RetryLater) else error.strerror
        raise _refused(field, f"{message}: {reason}", "a file, or s3://BUCKET/KEY, that may be used so") from error


def _refused(field: str, message: str, expected: str, *, value: str = "") -> InvalidField:
    return InvalidField(message, code="bad_gate_data", field=field, value=value, expected=expected)
