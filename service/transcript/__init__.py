"""Words, segments and the transcript of one recording, and its renderings."""

from service.transcript.renderings import FORMATS, render
from service.transcript.transcript import UNDETERMINED, Segment, Transcript, Unheard, Word

__all__ = ["FORMATS", "UNDETERMINED", "Segment", "Transcript", "Unheard", "Word", "render"]
