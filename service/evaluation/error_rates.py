"""Word and character errors of a hypothesis against its reference, turn by turn."""

from collections.abc import Sequence
from typing import NamedTuple

import jiwer

from service.evaluation.normalisation import normalise


class TurnErrors(NamedTuple):
    """Length and errors of one turn, in words and in characters without spaces."""

    words: int
    word_errors: int
    characters: int
    character_errors: int


def count_errors(reference: Sequence[str], hypothesis: str) -> list[TurnErrors]:
    """Errors of each turn of one channel: substitutions, deletions and insertions.

    An insertion is counted in the turn of the word that follows it.

    Args:
        reference: the normalised text of each turn, in order; at least one, which may be empty.
        hypothesis: the model's normalised text for the whole channel.
    """
    whole = " ".join(filter(None, reference))
    words = jiwer.process_words(whole, hypothesis)
    characters = jiwer.process_characters(whole.replace(" ", ""), hypothesis.replace(" ", ""))
    turn_of_word = [turn for turn, text in enumerate(reference) for _ in text.split()]
    turn_of_character = [turn for turn, text in enumerate(reference) for _ in text.replace(" ", "")]
    return [
        TurnErrors(*counts)
        for counts in zip(
            *_lengths_and_errors(turn_of_word, words.alignments[0], turns=len(reference)),
            *_lengths_and_errors(turn_of_character, characters.alignments[0], turns=len(reference)),
            strict=True,
        )
    ]


def word_error_rate(reference: str, hypothesis: str, *, language: str) -> float:
    """Share of the words of one speaker that are wrong; above 1 if there are more wrong words than right ones.

    >>> word_error_rate("Hello, this is Sarah.", "hello this is Sara", language="en")
    0.25
    """
    rate: float = jiwer.wer(normalise(reference, language=language), normalise(hypothesis, language=language))
    return rate


def _lengths_and_errors(
    turn_of: Sequence[int], alignment: Sequence[jiwer.AlignmentChunk], *, turns: int
) -> tuple[list[int], list[int]]:
    """Units and errors of each turn; `turn_of` maps each unit of the reference to its turn."""
    errors = [0] * turns
    for chunk in alignment:
        if chunk.type == "insert":
            turn = turn_of[min(chunk.ref_start_idx, len(turn_of) - 1)] if turn_of else 0
            errors[turn] += chunk.hyp_end_idx - chunk.hyp_start_idx
        elif chunk.type != "equal":
            for turn in turn_of[chunk.ref_start_idx : chunk.ref_end_idx]:
                errors[turn] += 1
    return [turn_of.count(turn) for turn in range(turns)], errors
