"""JSON on one line, so that several transcripts make JSON Lines."""

import json

from service.transcript.transcript import Transcript


def render(transcript: Transcript) -> str:
    """The transcript as `to_dict` gives it, on one line."""
    return json.dumps(transcript.to_dict(), ensure_ascii=False)
