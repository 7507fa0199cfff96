from collections.abc import Mapping, Sequence

from aws_cdk import ArnFormat, Duration, RemovalPolicy, Stack
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_codepipeline_actions as actions
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from constructs import Construct

from stacks.delivery.pipeline_source import PipelineSource
from stacks.environments import Environment
from stacks.shared.acknowledge import S3_PUT, S3_READ, acknowledge, acknowledge_wildcards
from stacks.shared.encryption import customer_key
from stacks.shared.lint import tolerate
from stacks.shared.private_bucket import PrivateBucket
from stacks.shared.runbooks import runbook_page

X86_64 = codebuild.LinuxBuildImage.STANDARD_8_0
# Downloads of pip and npm, which both verify against a lock file.
CACHED = ("/root/.cache/pip/**/*", "/root/.npm/**/*")
ARTIFACT_DAYS = 7


class DeliveryPipeline(Construct):
    """A pipeline whose steps are commands of the repository. Artifacts expire soon, and failures are mailed.

    Attributes:
        pipeline: a V2 pipeline with its source stage; subclasses add the others.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        source: PipelineSource,
        mode: codepipeline.ExecutionMode,
        topic: sns.ITopic,
        environment: Environment,
    ) -> None:
        super().__init__(scope, construct_id)
        self._source = source
        self._logs = logs.LogGroup(
            self,
            "Logs",
            retention=environment.log_retention,
            encryption_key=customer_key(self, environment=environment),
            removal_policy=RemovalPolicy.DESTROY,
        )
        self._artifacts = PrivateBucket(self, "Artifacts", expire_days=ARTIFACT_DAYS, retain=False)
        self.pipeline = codepipeline.Pipeline(
            self,
            "Pipeline",
            pipeline_type=codepipeline.PipelineType.V2,
            execution_mode=mode,
            use_pipeline_role_for_actions=True,
            artifact_bucket=self._artifacts,
        )
        self.pipeline.add_stage(stage_name="Source", actions=[source.action])
        self.pipeline.on_state_change(
            "Failures",
            event_pattern=events.EventPattern(detail={"state": ["FAILED"]}),
            target=targets.SnsTopic(topic, message=_failure(environment.name)),
        )
        tolerate(self.pipeline, rule="W3005", reason="the library names the role as a dependency, too")
        self._acknowledge()

    def project(
        self,
        construct_id: str,
        *steps: str,
        timeout: Duration,
        on: codebuild.IBuildImage = X86_64,
        privileged: bool = False,
        exports: Sequence[str] = (),
        variables: Mapping[str, str] | None = None,
    ) -> codebuild.PipelineProject:
        """A project that installs the repository's tools and runs `steps` until one fails.

        Args:
            construct_id: of the project.
            steps: shell commands.
            timeout: of a build.
            on: build image.
            privileged: needed to run containers in the build.
            exports: variables that later actions read.
            variables: environment variables for all actions that run the project.
        """
        project = codebuild.PipelineProject(
            self,
            construct_id,
            build_spec=codebuild.BuildSpec.from_object_to_yaml(_steps(steps, exports)),
            environment=codebuild.BuildEnvironment(build_image=on, privileged=privileged),
            environment_variables={
                name: codebuild.BuildEnvironmentVariable(value=value) for name, value in (variables or {}).items()
            },
            cache=codebuild.Cache.bucket(self._artifacts, prefix="cache"),
            logging=codebuild.LoggingOptions(
                cloud_watch=codebuild.CloudWatchLoggingOptions(log_group=self._logs, prefix=construct_id.lower())
            ),
            timeout=timeout,
            queued_timeout=Duration.hours(1),
            # Every stage has its own projects and runs once at a time, so a second concurrent build was started manually.
            concurrent_build_limit=1,
            # The project writes no test reports.
            grant_report_group_permissions=False,
        )
        acknowledge(project, rule="CB4", reason="artifacts are encrypted with S3-managed keys, like all buckets")
        own_logs = Stack.of(self).format_arn(
            service="logs",
            resource="log-group",
            resource_name=f"/aws/codebuild/{project.project_name}:*",
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )
        acknowledge_wildcards(
            project, resources=[own_logs], reason="the library grants a project access to its own logs"
        )
        return project

    def action(
        self, name: str, project: codebuild.IProject, *, order: int = 1, namespace: str = "", **variables: str
    ) -> actions.CodeBuildAction:
        """An action that runs a project on the source, with variables for this action only; exports go to `namespace`."""
        return actions.CodeBuildAction(
            action_name=name,
            project=project,
            input=self._source.output,
            run_order=order,
            variables_namespace=namespace or None,
            environment_variables={
                key: codebuild.BuildEnvironmentVariable(value=value) for key, value in variables.items()
            },
        )

    def _acknowledge(self) -> None:
        acknowledge(self._artifacts, rule="S1", reason="it contains the source of a run, which only the pipeline reads")
        acknowledge_wildcards(
            self,
            actions=[*S3_READ, *S3_PUT, "s3:DeleteObject*"],
            resources=[self._artifacts.arn_for_objects("*")],
            reason="the pipeline chooses the keys of artifacts, and projects those of their caches",
        )


def assume(*roles: str) -> iam.PolicyStatement:
    """A statement that allows a project to assume roles."""
    return iam.PolicyStatement(actions=["sts:AssumeRole"], resources=list(roles))


def _steps(steps: Sequence[str], exports: Sequence[str]) -> dict[str, object]:
    """A build specification that installs the locked tools, puts them on the path, and runs the steps."""
    return {
        "version": "0.2",
        "env": {"shell": "bash", "git-credential-helper": "yes", "exported-variables": list(exports)},
        "phases": {
            "install": {"runtime-versions": {"python": "3.12"}, "commands": ["make install"]},
            "build": {"commands": ['export PATH="$PWD/.venv/bin:$PATH"', *steps]},
        },
        "cache": {"paths": list(CACHED)},
    }


def _failure(environment: str) -> events.RuleTargetInput:
    field = events.EventField.from_path
    return events.RuleTargetInput.from_text(
        f"{environment}: the pipeline {field('$.detail.pipeline')} failed, run {field('$.detail.execution-id')}."
        f" What to do: {runbook_page('pipeline-failed')}"
    )
