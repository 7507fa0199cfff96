"""OpenAI's events of a transcript: its segments in call order, each as soon as it is final, and all of its text."""

from collections.abc import Iterator
from typing import Any

from service.http.calls import Item
from service.http.openai.bodies import (
    all_log_probabilities,
    diarized,
    languages,
    log_probabilities,
    losses,
    segment_id,
)
from service.http.openai.parameters import DIARIZED, Parameters
from service.transcript import Segment, Transcript, additions, running_text


class Events:
    """The events of one call."""

    def __init__(self, parameters: Parameters) -> None:
        self._parameters = parameters
        self._last: Segment | None = None
        self._count = 0

    def of(self, item: Item) -> Iterator[dict[str, Any]]:
        """The events of further segments; OpenAI's clients know none of progress."""
        segments = () if isinstance(item, float) else item
        for segment, addition in zip(segments, additions(segments, after=self._last), strict=True):
            delta = {"type": "transcript.text.delta", "delta": addition}
            if self._parameters.form == DIARIZED:
                yield delta | {"segment_id": segment_id(self._count)}
                yield diarized(segment, self._count, self._parameters.speakers)
            elif self._parameters.log_probabilities:
                yield delta | {"logprobs": log_probabilities(segment, addition)}
            else:
                yield delta
            self._last = segment
            self._count += 1

    def last(self, transcript: Transcript) -> dict[str, Any]:
        """The event at the end."""
        event = {
            "type": "transcript.text.done",
            "text": running_text(transcript.segments),
            "languages": languages(transcript),
            **losses(transcript),
        }
        if self._parameters.log_probabilities:
            event["logprobs"] = all_log_probabilities(transcript.segments)
        return event
