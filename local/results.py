"""The results in the transcripts bucket, counted from outside: the service's own bookkeeping is not asked."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from service.settings import CANARY_FOLDER

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def transcripts(s3: "S3Client", bucket: str, *, recordings: str = "") -> Iterator[dict[str, Any]]:
    """S3's entry for each transcript, of the recordings whose keys begin with `recordings`."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"transcripts/{recordings}")
    return (dict(entry) for page in pages for entry in page.get("Contents", ()) if _is_result(entry["Key"]))


def count_writes(s3: "S3Client", bucket: str) -> int:
    """How many transcripts and failures of recordings were ever written; one that was written twice counts twice.

    As in the service's bookkeeping, golden calls are none.

    The bucket keeps versions, so that a second write shows even if its content is the first one's.
    """
    pages = s3.get_paginator("list_object_versions").paginate(Bucket=bucket)
    keys = (entry["Key"] for page in pages for entry in page.get("Versions", ()))
    counted = (key for key in keys if key.startswith(("transcripts/", "failed/")) and _is_result(key))
    return sum(CANARY_FOLDER not in key for key in counted)


def count_transcribed(tally: Mapping[str, int]) -> int:
    """The transcripts in a tally of `jobs reconcile`, complete or not."""
    return sum(tally[state] for state in ("done", "partial", "unheard"))


def _is_result(key: str) -> bool:
    """Neither a rendering nor the pointer that all versions of a recording share."""
    return key.endswith(".json") and not key.endswith("/latest.json")
