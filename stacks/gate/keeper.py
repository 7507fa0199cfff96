from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from stacks.shared.acknowledge import acknowledge_wildcards


class Keeper(iam.Role):
    """A role for the people who keep the golden recordings: they change these, and may let go of the last report.

    Args:
        principal_arn: who may take it.
        golden: prefix of the recordings in the bucket.
        latest: key of the report that the next release is compared with.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, principal_arn: str, bucket: s3.IBucket, golden: str, latest: str
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            assumed_by=iam.ArnPrincipal(principal_arn),
            description="Keeps the golden recordings",
            max_session_duration=Duration.hours(1),
        )
        recordings, last = bucket.arn_for_objects(f"{golden}/*"), bucket.arn_for_objects(latest)
        every = bucket.arn_for_objects("*")
        for actions, resources in (
            (("s3:ListBucket",), [bucket.bucket_arn]),
            (("s3:GetObject",), [every]),
            (("s3:PutObject", "s3:DeleteObject"), [recordings]),
            (("s3:DeleteObject",), [last]),
        ):
            self.add_to_policy(iam.PolicyStatement(actions=list(actions), resources=resources))
        acknowledge_wildcards(self, resources=[recordings, every], reason="recordings and reports have arbitrary keys")
