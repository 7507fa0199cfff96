"""Reads multipart forms with a recording, and the one of `POST /transcribe`."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import BinaryIO

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request

from service.errors import (
    InvalidFlag,
    MissingFile,
    QueryParameter,
    RepeatedField,
    UnknownField,
)
from service.http import form_parser
from service.http.calls import Call, Tell
from service.settings import SWITCH

TRANSCRIBE_PATH = "/transcribe"
AUDIO_FIELD = "audio_file"
OPTIONAL_FIELDS = ("language", "words", "stream")
FIELDS = (AUDIO_FIELD, *OPTIONAL_FIELDS)


@asynccontextmanager
async def read_call(request: Request, tell: Tell, wish: Callable[[bool], None]) -> AsyncIterator[Call]:
    """Read the call in a request to `/transcribe`; its file is closed at the end of the block.

    Args:
        request: with the form as its body.
        tell: is told the news of the call, if they are asked for.
        wish: is told whether they are.

    Raises:
        InvalidField: the body is not a form, or a field is missing, unknown or wrong.
        ServiceError: the body is beyond one of the limits of `bodies`.
    """
    async with read_form(request, recording=AUDIO_FIELD, fields=FIELDS, max_values=len(OPTIONAL_FIELDS)) as form:
        upload = recording_in(form, AUDIO_FIELD)
        for name in form:
            if name not in FIELDS:
                raise UnknownField(field=name, known=FIELDS)
            if len(form.getlist(name)) > 1:
                raise RepeatedField(field=name)
        words, stream = _flag(form, "words"), _flag(form, "stream")
        wish(stream)
        yield Call(
            file=await on_disk(upload),
            name=upload.filename or "",
            language=str(form.get("language", "")),
            words=words,
            listener=tell if stream else None,
            watcher=tell if stream else None,
        )


def _flag(form: FormData, name: str) -> bool:
    value = str(form.get(name, "false"))
    if value not in SWITCH:
        raise InvalidFlag(field=name, value=value)
    return SWITCH[value]


@asynccontextmanager
async def read_form(
    request: Request, *, recording: str, fields: Sequence[str], max_values: int
) -> AsyncIterator[FormData]:
    """Read a request's form, whose files are closed at the end of the block.

    Args:
        request: with the form as its body.
        recording: the name of the file field.
        fields: the names that the route knows, for errors.
        max_values: of fields other than files.

    Raises:
        InvalidField: the body is not a form, or the URL has a query.
        ServiceError: the body is beyond one of the limits of `bodies`.
    """
    for name in request.query_params:
        raise QueryParameter(field=name, known=fields)
    form = await form_parser.parse(request, recording=recording, max_values=max_values)
    try:
        yield form
    finally:
        await form.close()


def recording_in(form: FormData, field: str) -> UploadFile:
    """The recording in a form; raises `MissingFile` if there is none."""
    upload = form.get(field)
    if not isinstance(upload, UploadFile):
        raise MissingFile(field=field, fields=sorted(set(form)) or ["none"])
    return upload


async def on_disk(upload: UploadFile) -> BinaryIO:
    """An uploaded file that others can read by its descriptor."""
    await run_in_threadpool(_write_to_disk, upload.file)
    return upload.file


def _write_to_disk(file: BinaryIO) -> None:
    file.fileno()  # a spooled file moves from memory to disk
    file.flush()
