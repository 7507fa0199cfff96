from collections.abc import Iterator

import pytest
from mypy_boto3_s3 import S3Client

from local import emulator
from local.results import count_writes, transcripts
from tests.emulated import session

BUCKET = "transcripts"


@pytest.fixture
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Client]:
    """S3 with a bucket that keeps versions and holds the results of three recordings."""
    folder = tmp_path_factory.mktemp("emulator")
    try:
        running = emulator.start(folder)
        client = session(running, region="us-east-1").client("s3", endpoint_url=running.url)
        client.create_bucket(Bucket=BUCKET)
        client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        for key in (
            "transcripts/call 1+é.wav/v1.json",
            "transcripts/call 1+é.wav/v1.txt",
            "transcripts/call 1+é.wav/latest.json",
            "transcripts/other.wav/v1.json",
            "failed/poison.wav/v1.json",
            "running/lost.wav/v1.json",
        ):
            client.put_object(Bucket=BUCKET, Key=key, Body=b"{}")
        yield client
    finally:
        emulator.stop(folder)


def test_result_that_is_written_again_counts_twice(s3: S3Client) -> None:
    """A duplicate shows even if it is equal; pointers, renderings and progress are no results."""
    assert count_writes(s3, BUCKET) == 3
    s3.put_object(Bucket=BUCKET, Key="transcripts/other.wav/v1.json", Body=b"{}")
    s3.put_object(Bucket=BUCKET, Key="transcripts/call 1+é.wav/latest.json", Body=b"{}")
    assert count_writes(s3, BUCKET) == 4


def test_transcripts_are_listed_by_the_keys_of_their_recordings(s3: S3Client) -> None:
    """One entry for each version of each recording."""
    assert len(list(transcripts(s3, BUCKET))) == 2
    assert [entry["Key"] for entry in transcripts(s3, BUCKET, recordings="call 1")] == [
        "transcripts/call 1+é.wav/v1.json"
    ]
