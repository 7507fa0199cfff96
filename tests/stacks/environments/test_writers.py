"""Who brings recordings from other accounts, as values."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from service.settings import Settings
from stacks.environments import InvalidEnvironment, Writer
from tests.stacks.factory import LIVE

ROLE = "arn:aws:iam::111122223333:role/recorders/Recorder"


@pytest.mark.parametrize(
    ("principal", "account", "person"),
    [
        ("111122223333", "111122223333", ""),
        (ROLE, "111122223333", ROLE),
        ("arn:aws-cn:iam::111122223333:user/pbx", "111122223333", "arn:aws-cn:iam::111122223333:user/pbx"),
    ],
)
def test_principal_is_an_account_or_one_of_its_people(principal: str, account: str, person: str) -> None:
    """The account of a role is read from its ARN."""
    writer = Writer(principal=principal)
    assert (writer.account, writer.person) == (account, person)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Writer(principal="*"), "writers.principal: got '*', expected an account of 12 digits, or the ARN of"),
        (lambda: Writer(principal="1234"), "writers.principal: got '1234', expected an account of 12 digits"),
        (
            lambda: Writer(principal="arn:aws:sts::111122223333:assumed-role/Recorder/me"),
            "writers.principal: got 'arn:aws:sts::111122223333:assumed-role/Recorder/me', expected an account",
        ),
        (
            lambda: Writer(principal="arn:aws:iam::111122223333:role/*"),
            "writers.principal: got 'arn:aws:iam::111122223333:role/*', expected an account",
        ),
        (
            lambda: Writer(principal=ROLE, prefix="calls/*"),
            "writers.prefix: got 'calls/*', expected the beginning of a key without * ? $ and spaces",
        ),
        (
            lambda: replace(LIVE, account="111122223333", writers=(Writer(principal=ROLE),)),
            f"live.writers.principal: got '{ROLE}', expected a principal of another account",
        ),
        (
            lambda: replace(
                LIVE,
                settings=replace(LIVE.settings, recording_prefixes="connect/"),
                writers=(Writer(principal=ROLE, prefix="recorder/"),),
            ),
            "live.writers.prefix: got 'recorder/', expected keys that settings.recording_prefixes (connect/) admit",
        ),
        (
            lambda: replace(LIVE, writers=(Writer(principal=ROLE, prefix="a/b"), Writer(principal="111122223333"))),
            f"live.writers: got '{ROLE} a/b', expected a writer besides 111122223333, which may write any keys already",
        ),
        (
            lambda: replace(LIVE, writers=(Writer(principal=ROLE), Writer(principal=ROLE))),
            f"live.writers: got '{ROLE}', expected a writer besides {ROLE}",
        ),
    ],
)
def test_writer_that_may_not_be_or_is_pointless_is_refused(make: Callable[[], object], message: str) -> None:
    """One line has field, value and expectation."""
    with pytest.raises(InvalidEnvironment, match=r"^[^\n]+$") as refusal:
        make()
    assert str(refusal.value).startswith(message)


def test_writers_with_prefixes_of_their_own_are_accepted() -> None:
    """A prefix may be wider or narrower than the filter's, as long as they meet."""
    writers = (Writer(principal=ROLE, prefix="connect/a/"), Writer(principal=ROLE, prefix="recorder"))
    settings: Settings = replace(LIVE.settings, recording_prefixes="connect/,recorder/2026/")
    assert replace(LIVE, settings=settings, writers=writers).writers == writers
