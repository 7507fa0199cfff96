"""What was said: words, segments, the transcript of one recording, and its renderings."""

from service.transcript.transcript import FORMATS, UNDETERMINED, Segment, Transcript, Word, render

__all__ = ["FORMATS", "UNDETERMINED", "Segment", "Transcript", "Word", "render"]
