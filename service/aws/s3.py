from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import urlsplit

import boto3
from boto3.exceptions import Boto3Error
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from service.aws.faults import CLIENT_CONFIG, CONDITION_FAILED, Refused, faults
from service.batch.events import Upload
from service.contract import S3_SCHEME
from service.errors import BadModelUrl, ModelBucketUnreachable, NothingAtModelUrl, RecordingMissing, RecordingTooLarge

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import GetObjectOutputTypeDef, ObjectVersionTypeDef

CHUNK_BYTES = 1 << 20
# By default a link would name the global endpoint, which redirects while a bucket is new, and sign none of the headers.
LINKS = Config(signature_version="s3v4", s3={"addressing_style": "virtual"})


class Bucket:
    """A bucket of S3. Every method raises `RetryLater` if S3 is unreachable, fails or denies the request."""

    def __init__(self, name: str) -> None:
        self._name = name
        with faults("bucket"):
            self._client = boto3.client("s3", config=CLIENT_CONFIG)

    def download(
        self, key: str, *, version_id: str, etag: str, to: BinaryIO, limit: int, progress: Callable[[], None]
    ) -> Mapping[str, str]:
        """Copy one version of an object into a file: the one with that id or, without an id, with that entity tag.

        Returns:
            Its metadata.

        Raises:
            RecordingMissing: that version does not exist.
            RecordingTooLarge: it has more than `limit` bytes.
        """
        answer = self._open(key, version_id, etag)
        if (size := answer["ContentLength"]) > limit:
            raise RecordingTooLarge(size=size, limit=limit)
        with faults("recording"):
            # A connection that is cut raises: the client compares the bytes with the announced length.
            for chunk in answer["Body"].iter_chunks(CHUNK_BYTES):
                to.write(chunk)
                progress()
        to.flush()
        return answer["Metadata"]

    def read(self, key: str) -> tuple[bytes, str] | None:
        """An object's content and its entity tag; None if there is no such object."""
        try:
            with faults("results"):
                answer = self._client.get_object(Bucket=self._name, Key=key)
                return answer["Body"].read(), answer["ETag"]
        except Refused:
            return None

    def write(self, key: str, body: bytes, *, content_type: str, over: str = "") -> bool:
        """Create an object, or replace the one with the entity tag `over`; False if another writer was first."""
        put = partial(self._client.put_object, Bucket=self._name, Key=key, Body=body, ContentType=content_type)
        try:
            with faults("results"):
                put(IfMatch=over) if over else put(IfNoneMatch="*")
        except Refused:
            return False
        return True

    def put(self, key: str, body: bytes, *, content_type: str) -> None:
        """Write an object unconditionally."""
        with faults("results"):
            self._client.put_object(Bucket=self._name, Key=key, Body=body, ContentType=content_type)

    def delete(self, key: str) -> None:
        """Delete an object, if it exists."""
        with faults("results"):
            self._client.delete_object(Bucket=self._name, Key=key)

    def keys(self, prefix: str, *, after: str = "") -> Iterator[tuple[str, datetime]]:
        """The keys that start with `prefix` and sort after `after`, in order, each with its time of writing."""
        with faults("results"):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._name, Prefix=prefix, StartAfter=after
            )
            for entry in (entry for page in pages for entry in page.get("Contents", ())):
                yield entry["Key"], entry["LastModified"]

    def versions(self, prefix: str) -> Iterator[Upload]:
        """Every version of every object whose key starts with `prefix`, in the order of their keys."""
        with faults("recordings"):
            pages = self._client.get_paginator("list_object_versions").paginate(Bucket=self._name, Prefix=prefix)
            for entry in (entry for page in pages for entry in page.get("Versions", ())):
                yield self._upload(entry)

    def current(self, key: str) -> Upload | None:
        """The newest version of an object; None if there is none, or if it was deleted."""
        with faults("recordings"):
            pages = self._client.get_paginator("list_object_versions").paginate(Bucket=self._name, Prefix=key)
            # Keys come in order, so that the key itself comes before longer ones.
            for entry in (entry for page in pages for entry in page.get("Versions", ())):
                if entry["Key"] != key or entry["IsLatest"]:
                    return self._upload(entry) if entry["Key"] == key else None
        return None

    def erase(self, prefix: str) -> None:
        """Delete every version of every object whose key starts with `prefix`, beyond recall."""
        with faults("recordings"):
            pages = self._client.get_paginator("list_object_versions").paginate(Bucket=self._name, Prefix=prefix)
            for page in pages:
                versions = [(entry["Key"], entry["VersionId"]) for entry in page.get("Versions", ())]
                versions += [(entry["Key"], entry["VersionId"]) for entry in page.get("DeleteMarkers", ())]
                for key, version_id in versions:
                    self._client.delete_object(Bucket=self._name, Key=key, VersionId=version_id)

    def upload_link(
        self, key: str, *, sha256: bytes, size: int, seconds: int, metadata: Mapping[str, str]
    ) -> tuple[str, dict[str, str]]:
        """A link to put one object with, and the headers that the request must have: S3 takes this content only, once."""
        digest = b64encode(sha256).decode()
        content = {"ContentLength": size, "ChecksumSHA256": digest, "IfNoneMatch": "*", "Metadata": metadata}
        link = self._links.generate_presigned_url(
            "put_object", Params={"Bucket": self._name, "Key": key, **content}, ExpiresIn=seconds
        )
        headers = {"content-length": str(size), "x-amz-checksum-sha256": digest, "if-none-match": "*"}
        return link, headers | {f"x-amz-meta-{name}": value for name, value in metadata.items()}

    def download_link(self, key: str, *, seconds: int) -> str:
        """A link to read an object with."""
        params = {"Bucket": self._name, "Key": key}
        return self._links.generate_presigned_url("get_object", Params=params, ExpiresIn=seconds)

    @cached_property
    def origin(self) -> str:
        """The scheme and the host of every link; no credentials are needed to know them."""
        unsigned = boto3.client("s3", config=LINKS.merge(Config(signature_version=UNSIGNED)))
        link = urlsplit(unsigned.generate_presigned_url("get_object", Params={"Bucket": self._name, "Key": "-"}))
        return f"{link.scheme}://{link.netloc}"

    @cached_property
    def _links(self) -> "S3Client":
        """A client that signs links; it sends nothing."""
        return boto3.client("s3", config=LINKS)

    def _upload(self, entry: "ObjectVersionTypeDef") -> Upload:
        return Upload(
            bucket=self._name,
            key=entry["Key"],
            version_id="" if entry["VersionId"] == "null" else entry["VersionId"],
            etag=entry["ETag"].strip('"'),
            size=entry["Size"],
            time=entry["LastModified"].strftime("%Y-%m-%dT%H:%M:%SZ"),
        )

    def _open(self, key: str, version_id: str, etag: str) -> "GetObjectOutputTypeDef":
        try:
            with faults("recording"):
                if version_id:
                    return self._client.get_object(Bucket=self._name, Key=key, VersionId=version_id)
                return self._client.get_object(Bucket=self._name, Key=key, IfMatch=f'"{etag}"')
        except Refused as refusal:
            if refusal.code in CONDITION_FAILED and (older := self._version_of(key, etag)):
                return self._open(key, older, etag)
            raise RecordingMissing from refusal

    def _version_of(self, key: str, etag: str) -> str | None:
        with faults("recording"):
            pages = self._client.get_paginator("list_object_versions").paginate(Bucket=self._name, Prefix=key)
            for entry in (entry for page in pages for entry in page.get("Versions", ())):
                if entry["Key"] == key and entry["ETag"].strip('"') == etag:
                    return str(entry["VersionId"])
        return None


def locate(url: str) -> tuple[Bucket, str]:
    """The bucket and the key of `s3://BUCKET/KEY`."""
    bucket, _, key = url.removeprefix(S3_SCHEME).partition("/")
    return Bucket(bucket), key


def download(url: str, folder: Path) -> None:
    """Copy the objects directly under `s3://BUCKET/PREFIX` into a folder; the last part of the key names the file.

    Raises:
        ModelError: the URL lacks a bucket or a prefix, the folder is empty, or S3 does not serve it.
    """
    bucket, prefix = urlsplit(url).netloc, urlsplit(url).path.strip("/")
    if not bucket or not prefix:
        raise BadModelUrl(url=url)
    found = False
    try:
        client = boto3.client("s3")
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{prefix}/", Delimiter="/")
        for key in (entry["Key"] for page in pages for entry in page.get("Contents", ())):
            # The console creates an empty object with a trailing slash for each folder.
            if not key.endswith("/"):
                client.download_file(bucket, key, str(folder / key.rpartition("/")[2]))
                found = True
    except (Boto3Error, BotoCoreError, ClientError) as error:
        raise ModelBucketUnreachable(url=url) from error
    if not found:
        raise NothingAtModelUrl(url=url)
