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
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import jiwer
import numpy as np
from numpy.typing import NDArray

from service import aws
from service.audio import Recording
from service.errors import InvalidField, RequestError, RetryLater
from service.settings import LANGUAGES, Settings
from service.telemetry import log
from service.transcript import Transcript

SCHEMA = 1
# What is counted of each turn: columns of the counts below.
METRICS = {"words": (0, 1), "characters": (2, 3)}
RESAMPLES = 2000
SEED = 1
INTERVAL = (2.5, 97.5)
RATE = ("group", "of", "count", "rate", "low", "high")
CPUINFO = Path("/proc/cpuinfo")
# What the rates depend on besides the recordings.
PROVENANCE = ("model", "model_sha256", "compute_type", "beam_size", "window_seconds", "image")

Facts = dict[str, Any]
Counts = NDArray[np.int64]


class Transcriber(Protocol):
    """What the gate needs of an engine."""

    def transcribe(self, recording: Recording) -> Transcript:
        """Transcribe every channel of a recording."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Golden:
    """A recording whose words are known: the place of its audio, and channel and normalised text of each turn."""

    audio: str
    language: str
    turns: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """How much worse a release may be: `error` of a rate, and `slowdown` times as slow, 0 where that is not compared."""

    error: float
    slowdown: float


def normalise(text: str) -> str:
    """What is compared: case, punctuation, hyphens and apostrophes are no errors, telephone speech has none.

    >>> normalise("Yes — it's twenty-two.")
    'yes it s twenty two'
    """
    folded = re.sub(r"[-'’‐‑]", " ", unicodedata.normalize("NFKC", text).lower())  # noqa: RUF001 - typographic ones, too
    return " ".join(re.sub(r"[^\w\s]", "", folded).split())


def run(
    manifest: str,
    *,
    against: str,
    first_release: bool,
    report: str,
    allowance: Allowance,
    load: Callable[[], Transcriber],
    decode: Callable[[Path], Recording],
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
        expected = "a report about recordings of this manifest; for other ones, make a report without --against"
        raise _refused("--against", "is about other recordings", expected=expected)
    engine = load()
    measured = [
        {"digest": digest, "language": one.language, **_measure(one, number, engine=engine, decode=decode)}
        for number, (one, digest) in enumerate(zip(golden, digests, strict=True))
    ]
    this: Facts = {
        "schema": SCHEMA,
        "provenance": {name: getattr(settings, name) for name in PROVENANCE},
        "machine": _machine(),
        "real_time_factor": round(_speed(measured), 5),
        "rates": [{name: row[name] for name in RATE} for row in compare(measured, measured, allowed=0)],
        "recordings": measured,
    }
    if report:
        _write(report, json.dumps(this).encode() + b"\n")
    return 1 if _verdict(this, last, allowance) else 0


def read_manifest(place: str) -> list[Golden]:
    """The golden recordings of a manifest, whose audio lies beside it."""
    content = _read_json(place, field="MANIFEST")
    folder = place.rpartition("/")[0] if place.startswith(aws.SCHEME) else str(Path(place).parent)
    entries = _take(content, "recordings", list, "a list of recordings")
    if not entries:
        raise _refused("recordings", "is empty", expected="at least one recording")
    return [_golden(entry, f"recordings[{number}].", folder) for number, entry in enumerate(entries)]


def _golden(entry: Any, where: str, folder: str) -> Golden:
    turns = []
    for number, turn in enumerate(_take(entry, "turns", list, "a list of turns, empty where nobody speaks", where)):
        channel = _take(turn, "channel", int, "a channel, counted from 0", f"{where}turns[{number}].")
        text = _take(turn, "text", str, "what was said", f"{where}turns[{number}].")
        turns.append((channel, normalise(text)))
    language = _take(entry, "language", str, "an ISO 639 code that Whisper knows", where)
    if language not in LANGUAGES:
        raise _refused(
            f"{where}language", "unknown language", value=language, expected="an ISO 639 code that Whisper knows"
        )
    audio = _take(entry, "audio", str, "the place of the audio beside the manifest", where)
    return Golden(audio=f"{folder}/{audio}", language=language, turns=tuple(turns))


def read_report(place: str, *, first_release: bool = False) -> Facts | None:
    """The report that an earlier run kept; None where there is none and this is the first release."""
    if first_release and _read(place, field="--against") is None:
        return None
    found = _read_json(place, field="--against")
    try:
        if found["schema"] == SCHEMA and found["machine"]["processor"] and found["recordings"][0]["digest"]:
            compare(found["recordings"], found["recordings"], allowed=0)
            _speed(found["recordings"])
            return found
    except (LookupError, TypeError, ValueError):
        pass
    raise _refused("--against", "is no report", expected=f"a report of schema {SCHEMA}, as --report writes it")


def compare(this: Sequence[Facts], last: Sequence[Facts], *, allowed: float) -> list[Facts]:
    """The rates of all recordings, of each channel and of each language, beside those of another run over the same.

    An interval holds 95 of 100 values that come of drawing as many turns again and again, with replacement. Both runs
    are drawn alike, so that the interval of their difference is that of the same turns heard by both.
    """
    rows = []
    other = _groups(last)
    for group, counts in _groups(this).items():
        mine, theirs = _totals(counts), _totals(other[group])
        for metric, columns in METRICS.items():
            rate, before = _rate(mine, columns), _rate(theirs, columns)
            low, high = np.percentile(rate[1:], INTERVAL)
            worse = rate - before
            worse_low, worse_high = np.percentile(worse[1:], INTERVAL)
            row = {"rate": rate[0], "low": low, "high": high, "last": before[0]}
            row |= {"worse": worse[0], "worse_low": worse_low, "worse_high": worse_high}
            rounded = {name: round(float(value), 6) for name, value in row.items()}
            regressed = bool(worse[0] > allowed and worse_low > 0)
            rows.append(
                {"group": group, "of": metric, "count": int(mine[0, columns[0]]), **rounded, "regressed": regressed}
            )
    return rows


def _groups(recordings: Sequence[Facts]) -> dict[str, Counts]:
    """The counts of the turns of each group, shape (turns, 4)."""
    found: dict[str, list[list[int]]] = {"all": []}
    for recording in recordings:
        for channel, turns in enumerate(recording["channels"]):
            for group in ("all", f"channel {channel}", f"language {recording['language']}"):
                found.setdefault(group, []).extend(turns)
    return {group: np.array(found[group]).reshape(-1, 4) for group in sorted(found)}


def _totals(counts: Counts) -> Counts:
    """Sums over the turns, then over each draw of them; the draws are the same for the same number of turns."""
    rng = np.random.default_rng(SEED)
    draws = (rng.integers(len(counts), size=len(counts)) for _ in range(RESAMPLES))
    return np.array([counts.sum(axis=0), *(counts[draw].sum(axis=0) for draw in draws)])


def _rate(totals: Counts, columns: tuple[int, int]) -> NDArray[np.float64]:
    count, errors = (totals[:, column] for column in columns)
    return errors / np.maximum(count, 1)


def _measure(golden: Golden, number: int, *, engine: Transcriber, decode: Callable[[Path], Recording]) -> Facts:
    """What a recording takes and how well it is heard: per channel and turn, what was said and what of it was wrong."""
    started = time.monotonic()
    with tempfile.TemporaryFile() as file:
        file.write(_audio(golden, number))
        file.flush()
        try:
            transcript = engine.transcribe(decode(Path(f"/proc/self/fd/{file.fileno()}")))
        except RequestError as error:
            raise InvalidField(error.message, code=error.code, field=f"recordings[{number}].audio") from error
    took = time.monotonic() - started
    log("evaluated", recording=number, seconds=round(transcript.duration, 3), processing_seconds=round(took, 3))
    if any(channel >= transcript.channels for channel, _ in golden.turns):
        expected = f"a channel from 0 to {transcript.channels - 1}, as the audio has"
        raise _refused(f"recordings[{number}].turns", "name a channel that is not there", expected=expected)
    channels = []
    for channel in range(transcript.channels):
        heard = normalise(" ".join(segment.text for segment in transcript.segments if segment.channel == channel))
        channels.append(count_errors([text for where, text in golden.turns if where == channel] or [""], heard))
    return {"seconds": transcript.duration, "processing_seconds": took, "channels": channels}


def count_errors(said: Sequence[str], heard: str) -> list[list[int]]:
    """Words, wrong words, characters and wrong characters of each turn of a channel, on which `heard` was heard.

    A word too many counts to the turn in which, or before which, it was heard.
    """
    whole = " ".join(filter(None, said))
    words, characters = jiwer.process_words(whole, heard), jiwer.process_characters(whole, heard)
    owners = [turn for turn, text in enumerate(said) for _ in text.split()]
    spelled = [turn for turn, text in enumerate(said) if text for _ in f"{text} "][:-1]
    counted = (*_attributed(owners, words, len(said)), *_attributed(spelled, characters, len(said)))
    return [list(turn) for turn in zip(*counted, strict=True)]


def _attributed(
    owners: Sequence[int], output: jiwer.WordOutput | jiwer.CharacterOutput, turns: int
) -> tuple[list[int], list[int]]:
    errors = [0] * turns
    for chunk in output.alignments[0]:
        if chunk.type == "insert":
            owner = owners[min(chunk.ref_start_idx, len(owners) - 1)] if owners else 0
            errors[owner] += chunk.hyp_end_idx - chunk.hyp_start_idx
        elif chunk.type != "equal":
            for owner in owners[chunk.ref_start_idx : chunk.ref_end_idx]:
                errors[owner] += 1
    return [owners.count(turn) for turn in range(turns)], errors


def _verdict(this: Facts, last: Facts | None, allowance: Allowance) -> int:
    """Print how this release does, beside the last one where there is one; how much of it is worse than allowed."""
    measured = {recording["digest"]: recording for recording in this["recordings"]}
    before = last["recordings"] if last else this["recordings"]
    now = [measured[recording["digest"]] for recording in before]
    rows = compare(now, before, allowed=allowance.error)
    head = f"{'':<13}{'of':<11}{'count':>8}{'wrong':>9}{'95 % of draws':>19}"
    _tell(head + (f"{'last':>9}{'worse by':>10}{'95 % of draws':>19}{'allowed':>9}" if last else ""))
    for row in rows:
        line = f"{row['group']:<13}{row['of']:<11}{row['count']:>8}{row['rate']:>9.2%}{row['low']:>9.2%} …{row['high']:>8.2%}"
        if last:
            line += f"{row['last']:>9.2%}{row['worse']:>+10.2%}{row['worse_low']:>+9.2%} …{row['worse_high']:>+8.2%}"
            line += f"{allowance.error:>9.2%}{'  REGRESSION' if row['regressed'] else ''}"
        _tell(line)
    worse = sum(row["regressed"] for row in rows)
    speed, line = _speed(now), f"\nreal-time factor {_speed(now):.4f}"
    if last:
        ratio, compared = speed / max(_speed(before), 1e-9), allowance.slowdown and last["machine"] == this["machine"]
        slow = bool(compared and ratio > allowance.slowdown)
        limit = f"at most {allowance.slowdown:.2f} allowed" if compared else "not compared"
        _tell(f"{line}, {ratio:.2f} times the last one ({limit}){'  REGRESSION' if slow else ''}")
        worse += slow
        _tell(f"{len(now)} of {len(measured)} recordings compared with the last release: {worse or 'no'} regressions")
    else:
        _tell(f"{line}\n{len(now)} recordings; there is no last release to compare with")
    return worse


def _speed(recordings: Sequence[Facts]) -> float:
    """The real-time factor: processing time over audio time."""
    seconds: float = sum(recording["seconds"] for recording in recordings)
    return float(sum(recording["processing_seconds"] for recording in recordings)) / max(seconds, 0.001)


def _machine() -> Facts:
    """What a time depends on besides the release."""
    named = re.search(r"^model name\s*:\s*(.*)$", CPUINFO.read_text(), re.MULTILINE)
    return {"processor": named[1] if named else platform.machine(), "cpus": len(os.sched_getaffinity(0))}


def _tell(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - the table is what the gate is run for


def _digest(golden: Golden, audio: bytes) -> str:
    """What two runs must have in common to be compared: the audio, and what is said in it."""
    said = json.dumps([golden.language, golden.turns]).encode()
    return hashlib.sha256(hashlib.sha256(audio).digest() + said).hexdigest()


def _audio(golden: Golden, number: int) -> bytes:
    # Nothing here names a file or a key: errors are logged.
    content = _read(golden.audio, field=f"recordings[{number}].audio")
    if content is None:
        raise _refused(f"recordings[{number}].audio", "is not there", expected="a file beside the manifest")
    return content


def _take(holder: Any, name: str, kind: type, expected: str, where: str = "") -> Any:
    """A field of the manifest."""
    value = holder.get(name) if isinstance(holder, dict) else None
    if type(value) is not kind or value == "" or (kind is int and value < 0):
        raise _refused(f"{where}{name}", "is missing or something else", expected=expected)
    return value


def _read_json(place: str, *, field: str) -> Any:
    content = _read(place, field=field)
    if content is None:
        raise _refused(field, "is not there", value=place, expected="a JSON file, or s3://BUCKET/KEY")
    try:
        return json.loads(content)
    except ValueError:
        raise _refused(field, "is no JSON", value=place, expected="a JSON file, or s3://BUCKET/KEY") from None


def _read(place: str, *, field: str) -> bytes | None:
    """What lies in a file or under `s3://BUCKET/KEY`; None where nothing does."""
    try:
        if place.startswith(aws.SCHEME):
            bucket, _, key = place.removeprefix(aws.SCHEME).partition("/")
            found = aws.Bucket(bucket).read(key)
            return found[0] if found else None
        return Path(place).read_bytes()
    except FileNotFoundError:
        return None
    except (OSError, RetryLater) as error:
        raise _refused(
            field, f"cannot be read: {_reason(error)}", expected="a place that this task may read"
        ) from error


def _write(place: str, content: bytes) -> None:
    try:
        if place.startswith(aws.SCHEME):
            bucket, _, key = place.removeprefix(aws.SCHEME).partition("/")
            aws.Bucket(bucket).put(key, content, content_type="application/json")
        else:
            Path(place).write_bytes(content)
    except (OSError, RetryLater) as error:
        reason = f"cannot be written: {_reason(error)}"
        raise _refused("--report", reason, value=place, expected="a place that this task may write") from error


def _reason(error: OSError | RetryLater) -> str:
    return error.message if isinstance(error, RetryLater) else error.strerror or type(error).__name__


def _refused(field: str, message: str, *, value: str = "", expected: str) -> InvalidField:
    return InvalidField(message, code="bad_gate_data", field=field, value=value, expected=expected)
