"""A message in hand: its deadline, and whether its rest fits into a time."""

import time

import pytest

from service.batch.lease import Lease
from service.errors import DeadlineExceeded
from service.messages import Message


def test_lease_beyond_its_deadline_ends() -> None:
    """A recording that takes too long is tried again, and after too many attempts is a dead letter."""
    lease = Lease(Message(identity="m1", receipt="r1", body="", receives=1, sent=0.0), deadline_seconds=0)
    with pytest.raises(DeadlineExceeded):
        lease.progress(0.5)


@pytest.mark.parametrize(("share", "seconds", "fits"), [(0.0, 1, True), (0.5, 20, True), (0.5, 5, False)])
def test_lease_fits_if_its_rest_takes_no_longer_than_the_time_left(
    monkeypatch: pytest.MonkeyPatch, share: float, seconds: float, *, fits: bool
) -> None:
    """The second half takes as long as the first; before the first progress it is assumed to fit."""
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    lease = Lease(Message(identity="m1", receipt="r1", body="", receives=1, sent=0.0), deadline_seconds=60)
    now[0] += 10
    lease.progress(share)
    assert lease.fits(seconds) is fits
