"""Who writes recordings from another account."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from service.key_filter import MAX_KEY_BYTES
from service.settings import Settings
from stacks.capacity import InvalidEnvironment, typed

ACCOUNT = r"[0-9]{12}"
# Without a session: whoever assumes the role is meant.
PERSON = rf"arn:aws[\w-]*:iam::({ACCOUNT}):(role|user)/[\w+=,.@/-]{{1,512}}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """May put recordings into the bucket from another account, and nothing else; its own account must allow it, too.

    Attributes:
        principal: twelve digits for everybody whom that account allows, or the ARN of one role or user of it.
        prefix: with which its keys begin; empty for any.
    """

    principal: str
    prefix: str = ""

    def __post_init__(self) -> None:
        typed(self, "writers")
        if not re.fullmatch(rf"{ACCOUNT}|{PERSON}", self.principal, re.ASCII):
            expected = (
                "an account of 12 digits, or the ARN of a role or user such as arn:aws:iam::111122223333:role/Recorder"
            )
            raise InvalidEnvironment("writers.principal", self.principal, expected)
        # A policy reads * and ? as wildcards, and $ as the begin of a variable.
        if not re.fullmatch(rf"[^*?$\s]{{0,{MAX_KEY_BYTES}}}", self.prefix):
            raise InvalidEnvironment("writers.prefix", self.prefix, "the beginning of a key without * ? $ and spaces")

    def __str__(self) -> str:
        return f"{self.principal} {self.prefix}".strip()

    @property
    def account(self) -> str:
        """The account of the principal."""
        return self.principal.split(":")[4] if ":" in self.principal else self.principal

    @property
    def person(self) -> str:
        """The ARN of the role or user; empty for the whole account."""
        return self.principal if ":" in self.principal else ""


def check_writers(environment: str, writers: Sequence[Writer], *, account: str | None, settings: Settings) -> None:
    """Refuse writers whose permission another one has already, is pointless, or would fill the bucket in vain."""
    for writer in writers:
        if writer.account == account:
            expected = "a principal of another account; those of the environment's own need no bucket policy"
            raise InvalidEnvironment(f"{environment}.writers.principal", writer.principal, expected)
        if not settings.key_filter.reaches(writer.prefix):
            expected = f"keys that settings.recording_prefixes ({settings.recording_prefixes}) admit"
            raise InvalidEnvironment(f"{environment}.writers.prefix", writer.prefix, expected)
    for first, second in combinations(writers, 2):
        for one, other in ((first, second), (second, first)):
            covers = one.principal in (other.principal, other.account) and other.prefix.startswith(one.prefix)
            if covers:
                expected = f"a writer besides {one.principal}, which may write {one.prefix or 'any'} keys already"
                raise InvalidEnvironment(f"{environment}.writers", other, expected)
