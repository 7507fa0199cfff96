"""The error tree, split by what the caller does about it.

    ServiceError
    ├── RequestError            change the request, then call again
    │   ├── InvalidField        400  a field is missing, unknown or has a wrong value
    │   ├── TooLarge            413  more bytes or more seconds than accepted
    │   ├── UnsupportedAudio    415  not audio, or a format this service does not open
    │   └── UnusableAudio       422  audio without anything to transcribe, or that breaks the decoder
    ├── RetryLater              503  the same request works later: starting, full, draining
    └── ModelError              the service cannot start: no such model, damaged model

`api` maps it once to HTTP; the command line maps it once to exit code 2.
"""


class ServiceError(Exception):
    """Names the field at fault, the value it had, what was expected, and a stable `code` for programs."""

    status = 500

    def __init__(self, message: str, *, code: str, field: str = "", value: object = "", expected: str = "") -> None:
        self.message, self.code, self.field, self.value, self.expected = message, code, field, value, expected
        super().__init__(message)

    def __str__(self) -> str:
        place = f"{self.field}: " if self.field else ""
        got = f" (got {str(self.value)!r})" if self.value != "" else ""
        wanted = f"; expected {self.expected}" if self.expected else ""
        return f"{place}{self.message}{got}{wanted}"


class RequestError(ServiceError):
    """The request cannot succeed as it stands; repeating it is useless."""

    status = 400


class InvalidField(RequestError):
    """A field of the request is missing, unknown or has a wrong value."""


class TooLarge(RequestError):
    """The recording has more bytes or lasts longer than the service accepts."""

    status = 413


class UnsupportedAudio(RequestError):
    """The bytes are not audio, or are in a format that is not opened (playlists, session descriptions)."""

    status = 415


class UnusableAudio(RequestError):
    """The bytes are a media file from which nothing can be transcribed."""

    status = 422


class RetryLater(ServiceError):
    """The same request will work later; `retry_after_seconds` says when to try."""

    status = 503

    def __init__(self, message: str, *, code: str, retry_after_seconds: int) -> None:
        super().__init__(message, code=code)
        self.retry_after_seconds = retry_after_seconds


class ModelError(ServiceError):
    """The model is missing, damaged or unknown: the service cannot start."""
