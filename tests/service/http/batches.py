"""Documents of a batch, and the bucket and the queue in which they are, without S3 and SQS."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

TRANSCRIPT = {"transcript": {"duration": 300.0}, "provenance": {"cost_dollars": 0.002}}


def run(share: float, *, arrived: str = "2026-01-30T20:00:00Z") -> dict[str, Any]:
    """A running document."""
    now = datetime.now(UTC).isoformat()
    return {"recording": {"time": arrived}, "worker": "w", "attempt": 1, "started": now, "at": now, "share": share}


def failure(message: str, *, at: str = "2026-01-31T11:00:00+00:00") -> dict[str, Any]:
    """A failed document."""
    error = {"code": "bad_audio", "message": message, "field": "file", "value": "3 bytes", "expected": "a recording"}
    return {"error": error, "at": at}


@dataclass
class Store:
    """Documents by their keys, each with its time of writing; counts the requests."""

    documents: dict[str, tuple[dict[str, Any], datetime]] = field(default_factory=dict)
    listed: int = 0
    reads: int = 0

    def put(self, key: str, document: dict[str, Any] = TRANSCRIPT, *, minutes_ago: float = 10) -> None:
        """Write a document."""
        self.documents[key] = document, datetime.now(UTC) - timedelta(minutes=minutes_ago)

    def keys(self, prefix: str, *, after: str = "") -> Iterator[tuple[str, datetime]]:
        """As a bucket lists them."""
        for key in sorted(self.documents):
            if key.startswith(prefix) and key > after:
                self.listed += 1
                yield key, self.documents[key][1]

    def read(self, key: str) -> tuple[bytes, str] | None:
        """As a bucket reads them."""
        self.reads += 1
        found = self.documents.get(key)
        return (json.dumps(found[0]).encode(), "") if found else None


@dataclass
class Messages:
    """A queue of which only the numbers of messages are known."""

    waiting: int = 0
    in_flight: int = 0
    dead: int = 0

    def counts(self) -> tuple[int, int]:
        """Of messages that wait and that are in flight."""
        return self.waiting, self.in_flight

    def dead_letters(self) -> "Messages":
        """Those that were received too often."""
        return Messages(waiting=self.dead)
