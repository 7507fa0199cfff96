from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from service.batch import events
from service.batch.events import ReceiptGone, UnknownMessage
from service.batch.ports import OperatedQueue
from service.batch.rows import Redriven

LANES = 8


def redrive(*, dead_letters: OperatedQueue, queue: OperatedQueue, bucket: str) -> Redriven:
    """Move the dead letters back to the queue; messages that no worker of the recordings bucket can read stay."""
    left = set[str]()

    def lane(_: int) -> int:
        moved = 0
        while message := dead_letters.receive(wait_seconds=1):
            if message.identity in left:
                break
            try:
                events.uploads(message.body, bucket=bucket)
            except UnknownMessage:
                left.add(message.identity)
                continue
            # Sent before it is deleted: a message on both queues is still transcribed only once.
            queue.send(message.body)
            with suppress(ReceiptGone):
                dead_letters.delete(message)
            moved += 1
        return moved

    with ThreadPoolExecutor(LANES) as pool:
        moved = sum(pool.map(lane, range(LANES)))
    return Redriven(moved=moved, left=len(left))
