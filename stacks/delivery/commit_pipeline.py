from aws_cdk import Duration
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_sns as sns
from constructs import Construct

from stacks.delivery.delivery_pipeline import X86_64, DeliveryPipeline, assume
from stacks.delivery.pipeline_source import PipelineSource
from stacks.environments import CommitPlan, Environment, Processor
from stacks.shared.acknowledge import acknowledge_wildcards
from stacks.shared.bootstrap import bootstrap_roles
from stacks.shared.images import Images

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
        topic: sns.ITopic,
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
        # The tests also build and run the image, in containers of their own instead of Docker's.
        self.test = self.project("Test", ".ci/run", timeout=Duration.hours(1), privileged=True)
        self.build = self.project(
            "Build",
            f"IMAGE_DIGEST=$(python -m delivery build {name} $CODEBUILD_RESOLVED_SOURCE_VERSION)",
            "export IMAGE_DIGEST",
            timeout=Duration.hours(1),
            # Built on the processor that it runs on: emulation is many times slower.
            on=ARM64 if environment.processor is Processor.ARM64 else X86_64,
            privileged=True,
            exports=["IMAGE_DIGEST"],
            variables={f"REPOSITORY_{name.upper()}": images.uri},
        )
        images.repository.grant_pull_push(self.build)
        images.repository.grant(self.build, "ecr:DescribeImages")
        acknowledge_wildcards(self.build, resources=["*"], reason="AWS grants registry login on all resources only")
        step = f"python -m delivery deploy {name} $CODEBUILD_RESOLVED_SOURCE_VERSION $IMAGE_DIGEST"
        self.deploy = self.project("Deploy", step, timeout=Duration.hours(1))
        self.deploy.add_to_role_policy(assume(*bootstrap_roles(self)))
        built = self.action("Build", self.build, namespace="Built")
        self.pipeline.add_stage(stage_name="Test", actions=[self.action("Test", self.test)])
        self.pipeline.add_stage(stage_name="Build", actions=[built])
        self.pipeline.add_stage(
            stage_name="Deploy",
            actions=[self.action("Deploy", self.deploy, IMAGE_DIGEST=built.variable("IMAGE_DIGEST"))],
        )
        source.start_on_commits(self.pipeline)
        source.admit(self.pipeline, cloning=[])
