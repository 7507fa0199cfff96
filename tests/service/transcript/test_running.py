"""The running text: every segment in call order, a line for each turn, and the same whether it comes at once or in parts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.transcript import Segment, additions, running_text


def segment(text: str, *, channel: int = 0) -> Segment:
    """A segment with a text."""
    return Segment(channel=channel, start=0.0, end=1.0, text=text, average_log_probability=-0.1)


@pytest.mark.parametrize(
    ("segments", "text"),
    [
        ([], ""),
        ([segment("One."), segment(" Two \n lines. ")], "One. Two lines."),
        ([segment("One."), segment("Two.", channel=1), segment("Three.")], "One.\nTwo.\nThree."),
        ([segment("你好。"), segment("再见。")], "你好。再见。"),
        ([segment("안녕."), segment("네.")], "안녕. 네."),
        ([segment("สวัสดี"), segment("ครับ")], "สวัสดีครับ"),
        ([segment("OK。"), segment("OK.")], "OK。 OK."),
    ],
)
def test_turns_are_lines_and_scripts_keep_their_spaces(segments: list[Segment], text: str) -> None:
    """A script without spaces between words has none between segments."""
    assert running_text(segments) == text


@given(
    parts=st.lists(st.tuples(st.text(min_size=1, max_size=5), st.integers(0, 1)), min_size=1, max_size=9),
    cut=st.integers(0, 9),
)
def test_parts_add_up_to_the_whole(parts: list[tuple[str, int]], cut: int) -> None:
    """A stream that is told of segments in parts has the text of the answer that is not streamed."""
    segments = [segment(text, channel=channel) for text, channel in parts]
    first, rest = segments[:cut], segments[cut:]
    told = [*additions(first), *additions(rest, after=first[-1] if first else None)]
    assert "".join(told) == running_text(segments)
