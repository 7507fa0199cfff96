"""Reads the multipart form of `POST /transcribe`, within the size limit."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import BinaryIO

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Message

from service.errors import (
    BadForm,
    InvalidFlag,
    MissingFile,
    QueryParameter,
    RepeatedField,
    UnknownField,
    UnsupportedEncoding,
    UploadTooLarge,
)
from service.http.calls import Call

AUDIO_FIELD = "audio_file"
OPTIONAL_FIELDS = ("language", "words")
FIELDS = (AUDIO_FIELD, *OPTIONAL_FIELDS)


@asynccontextmanager
async def read_call(request: Request, *, limit: int) -> AsyncIterator[Call]:
    """Read the call in a request's form; its file is closed at the end of the block.

    Raises:
        InvalidField: the body is not a form, or a field is missing, unknown or wrong.
        UnsupportedEncoding: the body is compressed.
        UploadTooLarge: the body has more than `limit` bytes.
    """
    form = await _read_form(request, limit)
    try:
        call = _call(form)
        await run_in_threadpool(_write_to_disk, call.file)
        yield call
    finally:
        await form.close()


async def _read_form(request: Request, limit: int) -> FormData:
    for name in request.query_params:
        raise QueryParameter(field=name, known=FIELDS)
    if (encoding := request.headers.get("content-encoding", "identity")) != "identity":
        raise UnsupportedEncoding(encoding=encoding)
    if (length := request.headers.get("content-length", "")).isdigit() and int(length) > limit:
        raise UploadTooLarge(size=f"{length} bytes", limit=limit)
    received = 0

    async def receive() -> Message:
        nonlocal received
        message = await request.receive()
        received += len(message.get("body", b""))
        if received > limit:
            raise UploadTooLarge(size=f"more than {limit} bytes", limit=limit)
        return message

    try:
        return await Request(request.scope, receive).form(max_files=1, max_fields=len(OPTIONAL_FIELDS))
    except HTTPException as error:
        raise BadForm(reason=error.detail) from error


def _write_to_disk(file: BinaryIO) -> None:
    file.fileno()  # a spooled file moves from memory to disk
    file.flush()


def _call(form: FormData) -> Call:
    upload = form.get(AUDIO_FIELD)
    if not isinstance(upload, UploadFile):
        raise MissingFile(field=AUDIO_FIELD, fields=sorted(set(form)) or ["none"])
    for name in form:
        if name not in FIELDS:
            raise UnknownField(field=name, known=FIELDS)
        if len(form.getlist(name)) > 1:
            raise RepeatedField(field=name)
    words = str(form.get("words", "false"))
    if words not in {"true", "false"}:
        raise InvalidFlag(field="words", value=words)
    return Call(
        file=upload.file,
        name=upload.filename or "",
        language=str(form.get("language", "")),
        words=words == "true",
    )
