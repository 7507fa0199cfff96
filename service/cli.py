"""Transcribe files from the command line: transcripts on standard output, everything else on standard error."""

import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from tqdm import tqdm

from service.engine.engine import Progress
from service.errors import DuplicateOutput, OutputNotWritable, ServiceError
from service.recording import Decode, Recording
from service.settings import SettingError
from service.transcript import Transcript, render

STANDARD_INPUT = Path("-")


class Transcriber(Protocol):
    """The engine as the command line sees it."""

    def transcribe(self, recording: Recording, *, language: str, words: bool, progress: Progress) -> Transcript:
        """Transcribe every channel of a recording."""


class ReaderGone(Exception):
    """The reader of standard output, such as `head`, has read enough."""


class Output(Protocol):
    """Takes one transcript."""

    def write(self, text: str) -> None:
        """Write a transcript; raises OSError or `ReaderGone`."""


class OutputFile:
    """A file that holds a whole transcript or none."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, text: str) -> None:
        """Write the file under another name first, so that a full disk leaves no half of it."""
        unfinished = self._path.with_name(f"{self._path.name}.part")
        try:
            unfinished.write_bytes(_encoded(text))
            unfinished.replace(self._path)
        finally:
            unfinished.unlink(missing_ok=True)


class StandardOutput:
    """Standard output, in UTF-8 whatever the locale, and unbuffered: an error is that of the transcript just written."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._cut = False

    def write(self, text: str) -> None:
        """Write a transcript, on a line of its own even if the one before could not be written to its end."""
        rest = (b"\n" if self._cut else b"") + _encoded(text)
        while rest:
            try:
                written = os.write(self._descriptor, rest)
            except BrokenPipeError as error:
                raise ReaderGone from error
            self._cut = True
            rest = rest[written:]
        self._cut = False


def _encoded(text: str) -> bytes:
    # A file name may hold bytes that are no text; JSON reads their escapes.
    return f"{text}\n".encode("utf-8", "backslashreplace")


def outputs(files: Sequence[Path], *, folder: Path | None, form: str) -> list[Output]:
    """Where each file's transcript goes: into a folder, under the file's name with the format as suffix, or printed.

    Raises:
        DuplicateOutput: two files would write the same transcript.
        OutputNotWritable: the folder cannot be written to.
    """
    if folder is None:
        if sys.stdout is None:
            raise OutputNotWritable(path="", reason="standard output is closed")
        return [StandardOutput(sys.stdout.fileno())] * len(files)
    suffix = ".txt" if form == "text" else f".{form}"
    names = ["stdin" if file == STANDARD_INPUT else file.name for file in files]
    paths = [folder / Path(name).with_suffix(suffix).name for name in names]
    for path in paths:
        if paths.count(path) > 1:
            raise DuplicateOutput(name=path.name)
        if path.is_dir():
            raise OutputNotWritable(path=str(path), reason="it is a folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OutputNotWritable(path=str(folder), reason=error.strerror or type(error).__name__) from error
    return [OutputFile(path) for path in paths]


def transcribe_files(
    files: Sequence[Path],
    outputs: Sequence[Output],
    *,
    engine: Transcriber,
    decode: Decode,
    form: str,
    language: str,
    words: bool,
    provenance: Mapping[str, Any],
) -> bool:
    """Transcribe each file; report one that fails on standard error and continue with the next.

    A reader of standard output that has read enough, such as `head`, ends the work without a word.

    Returns:
        Whether every file was transcribed.
    """
    complete = True
    for file, output in zip(files, outputs, strict=True):
        try:
            transcript = _transcribe_file(file, engine=engine, decode=decode, language=language, words=words)
            for fault in _faults(transcript):
                _tell(file, fault)
            output.write(_rendered(file, transcript, form, provenance=provenance))
        except ReaderGone:
            break
        except (ServiceError, OSError) as error:
            _tell(file, error)
            complete = False
    return complete


def recordings(files: Sequence[Path], *, decode: Decode) -> list[Recording]:
    """The decoded files.

    Raises:
        SettingError: a file cannot be opened.
        RequestError: a file cannot be decoded.
    """
    decoded = []
    for file in files:
        try:
            with _opened(file) as source:
                decoded.append(decode(source, name=file.name))
        except OSError as error:
            raise SettingError("FILE", file, f"a readable file ({error.strerror})") from None
    return decoded


def _faults(transcript: Transcript) -> Iterator[str]:
    if transcript.partial:
        yield f"partial, {transcript.missing_seconds:.1f} s are missing"
    if transcript.unheard:
        yield f"{transcript.unheard_seconds:.1f} s of speech, or of sounds like it, gave no words"


def _rendered(file: Path, transcript: Transcript, form: str, *, provenance: Mapping[str, Any]) -> str:
    """A transcript; as JSON it names its recording, so that lines are told apart even if some files failed."""
    if form != "json":
        return render(transcript, form)
    # Python decodes the command line by the locale; as UTF-8 the name is the same everywhere.
    name = os.fsencode(file).decode(errors="surrogateescape")
    return json.dumps({"recording": name, **transcript.to_dict(), "provenance": provenance}, ensure_ascii=False)


def _tell(file: Path, message: object) -> None:
    print(f"{file}: {message}", file=sys.stderr)  # noqa: T201 - for the person at the terminal


def _transcribe_file(file: Path, *, engine: Transcriber, decode: Decode, language: str, words: bool) -> Transcript:
    # `disable=None` shows the bar only if standard error is a terminal.
    with tqdm(total=100, desc=file.name, unit="%", bar_format="{desc}: {bar} {n:.0f} %", disable=None) as bar:

        def progress(share: float) -> None:
            bar.update(100 * share - bar.n)

        with _opened(file) as source:
            recording = decode(source, name=file.name)
        return engine.transcribe(recording, language=language, words=words, progress=progress)


@contextmanager
def _opened(file: Path) -> Iterator[BinaryIO]:
    if file == STANDARD_INPUT:
        yield sys.stdin.buffer
    else:
        with file.open("rb") as source:
            yield source
