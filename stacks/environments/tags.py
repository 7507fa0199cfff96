"""Tags of an account's own on every resource."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stacks.capacity import InvalidEnvironment, typed

# Every service takes these; some take other letters, or one character more.
CHARACTERS = "letters, digits, spaces and _ . : / = + - @, no space first"
MAX_KEY, MAX_VALUE = 127, 255
# AWS takes 50 on a resource. The CDK needs three for subnets.
MAX_TAGS, OF_THE_CDK = 50, 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Tag:
    """A tag of the account's own, such as an owner or a data class."""

    key: str
    value: str

    def __post_init__(self) -> None:
        typed(self, "extra_tags")
        for name, text, most in (("key", self.key, MAX_KEY), ("value", self.value, MAX_VALUE)):
            if not is_tag_text(text, most=most):
                raise InvalidEnvironment(f"extra_tags.{name}", text, f"1 to {most} {CHARACTERS}")
        if self.key.lower().startswith("aws:"):
            raise InvalidEnvironment(
                "extra_tags.key", self.key, "a key that does not begin with aws:, which is AWS's own"
            )

    def __str__(self) -> str:
        return f"{self.key}={self.value}"


def is_tag_text(text: str, *, most: int = MAX_VALUE) -> bool:
    """Whether every service takes a text as key or value of a tag."""
    return bool(re.fullmatch(rf"[\w.:/=+@-][\w .:/=+@-]{{0,{most - 1}}}", text, re.ASCII))


def check_tags(environment: str, extra: Sequence[Tag], *, own: Mapping[str, str]) -> None:
    """Refuse more tags than a resource can have, and a key that is there already; IAM ignores the case of keys."""
    name, room = f"{environment}.extra_tags", MAX_TAGS - OF_THE_CDK - len(own)
    if len(extra) > room:
        raise InvalidEnvironment(name, f"{len(extra)} tags", f"{room} or fewer beside those of the stacks")
    known = {key.lower() for key in own}
    for tag in extra:
        if tag.key.lower() in known:
            raise InvalidEnvironment(f"{name}.key", tag.key, "a key that no other tag has, in upper or lower case")
        known.add(tag.key.lower())
