"""The bodies of responses: a transcript in the original service's contract, and one envelope for all errors."""

from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ExceptionHandler

from service.errors import RECORDING, AnswerTooLate, RetryLater, ServiceError
from service.http.form import AUDIO_FIELD, TRANSCRIBE_PATH
from service.transcript import Transcript

# Codes of errors that Starlette raises, by their status; any other status is `bad_request`.
HTTP_CODES = {404: "not_found", 405: "method_not_allowed"}
BAD_REQUEST, INTERNAL_ERROR = "bad_request", "internal_error"
# The types of errors that OpenAI's clients know.
INVALID_REQUEST, SERVER_ERROR = "invalid_request_error", "server_error"
# OpenAI's clients repeat a failed call twice by themselves; one beyond the deadline would take as long each time.
NO_RETRY = {"x-should-retry": "false"}
UNEXPECTED = "unexpected error; the log has it under the request id"


def answer(transcript: Transcript, *, provenance: Mapping[str, Any]) -> dict[str, Any]:
    """The original service's body, `{"metadata": {language, probability}, "transcription": […]}`, with more keys."""
    facts = transcript.to_dict()
    segments = facts.pop("segments")
    metadata = {"probability": facts.pop("language_probability"), **facts}
    return {"metadata": metadata, "transcription": segments, "provenance": provenance}


def service_error_response(
    error: ServiceError, *, recording: str = RECORDING, headers: Mapping[str, str] | None = None
) -> Response:
    """The response to a request, whose route calls the recording by its own name, that ended with an error."""
    if isinstance(error, RetryLater):
        headers = {**(headers or {}), "retry-after": str(error.retry_after_seconds)}
    if isinstance(error, AnswerTooLate):
        headers = {**(headers or {}), **NO_RETRY}
    return JSONResponse(error_body(error, recording=recording), status_code=error.status, headers=headers)


def http_error_response(status: int, message: str, *, headers: Mapping[str, str] | None = None) -> Response:
    """The response to a request that no route of the service has seen."""
    body = _envelope(status, message, code=HTTP_CODES.get(status, BAD_REQUEST))
    return JSONResponse(body, status_code=status, headers=headers)


def error_body(error: Exception, *, recording: str = RECORDING) -> dict[str, Any]:
    """The envelope of an error."""
    if not isinstance(error, ServiceError):
        return _envelope(500, UNEXPECTED, code=INTERNAL_ERROR)
    field = recording if error.field == RECORDING else error.field
    return _envelope(
        error.status,
        error.told(field),
        code=error.code,
        param=field or None,
        value=error.value,
        expected=error.expected,
    )


def error_facts(
    kind: str, message: str, *, code: str, param: str | None = None, value: str = "", expected: str = ""
) -> dict[str, Any]:
    """An error as every answer shows it; `kind` is one of the two types, `message` has all that follows in a sentence."""
    return {"message": message, "type": kind, "param": param, "code": code, "value": value, "expected": expected}


async def _service_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ServiceError)  # noqa: S101 - Starlette calls a handler with its own class only
    recording = AUDIO_FIELD if request.url.path == TRANSCRIBE_PATH else RECORDING
    return service_error_response(error, recording=recording)


async def _http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - as above
    return http_error_response(error.status_code, error.detail, headers=error.headers)


async def _unexpected_error(_: Request, error: Exception) -> Response:
    return JSONResponse(error_body(error), status_code=500)


def _envelope(status: int, message: str, **facts: Any) -> dict[str, Any]:
    """The envelope of every error."""
    return {"error": error_facts(INVALID_REQUEST if status < 500 else SERVER_ERROR, message, **facts)}


EXCEPTION_HANDLERS: Mapping[Any, ExceptionHandler] = {
    ServiceError: _service_error,
    HTTPException: _http_error,
    Exception: _unexpected_error,
}
