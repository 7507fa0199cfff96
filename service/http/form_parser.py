"""Starlette's parser of multipart forms, which holds no more text than a limit: a part may have a megabyte, and a form many parts."""

from contextlib import aclosing

from starlette.datastructures import FormData
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from service.errors import BadForm

MULTIPART = "multipart/form-data"
# Of all fields together, their names included: far more than the model reads of any prompt.
MAX_TEXT_BYTES = 262_144


class FormParser(MultiPartParser):
    """Keeps the content of files on the disk, and that of all other parts together within the limit."""

    _text_bytes = 0

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        """Take a piece of a part's header, such as its name."""
        self._count(end - start)
        super().on_header_value(data, start, end)

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        """Take a piece of a part's content."""
        if self._current_part.file is None:
            self._count(end - start)
        super().on_part_data(data, start, end)

    def _count(self, further: int) -> None:
        self._text_bytes += further
        if self._text_bytes > MAX_TEXT_BYTES:
            raise MultiPartException(f"The fields have more than {MAX_TEXT_BYTES} bytes.")


async def parse(request: Request, *, recording: str, max_values: int) -> FormData:
    """The form in a request; an empty one if it has no body.

    Args:
        request: with the form as its body.
        recording: the name of the file field, for errors.
        max_values: of fields other than files.

    Raises:
        BadForm: the form cannot be read, or is in another format, which has no files: it is then left unread.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not media_type:
        return FormData()
    if media_type != MULTIPART:
        raise BadForm(reason=media_type, recording=recording)
    try:
        async with aclosing(request.stream()) as stream:
            return await FormParser(request.headers, stream, max_files=1, max_fields=max_values).parse()
    except MultiPartException as error:
        raise BadForm(reason=error.message, recording=recording) from error
