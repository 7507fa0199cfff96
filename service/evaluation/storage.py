"""Reads and writes the gate's data by path or by `s3://BUCKET/KEY`."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from service.contract import S3_SCHEME
from service.errors import BadGateData, RetryLater


class Bucket(Protocol):
    """What the gate needs of an S3 bucket."""

    def read(self, key: str) -> tuple[bytes, str] | None:
        """An object's content and entity tag, or None if it does not exist."""

    def put(self, key: str, body: bytes, *, content_type: str) -> None:
        """Write an object, replacing an existing one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """Files and S3 objects. Every method raises `BadGateData` for `field` if access fails.

    `locate` gives the bucket and the key of an S3 URL; it is called for such URLs only.
    """

    locate: Callable[[str], tuple[Bucket, str]]

    def read(self, location: str, *, field: str) -> bytes | None:
        """The content at a location, or None if nothing exists there."""
        with _refusing(field, "cannot be read"):
            if location.startswith(S3_SCHEME):
                bucket, key = self.locate(location)
                found = bucket.read(key)
                return found[0] if found else None
            return Path(location).read_bytes() if Path(location).exists() else None

    def write(self, location: str, content: bytes, *, field: str) -> None:
        """Write JSON to a location."""
        with _refusing(field, "cannot be written"):
            if location.startswith(S3_SCHEME):
                bucket, key = self.locate(location)
                bucket.put(key, content, content_type="application/json")
            else:
                Path(location).write_bytes(content)


def parse_json(content: bytes | None, *, location: str, field: str) -> Any:
    """The value that a JSON file holds; raises `BadGateData` if the file is missing or malformed."""
    try:
        return json.loads(content or b"")
    except ValueError:
        raise BadGateData(
            field=field, message="is missing or not JSON", value=location, expected="a JSON file, or s3://BUCKET/KEY"
        ) from None


def beside(location: str, name: str) -> str:
    """The location of a file in the same folder.

    >>> beside("s3://golden/set/manifest.json", "call.wav")
    's3://golden/set/call.wav'
    """
    folder = location.rpartition("/")[0] if location.startswith(S3_SCHEME) else str(Path(location).parent)
    return f"{folder}/{name}"


@contextmanager
def _refusing(field: str, message: str) -> Iterator[None]:
    try:
        yield
    # The error is logged: it gives the field, not the location, which may be the name of a recording.
    except (OSError, RetryLater) as error:
        reason = error.message if isinstance(error, RetryLater) else error.strerror
        raise BadGateData(
            field=field, message=f"{message}: {reason}", expected="an accessible file, or s3://BUCKET/KEY"
        ) from error
