"""Requests and options that cannot be met as they are."""

from collections.abc import Sequence

from service.errors.codes import codes
from service.errors.tree import InvalidField, RequestError, TooLarge, UnsupportedAudio

_FORM = "a multipart form with the recording as its file field {recording}"


class InvalidApiKey(RequestError):
    """The request carries no key, or one that is not configured."""

    status = 401
    code = "invalid_api_key"
    message = "no valid key"
    expected = "a key, as `Authorization: Bearer KEY` or `x-api-key: KEY`"


class InsufficientScope(RequestError):
    """The key is valid, but not for this request."""

    status = 403
    code = "insufficient_scope"
    message = "the key is not for this request"
    expected = "a key with the scope {scope}"
    scope: str


class BadHead(RequestError):
    """The head of the request has more bytes than any client needs."""

    code = "bad_head"
    message = "the head of the request is too large"
    field = "headers"
    value = "{size} bytes"
    expected = "at most {limit} bytes"
    size: int
    limit: int


class BadForm(InvalidField):
    """The body is not a form, or is a malformed one."""

    code = "bad_form"
    message = "the form cannot be read"
    field = "body"
    value = "{reason}"
    expected = _FORM
    reason: str
    recording: str


class MissingFile(InvalidField):
    """The form has no recording."""

    code = "missing_file"
    message = "no recording in the form"
    value = "form fields: {fields}"
    expected = _FORM
    field: str
    fields: Sequence[str]

    @property
    def recording(self) -> str:
        """The name of the field."""
        return self.field


class UnknownField(InvalidField):
    """The form has a field that the route does not know."""

    code = "unknown_field"
    message = "unknown form field"
    expected = "one of {known}"
    field: str
    known: Sequence[str]


class QueryParameter(InvalidField):
    """The URL has a query parameter; a route that ignored it would transcribe in a way that the caller did not ask for."""

    code = "unknown_field"
    message = "unknown query parameter"
    expected = "no query parameters; {known} are form fields"
    field: str
    known: Sequence[str]


class RepeatedField(InvalidField):
    """The form has a field more than once."""

    code = "repeated_field"
    message = "the field is given more than once"
    expected = "each field once"
    field: str


class InvalidFlag(InvalidField):
    """A flag is neither true nor false."""

    code = "invalid_value"
    message = "not a flag"
    expected = "true or false"
    field: str
    value: str


class UnknownLanguage(InvalidField):
    """The model does not know the language that the caller names."""

    code = "unknown_language"
    message = "unknown language"
    value = "{language}"
    expected = "{codes}; leave it out to detect it"
    language: str
    known: Sequence[str]
    field: str = "language"

    @property
    def codes(self) -> str:
        """The codes that work, in a few words."""
        return codes(self.language, self.known)


class UnsupportedEncoding(UnsupportedAudio):
    """The body is compressed, so its size cannot be limited before it is read."""

    code = "unsupported_encoding"
    message = "the body is compressed"
    field = "content-encoding"
    value = "{encoding}"
    expected = "no content encoding"
    encoding: str


class UploadTooLarge(TooLarge):
    """The body of a request has more bytes than the service accepts."""

    code = "upload_too_large"
    message = "the upload is too large"
    field = "body"
    value = "{size}"
    expected = "at most {limit} bytes over HTTP; hand a larger recording over as a job (POST /jobs)"
    size: str
    limit: int


class UploadTooSlow(RequestError):
    """The body of a request does not arrive in time; waiting for it would hold a connection for ever."""

    status = 408
    code = "upload_too_slow"
    message = "the upload is too slow"
    field = "body"
    value = "{received} bytes in {seconds} s"
    expected = "at least {rate} bytes a second, and the end within {limit} s"
    received: int
    seconds: int
    rate: int
    limit: int


class RecordingTooLarge(TooLarge):
    """A recording in the bucket has more bytes than the service accepts."""

    code = "upload_too_large"
    message = "the recording is too large"
    value = "{size} bytes"
    expected = "at most {limit} bytes"
    size: int
    limit: int


class RecordingMissing(InvalidField):
    """The recording was deleted or overwritten after it was announced."""

    code = "recording_missing"
    message = "there is no such version of the recording"
    expected = "a recording that stays"


class NoDeadLetters(InvalidField):
    """The queue has no dead-letter queue."""

    code = "no_dead_letters"
    message = "has no dead letters"
    field = "WHISPER_QUEUE_URL"
    expected = "the URL of a queue with a redrive policy"


class BadGateData(InvalidField):
    """The release gate cannot use its manifest, a golden recording or a report."""

    code = "bad_gate_data"
    field: str
    message: str
    expected: str
    value: str = ""


class OutputNotWritable(InvalidField):
    """The command line cannot write a transcript where it is told to."""

    code = "output_not_writable"
    message = "no transcript can be written there ({reason})"
    field = "--output"
    value = "{path}"
    expected = "a folder to write to"
    path: str
    reason: str


class MisplacedOption(InvalidField):
    """An option of `jobs` that its action would ignore."""

    code = "misplaced_option"
    message = "not an option of `jobs {action}`"
    expected = "{known}"
    field: str
    action: str
    known: Sequence[str]


class DuplicateOutput(InvalidField):
    """Two recordings on the command line would have the same transcript file."""

    code = "duplicate_output"
    message = "two recordings would write the same transcript"
    field = "FILE"
    value = "{name}"
    expected = "recordings with different names"
    name: str
