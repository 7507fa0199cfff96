"""What the API answers: the original service's contract, and one envelope for every error."""

from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ExceptionHandler

from service.errors import RequestError, RetryLater, ServiceError
from service.transcript import Transcript


def answer(transcript: Transcript) -> dict[str, Any]:
    """The original service's answer, `{"metadata": {language, probability}, "transcription": […]}`, and more keys."""
    facts = transcript.to_dict()
    segments = facts.pop("segments")
    return {"metadata": {"probability": facts.pop("language_probability"), **facts}, "transcription": segments}


async def _service_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, ServiceError)  # noqa: S101 - Starlette calls a handler with its own class only
    headers = {"retry-after": str(error.retry_after_seconds)} if isinstance(error, RetryLater) else None
    return service_error_response(error, headers=headers)


def service_error_response(error: ServiceError, *, headers: Mapping[str, str] | None = None) -> Response:
    """The response to a request that met an error of ours."""
    kind = "invalid_request_error" if isinstance(error, RequestError) else "server_error"
    return error_response(
        error.status,
        str(error),
        kind=kind,
        code=error.code,
        param=error.field or None,
        value=error.value,
        expected=error.expected,
        headers=headers,
    )


async def _http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - as above
    kind = "invalid_request_error" if error.status_code < 500 else "server_error"
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "bad_request")
    return error_response(error.status_code, error.detail, kind=kind, code=code, headers=error.headers)


async def _unexpected_error(_: Request, __: Exception) -> Response:
    return error_response(
        500, "unexpected error; the log has it under the request id", kind="server_error", code="internal_error"
    )


def error_response(
    status: int,
    message: str,
    *,
    kind: str,
    code: str,
    param: str | None = None,
    value: str = "",
    expected: str = "",
    headers: Any = None,
) -> Response:
    """The envelope of every error; `kind` is one of the types that OpenAI's clients know."""
    body = {"message": message, "type": kind, "param": param, "code": code, "value": value, "expected": expected}
    return JSONResponse({"error": body}, status_code=status, headers=headers)


EXCEPTION_HANDLERS: Mapping[Any, ExceptionHandler] = {
    ServiceError: _service_error,
    HTTPException: _http_error,
    Exception: _unexpected_error,
}
