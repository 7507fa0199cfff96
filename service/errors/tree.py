"""The error tree's trunk: what the caller does about an error decides which branch it belongs to."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, dataclass_transform

_TEMPLATES = ("code", "message", "field", "value", "expected")


@dataclass_transform(kw_only_default=True, eq_default=False)
class ServiceError(Exception):
    """An error that programs tell apart by its `code` and that tells a person how to correct the input.

    A subclass is one error. Its annotated attributes are the constructor's arguments; they and its properties fill the
    `{placeholders}` in the attributes below, which the subclass sets once:

    >>> class NoAudioTrack(UnusableAudio):
    ...     code = "no_audio"
    ...     message = "the file has no sound"
    ...     field = "file"
    ...     value = "{tracks} tracks, none of them audio"
    ...     expected = "one audio track"
    ...     tracks: int
    >>> str(NoAudioTrack(tracks=2))
    "file: the file has no sound (got '2 tracks, none of them audio'); expected one audio track"

    Attributes:
        status: the HTTP status.
        code: stable, for programs.
        message: the problem, in one clause.
        field: the request field, option or setting at fault; may be empty.
        value: the value at fault, as text; may be empty.
        expected: a description of values that work; may be empty.
    """

    status = 500
    code: str = ""
    message: str = ""
    field: str = ""
    value: str = ""
    expected: str = ""

    def __init_subclass__(cls) -> None:
        dataclass(kw_only=True, eq=False)(cls)

    def __post_init__(self) -> None:
        arguments, words = self.arguments, _Words(self)
        for name in _TEMPLATES:
            # An argument is not a template: it may hold braces of the caller's.
            if name not in arguments:
                setattr(self, name, getattr(type(self), name).format_map(words))

    def __str__(self) -> str:
        return self.told(self.field)

    def told(self, field: str) -> str:
        """The error on one line, under the name that its reader knows the field by."""
        return sentence(self.message, field=field, value=self.value, expected=self.expected)

    @property
    def arguments(self) -> Mapping[str, Any]:
        """The constructor's arguments."""
        return {name: getattr(self, name) for name in getattr(self, "__dataclass_fields__", ())}


def sentence(message: str, *, field: str = "", value: str = "", expected: str = "") -> str:
    """The parts of an error on one line; each but the message may be empty."""
    prefix = f"{field}: " if field else ""
    got = f" (got {value!r})" if value else ""
    wanted = f"; expected {expected}" if expected else ""
    return f"{prefix}{message}{got}{wanted}"


class _Words(Mapping[str, Any]):
    """An error's attributes as words for its templates; a sequence is listed with commas."""

    def __init__(self, error: ServiceError) -> None:
        self._error = error

    def __getitem__(self, name: str) -> Any:
        value = getattr(self._error, name)
        return ", ".join(value) if isinstance(value, list | tuple) else value

    def __iter__(self) -> Iterator[str]:
        return iter(self._error.arguments)

    def __len__(self) -> int:
        return len(self._error.arguments)


class RequestError(ServiceError):
    """The request cannot succeed as it stands; repeating it is useless."""

    status = 400


class InvalidField(RequestError):
    """A field of the request is missing, unknown or has a wrong value."""


class TooLarge(RequestError):
    """The recording has more bytes or lasts longer than the service accepts."""

    status = 413


class UnsupportedAudio(RequestError):
    """The bytes are not audio, or are in a format that the service does not read."""

    status = 415


class UnusableAudio(RequestError):
    """The bytes are a media file from which nothing can be transcribed."""

    status = 422


class RetryLater(ServiceError):
    """The same request will work later; `retry_after_seconds` says when to try."""

    status = 503
    retry_after_seconds = 60


class ModelError(ServiceError):
    """The model is missing, damaged or unknown: the service cannot start."""
