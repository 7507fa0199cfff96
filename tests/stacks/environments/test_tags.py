"""Tags of an account's own, as AWS takes them."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from stacks.environments import InvalidEnvironment, Tag
from tests.stacks.factory import LIVE


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Tag(key="", value="x"), "extra_tags.key: got '', expected 1 to 127 letters, digits, spaces and _"),
        (lambda: Tag(key="k" * 128, value="x"), f"extra_tags.key: got '{'k' * 128}', expected 1 to 127 letters"),
        (lambda: Tag(key="a,b", value="x"), "extra_tags.key: got 'a,b', expected 1 to 127 letters"),
        (lambda: Tag(key="AWS:owner", value="x"), "extra_tags.key: got 'AWS:owner', expected a key that does not"),
        (lambda: Tag(key="owner", value=""), "extra_tags.value: got '', expected 1 to 255 letters"),
        (lambda: Tag(key="owner", value="v" * 256), f"extra_tags.value: got '{'v' * 256}', expected 1 to 255"),
        (lambda: Tag(key="owner", value="voice & co"), "extra_tags.value: got 'voice & co', expected 1 to 255"),
        (
            lambda: replace(LIVE, extra_tags=(Tag(key="Cost-Centre", value="x"),)),
            "live.extra_tags.key: got 'Cost-Centre', expected a key that no other tag has, in upper or lower case",
        ),
        (
            lambda: replace(LIVE, extra_tags=(Tag(key="owner", value="x"), Tag(key="Owner", value="y"))),
            "live.extra_tags.key: got 'Owner', expected a key that no other tag has",
        ),
        (
            lambda: replace(LIVE, extra_tags=tuple(Tag(key=f"k{number}", value="x") for number in range(45))),
            "live.extra_tags: got '45 tags', expected 44 or fewer beside those of the stacks",
        ),
    ],
)
def test_tag_that_a_service_would_refuse_is_refused(make: Callable[[], object], message: str) -> None:
    """One line has field, value and expectation, before a deploy that would be rolled back."""
    with pytest.raises(InvalidEnvironment, match=r"^[^\n]+$") as refusal:
        make()
    assert str(refusal.value).startswith(message)


def test_own_tags_are_added_to_those_of_the_stacks() -> None:
    """Costs are split by the stacks' tags, whatever is added."""
    environment = replace(LIVE, extra_tags=(Tag(key="owner", value="voice team"),))
    assert environment.tags == {**LIVE.tags, "owner": "voice team"}
