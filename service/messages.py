"""Messages as any receiver of a queue sees them; standard library only."""

from dataclasses import dataclass


class ReceiptGone(Exception):
    """The receipt has expired, or the message was deleted: this receiver may no longer act on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message as it was received: `receives` counts from 1, `sent` is in seconds since 1970."""

    identity: str
    receipt: str
    body: str
    receives: int
    sent: float
