"""The `jobs` verb: recordings and messages as an operator sees them.

It prints the names of recordings only on request, because they may hold callers' numbers.
"""

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from service.batch.inventory import Inventory
from service.batch.ports import OperatedQueue, RecordingIndex, ResultIndex
from service.batch.reconciliation import Reconciliation
from service.batch.redrive import Redrive
from service.batch.results import State
from service.batch.rows import DatedVersion, Overview, Redriven, Row, Tally, VersionRow
from service.batch.table import lines
from service.contract import CheckMetric
from service.settings import Settings
from service.telemetry import Meter

# S3 may announce an upload this much later, so that a younger one need not be lost.
EVENT_DELAY = timedelta(minutes=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Jobs:
    """The recordings whose keys start with `prefix`, and the queues of all recordings."""

    queue: OperatedQueue
    dead_letters: OperatedQueue
    recordings: RecordingIndex
    transcripts: ResultIndex
    settings: Settings
    prefix: str = ""

    def overview(self) -> Overview:
        """How many messages and results there are."""
        return self._inventory.overview(queue=self.queue, dead_letters=self.dead_letters)

    def listed(self, state: State) -> Iterator[VersionRow]:
        """Each version in a state."""
        return self._inventory.listed(state)

    def redrive(self) -> Redriven:
        """Move the dead letters back to the queue."""
        return Redrive(
            dead_letters=self.dead_letters, queue=self.queue, bucket=self.settings.recordings_bucket, say=_say
        ).run()

    def reconcile(self, *, announce: bool = False) -> Iterator[DatedVersion | Tally]:
        """Each version that is unaccounted for, then how many there are in each state."""
        return Reconciliation(queue=self.queue, inventory=self._inventory).run(announce=announce)

    @property
    def _inventory(self) -> Inventory:
        return Inventory(
            recordings=self.recordings,
            key_filter=self.settings.key_filter,
            transcripts=self.transcripts,
            stale_after_seconds=self.settings.visibility_timeout_seconds,
            canary_folder=self.settings.canary_folder,
            prefix=self.prefix,
        )


def run(
    jobs: Jobs,
    *,
    action: str,
    show: Sequence[State],
    names: bool,
    announce: bool,
    as_json: bool,
    meter: Meter | None = None,
) -> int:
    """Do one action and print its rows; a reconciliation tells a `meter` what is lost.

    Returns:
        1 if versions are lost or dead letters were left, else 0.
    """
    if action == "redrive":
        redriven = jobs.redrive()
        _print([redriven], as_json=as_json)
        return 1 if redriven.left else 0
    if action == "reconcile":
        return _reconcile(jobs, names=names, announce=announce, as_json=as_json, meter=meter)
    if not show:
        _print([jobs.overview()], as_json=as_json)
    _print(_listed(jobs, show), as_json=as_json)
    return 0


def _reconcile(jobs: Jobs, *, names: bool, announce: bool, as_json: bool, meter: Meter | None) -> int:
    tallies: list[Tally] = []
    old = 0

    def kept() -> Iterator[Row]:
        nonlocal old
        for row in jobs.reconcile(announce=announce):
            if isinstance(row, Tally):
                tallies.append(row)
            else:
                old += datetime.now(UTC) - datetime.fromisoformat(row.at) > EVENT_DELAY
            if names or isinstance(row, Tally):
                yield row

    _print(kept(), as_json=as_json)
    lost = any(tally.lost for tally in tallies)
    if meter:
        meter.check({CheckMetric.LOST: old if lost else 0})
    return 1 if lost else 0


def _listed(jobs: Jobs, show: Sequence[State]) -> Iterator[Row]:
    """The versions in some states; says which state none is in."""
    for state in show:
        found = False
        for row in jobs.listed(state):
            found = True
            yield row
        if not found:
            _say(f"no recording is {state}")


def _print(rows: Iterable[Row], *, as_json: bool) -> None:
    for line in lines(rows, as_json=as_json):
        print(line, flush=True)  # noqa: T201 - a person asked


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - for the person at the terminal
