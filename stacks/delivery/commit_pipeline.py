from aws_cdk import Duration
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_codepipeline as codepipeline
from constructs import Construct

from stacks.delivery.delivery_pipeline import ARTIFACT_DAYS, X86_64, DeliveryPipeline, Tools, role
from stacks.delivery.pipeline_source import PipelineSource
from stacks.delivery.proving import allow_proving
from stacks.delivery.rights import allow_building, allow_deploying, allow_reading
from stacks.environments import PROOF_SECONDS, CommitPlan, Environment, Processor
from stacks.environments.deployments import PIPELINE_SECONDS
from stacks.shared.acknowledge import S3_PUT, S3_READ, acknowledge, acknowledge_wildcards
from stacks.shared.alarm_topic import AlarmTopic
from stacks.shared.images import Images
from stacks.shared.private_bucket import PrivateBucket

ARM64 = codebuild.LinuxArmBuildImage.AMAZON_LINUX_2023_STANDARD_3_0


class CommitPipeline(DeliveryPipeline):
    """Takes commits of a branch to the environment: test, build the image, deploy it by digest."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        plan: CommitPlan,
        images: Images,
        topic: AlarmTopic,
        environment: Environment,
    ) -> None:
        name = environment.name
        source = PipelineSource(
            scope,
            "Commits",
            kind=plan.source,
            branch=plan.branch,
            clone=False,
            parameter_path=environment.parameter,
        )
        super().__init__(
            scope,
            construct_id,
            source=source,
            # A newer commit replaces one that waits for a running deployment.
            mode=codepipeline.ExecutionMode.SUPERSEDED,
            topic=topic,
            environment=environment,
        )
        # A checker of types that starts cold takes 3.4 GB.
        medium = codebuild.ComputeType.MEDIUM
        self.test = self.project(
            "Test",
            # A zip file has no permissions. The image is built where its container engine is, after the tests.
            "bash .ci/run check test",
            timeout=Duration.hours(1),
            on=codebuild.BuildEnvironment(build_image=X86_64, compute_type=medium),
            tools=Tools.ALL,
            cache=self._cache(),
        )
        self.build = self.project(
            "Build",
            f"IMAGE_DIGEST=$(python -m delivery build {name} $CODEBUILD_RESOLVED_SOURCE_VERSION)",
            "export IMAGE_DIGEST",
            timeout=Duration.hours(1),
            on=codebuild.BuildEnvironment(
                # Built on the processor that it runs on: emulation is many times slower.
                build_image=ARM64 if environment.processor is Processor.ARM64 else X86_64,
                compute_type=medium,
                # A container engine needs it, and it is that of a commit which passed the tests.
                privileged=True,
            ),
            exports=["IMAGE_DIGEST"],
        )
        allow_reading(role(self.build), images=images, environment=environment)
        allow_building(self, role(self.build), plan=plan, images=images, environment=environment)
        step = f"python -m delivery deploy {name} $CODEBUILD_RESOLVED_SOURCE_VERSION $IMAGE_DIGEST"
        # A deployment may take an hour, and then its golden call is on its way.
        proven = Duration.seconds(PIPELINE_SECONDS + PROOF_SECONDS)
        self.deploy = self.project("Deploy", step, timeout=proven)
        allow_reading(role(self.deploy), images=images, environment=environment)
        allow_deploying(self, role(self.deploy), images=images)
        allow_proving(role(self.deploy), environment=environment)
        built = self.action("Build", self.build, namespace="Built")
        self.pipeline.add_stage(stage_name="Test", actions=[self.action("Test", self.test)])
        self.pipeline.add_stage(stage_name="Build", actions=[built])
        self.pipeline.add_stage(
            stage_name="Deploy",
            actions=[self.action("Deploy", self.deploy, IMAGE_DIGEST=built.variable("IMAGE_DIGEST"))],
        )
        source.start_on_commits(self.pipeline)
        source.admit(self.pipeline, cloning=[])

    def _cache(self) -> PrivateBucket:
        """A bucket for downloads of the tests: no project that may deploy reads what they wrote."""
        bucket = PrivateBucket(self, "Downloads", expire_days=ARTIFACT_DAYS, retain=False)
        acknowledge(bucket, rule="S1", reason="it contains packages that anyone can download")
        acknowledge_wildcards(
            self,
            actions=[*S3_READ, *S3_PUT, "s3:DeleteObject*"],
            resources=[bucket.arn_for_objects("*")],
            reason="CodeBuild chooses the keys of its caches",
        )
        return bucket
