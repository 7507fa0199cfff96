from dataclasses import replace

from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from constructs import Construct

from service.settings import Settings
from stacks.shared.acknowledge import acknowledge, acknowledge_wildcards
from stacks.shared.private_bucket import PrivateBucket
from stacks.tasks.service_task import ServiceTask

# Time to go back to the files of a model that was overwritten or deleted.
OLD_VERSION_DAYS = 90


class ModelBucket(Construct):
    """A bucket with a folder for each model. A task copies its model when it starts."""

    def __init__(self, scope: Construct, construct_id: str, *, retain: bool) -> None:
        super().__init__(scope, construct_id)
        self.bucket = PrivateBucket(self, "Bucket", expire_days=None, old_version_days=OLD_VERSION_DAYS, retain=retain)
        acknowledge(
            self.bucket, rule="S1", reason="models contain no customer data, and every task reads them when it starts"
        )

    def locate(self, settings: Settings) -> Settings:
        """The settings with the S3 URL of the model's folder."""
        return replace(settings, model=f"s3://{self.bucket.bucket_name}/{settings.model}")

    def serve(self, task: ServiceTask, *, service: ec2.IConnectable) -> None:  # noqa: ARG002 -- S3 needs no firewall rule
        """Let the tasks list and read the folder of their model."""
        folder = task.settings.model.rpartition("/")[2]
        files = self.bucket.arn_for_objects(f"{folder}/*")
        task.add_to_task_role_policy(iam.PolicyStatement(actions=["s3:GetObject"], resources=[files]))
        acknowledge_wildcards(task, resources=[files], reason="the files of the task's own model")
        task.add_to_task_role_policy(
            iam.PolicyStatement(
                actions=["s3:ListBucket"],
                resources=[self.bucket.bucket_arn],
                conditions={"StringEquals": {"s3:prefix": f"{folder}/"}},
            )
        )
