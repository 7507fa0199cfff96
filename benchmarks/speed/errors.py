"""The word errors of what an engine answered, by the measures of `make accuracy`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from benchmarks.corpus import Case
from service.evaluation.golden import GoldenRecording
from service.evaluation.measurement import judge_transcript
from service.transcript import Segment, Transcript

Counts = list[tuple[int, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Errors:
    """Words and word errors of each turn: by channel, and in call order. Of mixed calls, all words are in one channel."""

    channels: Counts
    order: Counts


def count(
    cases: Mapping[str, Case], calls: Sequence[str], found: Sequence[Mapping[str, Any]], *, mixed: bool
) -> Errors:
    """Count the errors of some calls, by name, and of the transcripts that an engine answered."""
    channels: Counts = []
    order: Counts = []
    for name, heard in zip(calls, found, strict=True):
        case = cases[name]
        golden = in_one_channel(case.golden) if mixed else case.golden
        judged = judge_transcript(golden, _transcript(heard, case, channels=1 if mixed else 2))
        channels += [(turn.words, turn.word_errors) for turns in judged.channels for turn in turns]
        order += [(turn.words, turn.order_errors) for turn in judged.placements or ()]
    return Errors(channels=channels, order=order)


def share(counts: Counts) -> float:
    """Errors over words.

    >>> share([(10, 1), (10, 2)])
    0.15
    """
    return sum(errors for _, errors in counts) / max(1, sum(words for words, _ in counts))


def in_one_channel(golden: GoldenRecording) -> GoldenRecording:
    """A recording's truth in the order of its turns, as if one channel had all."""
    turns = sorted(golden.turns, key=lambda turn: turn.times or (0.0, 0.0))
    return replace(golden, turns=tuple(replace(turn, channel=0) for turn in turns))


def _transcript(heard: Mapping[str, Any], case: Case, *, channels: int) -> Transcript:
    return Transcript(
        language=heard["language"],
        language_probability=0.0,
        duration=case.seconds,
        channels=channels,
        segments=tuple(
            Segment(channel=channel, start=start, end=end, text=text, average_log_probability=0.0)
            for channel, start, end, text in sorted(heard["segments"], key=lambda segment: (segment[1], segment[0]))
        ),
    )
