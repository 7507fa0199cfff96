"""Words, segments and the transcript of one recording, and its renderings."""

from service.transcript.renderings import FORMATS, render
from service.transcript.running import additions, running_text
from service.transcript.transcript import UNDETERMINED, Decoding, Segment, Transcript, Unheard, Word

__all__ = [
    "FORMATS",
    "UNDETERMINED",
    "Decoding",
    "Segment",
    "Transcript",
    "Unheard",
    "Word",
    "additions",
    "render",
    "running_text",
]
