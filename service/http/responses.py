"""The bodies of responses: a transcript in the original service's contract, and one envelope for all errors."""

from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ExceptionHandler

from service.errors import RECORDING, RetryLater, ServiceError
from service.http.form import AUDIO_FIELD
from service.transcript import Transcript

# Codes of errors that Starlette raises, by their status; any other status is `bad_request`.
HTTP_CODES = {404: "not_found", 405: "method_not_allowed"}
BAD_REQUEST, INTERNAL_ERROR = "bad_request", "internal_error"


def answer(transcript: Transcript) -> dict[str, Any]:
    """The original service's body, `{"metadata": {language, probability}, "transcription": […]}`, with more keys."""
    facts = transcript.to_dict()
    segments = facts.pop("segments")
    return {"metadata": {"probability": facts.pop("language_probability"), **facts}, "transcription": segments}


def service_error_response(error: ServiceError, *, headers: Mapping[str, str] | None = None) -> Response:
    """The response to a request that ended with an error of the service."""
    if isinstance(error, RetryLater):
        headers = {**(headers or {}), "retry-after": str(error.retry_after_seconds)}
    field = AUDIO_FIELD if error.field == RECORDING else error.field
    return _error_response(
        error.status,
        error.told(field),
        code=error.code,
        param=field or None,
        value=error.value,
        expected=error.expected,
        headers=headers,
    )


async def _service_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, ServiceError)  # noqa: S101 - Starlette calls a handler with its own class only
    return service_error_response(error)


async def _http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - as above
    code = HTTP_CODES.get(error.status_code, BAD_REQUEST)
    return _error_response(error.status_code, error.detail, code=code, headers=error.headers)


async def _unexpected_error(_: Request, __: Exception) -> Response:
    message = "unexpected error; the log has it under the request id"
    return _error_response(500, message, code=INTERNAL_ERROR)


def _error_response(
    status: int,
    message: str,
    *,
    code: str,
    param: str | None = None,
    value: str = "",
    expected: str = "",
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The envelope of every error; `type` is one of those that OpenAI's clients know."""
    kind = "invalid_request_error" if status < 500 else "server_error"
    body = {"message": message, "type": kind, "param": param, "code": code, "value": value, "expected": expected}
    return JSONResponse({"error": body}, status_code=status, headers=headers)


EXCEPTION_HANDLERS: Mapping[Any, ExceptionHandler] = {
    ServiceError: _service_error,
    HTTPException: _http_error,
    Exception: _unexpected_error,
}
