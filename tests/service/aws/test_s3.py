"""The adapter to S3, against an emulator."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from mypy_boto3_s3 import S3Client

from local import emulator
from service.aws.s3 import download
from service.engine import model
from service.engine.lock import describe
from service.errors import ModelError
from tests.standin import MODEL


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Client]:
    """A client of an emulated S3, which the service finds as it finds AWS: through its environment variables."""
    folder = tmp_path_factory.mktemp("cloud")
    try:
        running = emulator.start(folder)
        with pytest.MonkeyPatch.context() as patch:
            for name, value in (running.environ() | {"AWS_DEFAULT_REGION": "eu-west-1"}).items():
                patch.setenv(name, value)
            client = boto3.client("s3")
            client.create_bucket(Bucket="models", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
            client.put_object(Bucket="models", Key="demo/")
            for path in MODEL.iterdir():
                client.upload_file(str(path), "models", f"demo/{path.name}")
            client.put_object(Bucket="models", Key="demo/older/model.bin", Body=b"not this one")
            client.put_object(Bucket="models", Key="demo-2/model.bin", Body=b"nor this one")
            yield client
    finally:
        emulator.stop(folder)


@pytest.fixture(autouse=True)
def _scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Downloads go to the test's own folder."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


@pytest.mark.usefixtures("s3")
def test_model_is_downloaded_from_s3_unchanged() -> None:
    """Every file directly under the prefix is copied, but none of its subfolders or of prefixes that start alike."""
    assert describe(model.find("s3://models/demo", download=download).folder) == describe(MODEL)


def test_model_in_s3_that_is_incomplete_is_refused(s3: S3Client) -> None:
    """An incomplete upload must not become a model."""
    s3.put_object(Bucket="models", Key="half/config.json", Body=b"{}")
    with pytest.raises(
        ModelError, match=r"the folder lacks model\.bin, tokenizer\.json, .* \(got 's3://models/half/'\)"
    ):
        model.find("s3://models/half/", download=download)


@pytest.mark.usefixtures("s3")
@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("s3://models", "unknown_model"),
        ("s3:///demo", "unknown_model"),
        ("s3://models/absent", "unknown_model"),
        ("s3://no-such-bucket/demo", "model_unreachable"),
        ("s3://not a bucket/demo", "model_unreachable"),
    ],
)
def test_url_without_a_model_is_refused(tmp_path: Path, url: str, code: str) -> None:
    """The error names the URL and its expected form."""
    with pytest.raises(ModelError, match=r"expected s3://BUCKET/PREFIX") as refusal:
        download(url, tmp_path)
    assert (refusal.value.code, refusal.value.value) == (code, url)
    assert not list(tmp_path.iterdir())
