from aws_cdk import Duration
from aws_cdk import aws_s3 as s3
from constructs import Construct

from stacks.environments import Retention
from stacks.shared.removal import removal


class PrivateBucket(s3.Bucket):
    """A bucket that is private, encrypted, versioned and TLS-only, whose objects age out.

    Args:
        expire_days: the last day after its upload on which any version of an object can be read; None keeps objects.
        old_version_days: how many days overwritten and deleted versions can be read if objects are kept.
        retain: keep the bucket when its stack is deleted; otherwise it is deleted, too, provided that it is empty.
        access_logs: bucket for its access logs, under the construct id as prefix.
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
    ) -> None:
        periods = Retention.within(expire_days) if expire_days else None
        super().__init__(
            scope,
            construct_id,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            encryption=s3.BucketEncryption.S3_MANAGED,
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
