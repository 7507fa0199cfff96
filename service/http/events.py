"""The service's own events of a call: the share that is transcribed, segments in call order, and the whole transcript."""

from collections.abc import Iterator, Mapping
from typing import Any

from service.http.calls import Item
from service.transcript import Transcript


class Events:
    """The events of one call; its segments and its transcript are those of docs/transcript.schema.json.

    Segments come with their words, whether or not the transcript shows them. The last event has the transcript's provenance.
    """

    def __init__(self, *, provenance: Mapping[str, Any]) -> None:
        self._provenance = provenance

    def of(self, item: Item) -> Iterator[dict[str, Any]]:
        """The events of further news."""
        if isinstance(item, float):
            yield {"type": "progress", "share": round(item, 4)}
            return
        for segment in item:
            yield {"type": "segment", "segment": segment.to_dict(words=True)}

    def last(self, transcript: Transcript) -> dict[str, Any]:
        """The event at the end."""
        return {"type": "transcript", "transcript": transcript.to_dict(), "provenance": self._provenance}
