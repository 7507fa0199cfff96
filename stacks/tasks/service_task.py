from collections.abc import Sequence
from dataclasses import replace

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from service.settings import Settings
from stacks.environments import Environment, TaskSize, TracePlan
from stacks.shared.acknowledge import acknowledge, acknowledge_wildcards
from stacks.shared.encryption import customer_key
from stacks.shared.images import Images
from stacks.tasks.image_digest import ImageDigest

# An unprivileged user: the service's files are world-readable, and it writes to /tmp only.
NOBODY = "65534:65534"
# The verbs that send traces.
TRACED = ("api", "worker")


class ServiceTask(ecs.FargateTaskDefinition):
    """A task of one container that runs a verb of the service: unprivileged user, read-only root, no capabilities.

    Its size is the environment's, unless another `size` is given.
    """

    def __init__(  # noqa: PLR0913 -- a task definition has as many parts
        self,
        scope: Construct,
        construct_id: str,
        *,
        verb: str,
        options: Sequence[str] = (),
        settings: Settings,
        environment: Environment,
        images: Images,
        digest: ImageDigest,
        health_check: ecs.HealthCheck | None = None,
        size: TaskSize | None = None,
    ) -> None:
        size = size or environment.task_size
        super().__init__(
            scope,
            construct_id,
            cpu=size.cpu,
            memory_limit_mib=size.memory_mib,
            runtime_platform=ecs.RuntimePlatform(
                cpu_architecture=ecs.CpuArchitecture.of(environment.processor),
                operating_system_family=ecs.OperatingSystemFamily.LINUX,
            ),
            # Fargate has no tmpfs: the writable /tmp is a volume, with owner and mode of the image's /tmp.
            volumes=[ecs.Volume(name="tmp")],
        )
        self.settings = settings
        self.traces = environment.traces if verb in TRACED else TracePlan()
        self.log_group = logs.LogGroup(
            self,
            "Logs",
            retention=environment.log_retention,
            encryption_key=customer_key(self, environment=environment),
            removal_policy=RemovalPolicy.DESTROY,
        )
        linux = ecs.LinuxParameters(self, "Linux", init_process_enabled=True)
        linux.drop_capabilities(ecs.Capability.ALL)
        # `from_ecr_repository` would take the digest, a token at synth, for a tag.
        image = ecs.ContainerImage.from_registry(f"{images.uri}@{digest.value_as_string}")
        images.grant_pull(self.obtain_execution_role())
        acknowledge_wildcards(
            self.obtain_execution_role(), resources=["*"], reason="AWS grants registry login on all resources only"
        )
        acknowledge(self, rule="ECS2", reason="the settings contain no secrets; API keys come from Secrets Manager")
        self.container = self.add_container(
            "Service",
            image=image,
            command=[verb, *options],
            environment=replace(settings, image=digest.value_as_string).to_environ() | self.traces.environ,
            health_check=health_check,
            user=NOBODY,
            # The agent of ECS Exec writes to the root file system.
            readonly_root_filesystem=not environment.ecs_exec,
            linux_parameters=linux,
            stop_timeout=Duration.seconds(settings.stop_timeout_seconds),
            logging=ecs.LogDrivers.aws_logs(
                stream_prefix=verb,
                log_group=self.log_group,
                # A log line that cannot be delivered must not block transcription.
                mode=ecs.AwsLogDriverMode.NON_BLOCKING,
            ),
        )
        self.container.add_mount_points(ecs.MountPoint(container_path="/tmp", source_volume="tmp", read_only=False))  # noqa: S108 -- the mount itself

    def may(self, *actions: str, on: Sequence[str]) -> None:
        """Allow the service actions on resources."""
        self.add_to_task_role_policy(iam.PolicyStatement(actions=list(actions), resources=list(on)))
