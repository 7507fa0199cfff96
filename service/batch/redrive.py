import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from service.batch import events
from service.batch.events import ReceiptGone, UnknownMessage
from service.batch.ports import OperatedQueue
from service.batch.rows import Redriven

LANES = 8
# Between two looks for messages that were hidden.
PAUSE_SECONDS = 2
# A message becomes visible a moment after its time.
MARGIN_SECONDS = 3


@dataclass(kw_only=True)
class Redrive:
    """Moves the dead letters back to the queue; messages that no worker of the recordings bucket can read stay.

    Attributes:
        say: called with a sentence when it has to wait.
    """

    dead_letters: OperatedQueue
    queue: OperatedQueue
    bucket: str
    say: Callable[[str], None]
    _unreadable: set[str] = field(default_factory=set)

    def run(self) -> Redriven:
        """Move all of them; those that another receiver holds are awaited for the queue's visibility timeout."""
        moved = self._move()
        hidden = self._hidden()
        if hidden:
            patience = self.dead_letters.visibility_timeout() + MARGIN_SECONDS
            until = datetime.now(UTC) + timedelta(seconds=patience)
            self.say(
                f"dead letters that another receiver, or an earlier redrive, holds: {hidden};"
                f" waiting for them until {until:%H:%M:%S} UTC"
            )
            while hidden and datetime.now(UTC) < until:
                time.sleep(PAUSE_SECONDS)
                moved += self._move()
                hidden = self._hidden()
        unreadable = len(self._unreadable)
        return Redriven(moved=moved, left=unreadable + hidden, unreadable=unreadable, hidden=hidden)

    def _move(self) -> int:
        with ThreadPoolExecutor(LANES) as pool:
            return sum(pool.map(lambda _: self._lane(), range(LANES)))

    def _lane(self) -> int:
        moved = 0
        while message := self.dead_letters.receive(wait_seconds=1):
            if message.identity in self._unreadable:
                break
            try:
                events.uploads(message.body, bucket=self.bucket)
            except UnknownMessage:
                self._unreadable.add(message.identity)
                continue
            # Sent before it is deleted: a message on both queues is still transcribed only once.
            self.queue.send(message.body)
            with suppress(ReceiptGone):
                self.dead_letters.delete(message)
            moved += 1
        return moved

    def _hidden(self) -> int:
        """The messages that are left though nothing could be received, besides those that were looked at."""
        return max(0, sum(self.dead_letters.counts()) - len(self._unreadable))
