"""The account of all recordings: what each version of each of them became."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.batch.events import Upload
from service.batch.results import Places

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

LOST = "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One version of one recording: its outcome, and how often a result of it was written."""

    key: str
    version: str
    outcome: str
    results: int


def reconcile(s3: "S3Client", *, recordings: str, transcripts: str) -> list[Account]:
    """What became of everything that was uploaded, oldest first.

    A result's own versions are counted: one that was written again has two, even where the second is like the first.
    """
    written: dict[str, int] = {}
    for entry in _versions(s3, transcripts):
        written[entry["Key"]] = written.get(entry["Key"], 0) + 1
    # An event that names no version leaves the entity tag to tell uploads apart: the same content is the same call.
    uploads: dict[tuple[str, str], Mapping[str, str]] = {}
    for entry in sorted(_versions(s3, recordings), key=lambda entry: entry["LastModified"]):
        uploads.setdefault((entry["Key"], entry["ETag"]), entry)
    return [_account(s3, transcripts, written, entry) for entry in uploads.values()]


def _account(s3: "S3Client", bucket: str, written: Mapping[str, int], entry: Mapping[str, str]) -> Account:
    results = 0
    outcome = LOST
    for version in (entry["VersionId"], entry["ETag"].strip('"')):
        places = Places(Upload(bucket="", key=entry["Key"], version_id=version))
        for place in (places.transcript, places.failure):
            if count := written.get(place, 0):
                results += count
                outcome = "transcript"
                if place == places.failure:
                    failure = json.loads(s3.get_object(Bucket=bucket, Key=place)["Body"].read())
                    outcome = f"failed: {failure['error']['code']}"
    return Account(key=entry["Key"], version=entry["ETag"].strip('"'), outcome=outcome, results=results)


def _versions(s3: "S3Client", bucket: str) -> Iterator[Mapping[str, str]]:
    pages = s3.get_paginator("list_object_versions").paginate(Bucket=bucket)
    return (entry for page in pages for entry in page.get("Versions", ()))  # type: ignore[misc]
