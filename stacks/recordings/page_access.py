"""The page's access to the buckets: a browser asks S3 whether another origin may send to it and read from it."""

from aws_cdk import aws_s3 as s3
from constructs import Construct

from service.contract import REQUEST_ID_METADATA, TRACE_METADATA
from stacks.environments import Environment
from stacks.shared.handover import published

# The headers of an upload's link: S3 compares some with the content, and keeps others as its metadata.
UPLOAD_HEADERS = (
    *("content-type", "if-none-match", "x-amz-checksum-sha256"),
    *(f"x-amz-meta-{name}" for name in (REQUEST_ID_METADATA, TRACE_METADATA)),
)
DAY_SECONDS = 86_400


def admit_page(scope: Construct, *, recordings: s3.Bucket, transcripts: s3.Bucket, environment: Environment) -> None:
    """Let the API's own page put recordings and read results, by the links that it is given; no other page."""
    if not environment.api_settings.page_jobs:
        return
    zone = published(scope, path=environment.parameter("hosted-zone-name"))
    origin = f"https://{environment.api.subdomain}.{zone}"
    recordings.add_cors_rule(
        allowed_methods=[s3.HttpMethods.PUT],
        allowed_origins=[origin],
        allowed_headers=list(UPLOAD_HEADERS),
        max_age=DAY_SECONDS,
    )
    transcripts.add_cors_rule(allowed_methods=[s3.HttpMethods.GET], allowed_origins=[origin], max_age=DAY_SECONDS)
