"""Order, spans, ghosts and punctuality of turns, on calls made by hand."""

import pytest

from service.evaluation.turns import Placement, Punctuality, TimedTurn, place, spanning
from service.transcript import Segment, Word

# The agent asks, the customer answers, the agent goes on.
CALL = [
    TimedTurn(channel=0, text="how are you", start=1, end=3),
    TimedTurn(channel=1, text="i am fine", start=4, end=6),
    TimedTurn(channel=0, text="that is good", start=7, end=9),
]


def segment(channel: int, start: float, end: float, text: str, *, words: bool = False) -> Segment:
    """A segment; its words are spread evenly over it."""
    spoken = text.split()
    step = (end - start) / max(len(spoken), 1)
    timed = tuple(
        Word(start=start + n * step, end=start + (n + 1) * step, text=word, probability=1.0)
        for n, word in enumerate(spoken)
    )
    return Segment(
        channel=channel, start=start, end=end, text=text, average_log_probability=0.0, words=timed if words else ()
    )


RIGHT = [segment(0, 1, 3, "How are you?"), segment(1, 4, 6, "I am fine."), segment(0, 7, 9, "That is good.")]
GLUED = [segment(0, 1, 9, "How are you? That is good."), segment(1, 4, 6, "I am fine.")]


def test_right_transcript_has_no_errors() -> None:
    """Each turn is in its order and in time."""
    assert place(CALL, RIGHT, language="en") == [Placement(3, 0, 0, 0, 0.0, 0.0)] * 3
    assert not spanning(CALL, RIGHT)


def test_segment_across_a_turn_disturbs_order_and_times() -> None:
    """The agent's turns in one segment: the customer answers too late, and the second turn seems to begin with the first."""
    first, answer, second = place(CALL, GLUED, language="en")
    assert (first.spanned, answer.spanned, second.spanned) == (0, 1, 0)
    assert spanning(CALL, GLUED) == GLUED[:1]
    assert sum(turn.order_errors for turn in (first, answer, second)) == 6
    assert (first.start_error, first.end_error) == (0.0, 6.0)
    assert (second.start_error, second.end_error) == (-6.0, 0.0)


def test_segment_beside_a_turn_does_not_span_it_if_its_speaker_talks() -> None:
    """Both talk at once: neither turn is torn apart."""
    both = [TimedTurn(channel=0, text="one", start=1, end=9), TimedTurn(channel=1, text="two", start=3, end=4)]
    assert not spanning(both, [segment(0, 1, 9, "one"), segment(1, 3, 4, "two")])


@pytest.mark.parametrize("words", [True, False])
def test_words_in_silence_are_ghosts(*, words: bool) -> None:
    """With the times of words, and without; they count in the turn that follows."""
    ghost = segment(1, 1, 2.4, "Thank you for watching", words=words)
    assert [turn.ghosts for turn in place(CALL, [*RIGHT, ghost], language="en")] == [0, 4, 0]


def test_late_ghost_counts_in_the_last_turn() -> None:
    """After the end of the call there is no next turn."""
    assert [turn.ghosts for turn in place(CALL, [*RIGHT, segment(1, 20, 21, "Bye")], language="en")] == [0, 0, 1]


def test_lost_turn_has_no_times() -> None:
    """Its words are errors, and it is not within 0.3 s."""
    first, lost, _ = place(CALL, [RIGHT[0], RIGHT[2]], language="en")
    assert (first.start_error, lost.start_error, lost.end_error, lost.order_errors) == (0.0, None, None, 3)


def test_misheard_word_does_not_move_a_turn() -> None:
    """A wrong word at the end of a turn may be aligned with the first word of the next one."""
    heard = [segment(0, 1, 3, "how are you now"), segment(1, 4, 6, "i am fine"), segment(0, 7, 9, "is good")]
    last = place(CALL, heard, language="en")[2]
    assert last.start_error == 0.0


def test_silent_transcript_loses_every_turn() -> None:
    """No segments at all are no special case."""
    assert {turn.start_error for turn in place(CALL, [], language="en")} == {None}


def test_punctuality_counts_lost_turns_as_late() -> None:
    """But its percentiles are those of the turns that were found."""
    assert Punctuality.of([0.0, 0.0, None, None]) == Punctuality(median=0.0, p95=0.0, within=0.5)
    assert Punctuality.of([None]) == Punctuality(median=0.0, p95=0.0, within=0.0)
    assert Punctuality.of([]) == Punctuality(median=0.0, p95=0.0, within=1.0)
