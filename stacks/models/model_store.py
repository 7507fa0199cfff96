"""Where tasks find the model: what each choice of `Weights` makes, and what a task needs to reach it."""

from dataclasses import replace
from typing import Protocol

from aws_cdk import RemovalPolicy
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_efs as efs
from aws_cdk import aws_iam as iam
from constructs import Construct

from service.settings import Settings
from stacks.network.private_network import PrivateNetwork
from stacks.shared.acknowledge import acknowledge, acknowledge_wildcards
from stacks.shared.private_bucket import PrivateBucket
from stacks.tasks.service_task import ServiceTask

FOLDER = "/models"
# Nobody asks for an older model's files once a newer one serves.
OLD_VERSION_DAYS = 90


class ModelStore(Protocol):
    """What a stack with tasks needs to know of the choice."""

    def locate(self, settings: Settings) -> Settings:
        """The settings of a task, with the model under the address that it has there."""
        ...

    def serve(self, task: ServiceTask, *, service: ec2.IConnectable) -> None:
        """Let the tasks of a service read the model, and nothing else of the store."""
        ...


class InImage:
    """The model came with the image: nothing to find, nothing to allow."""

    def locate(self, settings: Settings) -> Settings:
        """The settings as they are."""
        return settings

    def serve(self, task: ServiceTask, *, service: ec2.IConnectable) -> None:
        """Nothing to do."""


class ModelBucket(Construct):
    """A bucket with a folder per model; a task copies its own as it starts."""

    def __init__(self, scope: Construct, construct_id: str, *, retain: bool) -> None:
        super().__init__(scope, construct_id)
        self.bucket = PrivateBucket(self, "Bucket", expire_days=None, old_version_days=OLD_VERSION_DAYS, retain=retain)
        acknowledge(self.bucket, rule="S1", reason="models are nobody's data, and tasks read them at every start")

    def locate(self, settings: Settings) -> Settings:
        """The model as a place in the bucket."""
        return replace(settings, model=f"s3://{self.bucket.bucket_name}/{settings.model}")

    def serve(self, task: ServiceTask, *, service: ec2.IConnectable) -> None:  # noqa: ARG002 -- S3 needs no firewall rule
        """Let the task list and read the folder of its model."""
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


class ModelFileSystem(Construct):
    """A file system with a folder per model, encrypted on disk and on the wire, which tasks mount read-only."""

    def __init__(self, scope: Construct, construct_id: str, *, network: PrivateNetwork, retain: bool) -> None:
        super().__init__(scope, construct_id)
        group = ec2.SecurityGroup(self, "Firewall", vpc=network.vpc, allow_all_outbound=False)
        self.file_system = efs.FileSystem(
            self,
            "FileSystem",
            vpc=network.vpc,
            vpc_subnets=network.task_subnets,
            security_group=group,
            encrypted=True,
            throughput_mode=efs.ThroughputMode.ELASTIC,
            removal_policy=RemovalPolicy.RETAIN if retain else RemovalPolicy.DESTROY,
            # A policy of its own keeps strangers out; the library's would let everybody write who may mount.
            allow_anonymous_access=True,
            file_system_policy=iam.PolicyDocument(statements=[_refuse_plain_text()]),
        )
        owner = "65534"
        self.access_point = self.file_system.add_access_point(
            "Models",
            path=FOLDER,
            create_acl=efs.Acl(owner_uid=owner, owner_gid=owner, permissions="755"),
            posix_user=efs.PosixUser(uid=owner, gid=owner),
        )

    def locate(self, settings: Settings) -> Settings:
        """The model as a folder of the mount."""
        return replace(settings, model=f"{FOLDER}/{settings.model}")

    def serve(self, task: ServiceTask, *, service: ec2.IConnectable) -> None:
        """Mount the models, through the access point and with the task's own role."""
        task.add_volume(
            name="models",
            efs_volume_configuration=ecs.EfsVolumeConfiguration(
                file_system_id=self.file_system.file_system_id,
                transit_encryption="ENABLED",
                authorization_config=ecs.AuthorizationConfig(
                    access_point_id=self.access_point.access_point_id, iam="ENABLED"
                ),
            ),
        )
        task.container.add_mount_points(ecs.MountPoint(container_path=FOLDER, source_volume="models", read_only=True))
        task.add_to_task_role_policy(
            iam.PolicyStatement(
                actions=["elasticfilesystem:ClientMount"],
                resources=[self.file_system.file_system_arn],
                conditions={"StringEquals": {"elasticfilesystem:AccessPointArn": self.access_point.access_point_arn}},
            )
        )
        service.connections.allow_to_default_port(self.file_system)


def _refuse_plain_text() -> iam.PolicyStatement:
    return iam.PolicyStatement(
        effect=iam.Effect.DENY,
        principals=[iam.AnyPrincipal()],
        actions=[f"elasticfilesystem:Client{verb}" for verb in ("Mount", "Write", "RootAccess")],
        conditions={"Bool": {"aws:SecureTransport": "false"}},
    )
