"""Transcribe files from the command line: transcripts on standard output, everything else on standard error."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from tqdm import tqdm

from service.engine.engine import Progress
from service.errors import DuplicateOutput, ServiceError
from service.recording import Decode, Recording
from service.transcript import Transcript, render


class Transcriber(Protocol):
    """The engine as the command line sees it."""

    def transcribe(self, recording: Recording, *, language: str, words: bool, progress: Progress) -> Transcript:
        """Transcribe every channel of a recording."""


def output_paths(files: Sequence[Path], *, folder: Path, form: str) -> list[Path]:
    """The path of each file's transcript: the file's name with the format as suffix.

    Raises:
        DuplicateOutput: two files would write the same transcript.
    """
    suffix = ".txt" if form == "text" else f".{form}"
    paths = [folder / file.with_suffix(suffix).name for file in files]
    for path in paths:
        if paths.count(path) > 1:
            raise DuplicateOutput(name=path.name)
    return paths


def transcribe_files(
    files: Sequence[Path],
    *,
    engine: Transcriber,
    decode: Decode,
    form: str,
    folder: Path | None,
    language: str,
    words: bool,
) -> bool:
    """Transcribe each file; report one that fails on standard error and continue with the next.

    Returns:
        Whether every file was transcribed.
    """
    outputs = output_paths(files, folder=folder, form=form) if folder else [None] * len(files)
    complete = True
    for file, output in zip(files, outputs, strict=True):
        try:
            transcript = _transcribe_file(file, engine=engine, decode=decode, language=language, words=words)
        except (ServiceError, OSError) as error:
            print(f"{file}: {error}", file=sys.stderr)  # noqa: T201 - for the person at the terminal
            complete = False
            continue
        if transcript.partial:
            print(f"{file}: partial, {transcript.missing_seconds:.1f} s are missing", file=sys.stderr)  # noqa: T201
        if output:
            output.parent.mkdir(parents=True, exist_ok=True)
            output.write_text(render(transcript, form) + "\n", encoding="utf-8")
        else:
            print(render(transcript, form))  # noqa: T201 - the transcript
    return complete


def _transcribe_file(file: Path, *, engine: Transcriber, decode: Decode, language: str, words: bool) -> Transcript:
    # `disable=None` shows the bar only if standard error is a terminal.
    with tqdm(total=100, desc=file.name, unit="%", bar_format="{desc}: {bar} {n:.0f} %", disable=None) as bar:

        def progress(share: float) -> None:
            bar.update(100 * share - bar.n)

        with file.open("rb") as source:
            recording = decode(source)
        return engine.transcribe(recording, language=language, words=words, progress=progress)
