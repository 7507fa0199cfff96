"""The one door to AWS: nothing else of the service knows boto3."""

from pathlib import Path
from urllib.parse import urlsplit

import boto3
from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError

from service.errors import ModelError

SCHEME = "s3://"


def download(url: str, *, to: Path) -> None:
    """Copy the objects directly under `s3://BUCKET/PREFIX` into a folder, by the last part of their keys.

    Raises:
        ModelError: the URL names no bucket or prefix, nothing is there, or S3 does not give it.
    """
    bucket, prefix = urlsplit(url).netloc, urlsplit(url).path.strip("/")
    if not bucket or not prefix:
        raise _error("no such place in S3", "unknown_model", url)
    found = False
    try:
        client = boto3.client("s3")
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{prefix}/", Delimiter="/")
        for key in (entry["Key"] for page in pages for entry in page.get("Contents", ())):
            # The console marks a folder with an object named like it.
            if not key.endswith("/"):
                client.download_file(bucket, key, str(to / key.rpartition("/")[2]))
                found = True
    except (Boto3Error, BotoCoreError, ClientError) as error:
        raise _error("the model cannot be downloaded", "model_unreachable", url) from error
    if not found:
        raise _error("nothing is there", "unknown_model", url)


def _error(message: str, code: str, url: str) -> ModelError:
    expected = "s3://BUCKET/PREFIX with a model's files, readable for this task"
    return ModelError(message, code=code, field="WHISPER_MODEL", value=url, expected=expected)
