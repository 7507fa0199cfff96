"""The formats of a transcript, a module for each."""

from collections.abc import Callable

from service.settings import WrongValue
from service.transcript import json_line, srt, text, vtt
from service.transcript.transcript import Transcript

_RENDERINGS: dict[str, Callable[[Transcript], str]] = {
    "json": json_line.render,
    "text": text.render,
    "srt": srt.render,
    "vtt": vtt.render,
}
FORMATS = tuple(_RENDERINGS)


def render(transcript: Transcript, form: str) -> str:
    """Render as one of `FORMATS`, without a trailing newline; raises `WrongValue` for any other."""
    if form not in _RENDERINGS:
        raise WrongValue("format", form, f"one of {', '.join(FORMATS)}")
    return _RENDERINGS[form](transcript)
