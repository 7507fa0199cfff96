from dataclasses import replace

from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_efs as efs
from aws_cdk import aws_iam as iam
from constructs import Construct

from service.settings import Settings
from stacks.network.task_network import TaskNetwork
from stacks.shared.removal import removal
from stacks.tasks.service_task import ServiceTask

# The folder that holds the models, on the file system and in a task.
FOLDER = "/models"


class ModelFileSystem(Construct):
    """A file system with a folder for each model: encrypted at rest and in transit, mounted read-only."""

    def __init__(self, scope: Construct, construct_id: str, *, network: TaskNetwork, retain: bool) -> None:
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
            removal_policy=removal(retain=retain),
            # Any policy makes EFS ask for an IAM permission. The library's default policy would let every client that
            # reaches a mount target write.
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
        """The settings with the model's folder in the mounted file system."""
        return replace(settings, model=f"{FOLDER}/{settings.model}")

    def serve(self, task: ServiceTask, *, service: ec2.IConnectable) -> None:
        """Mount the models through the access point, authorized by the task role."""
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
