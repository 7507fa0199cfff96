from aws_cdk import Duration
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from stacks.environments import Retention
from stacks.shared.removal import removal

# A recorder sends a long call in parts, and may give up.
UPLOADING = ("s3:PutObject", "s3:AbortMultipartUpload")


class PrivateBucket(s3.Bucket):
    """A bucket that is private, encrypted, versioned and TLS-only, whose objects age out.

    Args:
        expire_days: the last day after its upload on which any version of an object can be read; None keeps objects.
        old_version_days: how many days overwritten and deleted versions can be read if objects are kept.
        retain: keep the bucket when its stack is deleted; otherwise it is deleted, too, provided that it is empty.
        access_logs: bucket for its access logs, under the construct id as prefix.
        key: encrypts its objects; None for S3's own keys, the only ones with which S3 delivers access logs.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        expire_days: int | None,
        old_version_days: int = 1,
        retain: bool,
        access_logs: s3.IBucket | None = None,
        key: kms.IKey | None = None,
    ) -> None:
        periods = Retention.within(expire_days) if expire_days else None
        super().__init__(
            scope,
            construct_id,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            encryption=s3.BucketEncryption.KMS if key else s3.BucketEncryption.S3_MANAGED,
            encryption_key=key,
            # Otherwise every request for an object is a billed request to the key.
            bucket_key_enabled=True if key else None,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            versioned=True,
            server_access_logs_bucket=access_logs,
            server_access_logs_prefix=f"{construct_id.lower()}/" if access_logs else None,
            lifecycle_rules=[
                s3.LifecycleRule(
                    expiration=Duration.days(periods.current) if periods else None,
                    noncurrent_version_expiration=Duration.days(periods.old if periods else old_version_days),
                    abort_incomplete_multipart_upload_after=Duration.days(1),
                )
            ],
            removal_policy=removal(retain=retain),
        )
