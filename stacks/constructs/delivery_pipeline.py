from aws_cdk import ArnFormat, Aws, Duration, Fn, RemovalPolicy, Stack
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_codepipeline_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from stacks.constructs.acknowledge import S3_PUT, S3_READ, acknowledge, acknowledge_wildcards
from stacks.constructs.image_repository import Images
from stacks.constructs.lint import tolerate
from stacks.constructs.private_bucket import PrivateBucket
from stacks.environments import Environment
from stacks.plans import Processor

# The roles that `cdk bootstrap` made for deploying; they, not the pipeline, hold the permissions.
BOOTSTRAP_ROLES = ("deploy", "file-publishing", "lookup")
X86_64 = codebuild.LinuxBuildImage.STANDARD_7_0
ARM64 = codebuild.LinuxArmBuildImage.AMAZON_LINUX_2023_STANDARD_3_0


class DeliveryPipeline(Construct):
    """From a commit to a deployed environment: build the image, push it, deploy its digest.

    Args:
        connection_arn: the account's connection to where the source is kept.
        source: the source repository as `owner/name`.
        images: take the image.
        environment: what is deployed, from every commit on its branch.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        connection_arn: str,
        source: str,
        images: Images,
        environment: Environment,
    ) -> None:
        super().__init__(scope, construct_id)
        self._logs = logs.LogGroup(
            self, "Logs", retention=environment.log_retention, removal_policy=RemovalPolicy.DESTROY
        )
        arm = environment.processor is Processor.ARM64
        self.build = self._project(
            "Build",
            _build_steps(images, environment.settings.model),
            # An image is built on the processor that it runs on: emulating the other is many times slower.
            on=ARM64 if arm else X86_64,
            privileged=True,
        )
        images.repository.grant_pull_push(self.build)
        images.repository.grant(self.build, "ecr:DescribeImages")
        self.deploy = self._project("Deploy", _deploy_steps(environment.name), on=X86_64, privileged=False)
        self.deploy.add_to_role_policy(
            iam.PolicyStatement(
                actions=["sts:AssumeRole"],
                resources=[
                    f"arn:{Aws.PARTITION}:iam::{Aws.ACCOUNT_ID}:role/cdk-hnb659fds-{role}-role-{Aws.ACCOUNT_ID}-{Aws.REGION}"
                    for role in BOOTSTRAP_ROLES
                ],
            )
        )
        commit = codepipeline.Artifact("Source")
        fetch = actions.CodeStarConnectionsSourceAction(
            action_name="Source",
            connection_arn=connection_arn,
            owner=Fn.select(0, Fn.split("/", source)),
            repo=Fn.select(1, Fn.split("/", source)),
            branch=environment.branch,
            output=commit,
        )
        built = actions.CodeBuildAction(
            action_name="Build", project=self.build, input=commit, variables_namespace="Built"
        )
        self._artifacts = PrivateBucket(self, "Artifacts", expire_days=30, retain=False)
        self.pipeline = codepipeline.Pipeline(
            self,
            "Pipeline",
            pipeline_type=codepipeline.PipelineType.V2,
            # A commit that waits while another is deployed gives way to a newer one.
            execution_mode=codepipeline.ExecutionMode.SUPERSEDED,
            use_pipeline_role_for_actions=True,
            artifact_bucket=self._artifacts,
            stages=[
                codepipeline.StageProps(stage_name="Source", actions=[fetch]),
                codepipeline.StageProps(stage_name="Build", actions=[built]),
                codepipeline.StageProps(
                    stage_name="Deploy",
                    actions=[
                        actions.CodeBuildAction(
                            action_name="Deploy",
                            project=self.deploy,
                            input=commit,
                            environment_variables={
                                "IMAGE_DIGEST": codebuild.BuildEnvironmentVariable(value=built.variable("IMAGE_DIGEST"))
                            },
                        )
                    ],
                ),
            ],
        )

        # New connections have ARNs of the service's new name; the library grants the old name's permission only.
        self.pipeline.add_to_role_policy(
            iam.PolicyStatement(actions=["codeconnections:UseConnection"], resources=[connection_arn])
        )
        tolerate(self.pipeline, rule="W3005", reason="the library names the role as a dependency, too")
        self._acknowledge()

    def _acknowledge(self) -> None:
        acknowledge(self._artifacts, rule="S1", reason="it holds the source of a run, which the pipeline alone reads")
        acknowledge_wildcards(
            self,
            actions=[*S3_READ, *S3_PUT, "s3:DeleteObject*"],
            resources=[self._artifacts.arn_for_objects("*")],
            reason="the pipeline names each run's artifacts",
        )
        acknowledge_wildcards(self.build, resources=["*"], reason="logging in to a registry takes no resource")
        for project in (self.build, self.deploy):
            acknowledge(project, rule="CB4", reason="artifacts are encrypted with the keys of S3, as all buckets are")
            own_logs = Stack.of(self).format_arn(
                service="logs",
                resource="log-group",
                resource_name=f"/aws/codebuild/{project.project_name}:*",
                arn_format=ArnFormat.COLON_RESOURCE_NAME,
            )
            acknowledge_wildcards(project, resources=[own_logs], reason="the library grants a project its own logs")

    def _project(
        self, construct_id: str, steps: dict[str, object], *, on: codebuild.IBuildImage, privileged: bool
    ) -> codebuild.PipelineProject:
        return codebuild.PipelineProject(
            self,
            construct_id,
            build_spec=codebuild.BuildSpec.from_object_to_yaml(steps),
            environment=codebuild.BuildEnvironment(
                build_image=on,
                # Docker needs it; nothing else does.
                privileged=privileged,
            ),
            logging=codebuild.LoggingOptions(
                cloud_watch=codebuild.CloudWatchLoggingOptions(log_group=self._logs, prefix=construct_id.lower())
            ),
            timeout=Duration.hours(1),
            # It writes no test reports.
            grant_report_group_permissions=False,
        )


def _build_steps(images: Images, model: str) -> dict[str, object]:
    """Build and push the commit's image unless it is there already, and hand its digest on."""
    image = f"{images.uri}:$CODEBUILD_RESOLVED_SOURCE_VERSION"
    log_in = f"aws ecr get-login-password | docker login --username AWS --password-stdin {images.host}"
    build = f"docker build --file service/Dockerfile --build-arg MODEL={model} --tag {image} . && docker push {image}"
    digest = (
        f"aws ecr describe-images --repository-name {images.repository.repository_name}"
        " --image-ids imageTag=$CODEBUILD_RESOLVED_SOURCE_VERSION"
        " --query 'imageDetails[0].imageDigest' --output text"
    )
    return {
        "version": "0.2",
        "env": {"exported-variables": ["IMAGE_DIGEST"]},
        "phases": {
            "pre_build": {"commands": [log_in]},
            "build": {"commands": [f"{digest} || ({build})", f"export IMAGE_DIGEST=$({digest})"]},
        },
    }


def _deploy_steps(environment: str) -> dict[str, object]:
    # CloudFormation refuses a parameter that a stack does not have, so each stack with tasks is named.
    digests = [f"--parameters whisper-{environment}-{stack}:ImageDigest=$IMAGE_DIGEST" for stack in ("Api", "Batch")]
    deploy = [f".venv/bin/cdk deploy '{environment}/*' -c environment={environment} --require-approval never", *digests]
    return {
        "version": "0.2",
        "phases": {
            "install": {"runtime-versions": {"python": "3.12"}, "commands": ["make install"]},
            "build": {"commands": [" ".join(deploy)]},
        },
    }
