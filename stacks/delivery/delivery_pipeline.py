from collections.abc import Mapping, Sequence
from enum import StrEnum

from aws_cdk import ArnFormat, Duration, RemovalPolicy, Stack
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_codepipeline_actions as actions
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from constructs import Construct

from stacks.delivery.pipeline_source import PipelineSource
from stacks.environments import Environment
from stacks.shared.acknowledge import S3_READ, acknowledge, acknowledge_wildcards
from stacks.shared.alarm_topic import AlarmTopic
from stacks.shared.encryption import customer_key
from stacks.shared.lint import tolerate
from stacks.shared.private_bucket import PrivateBucket
from stacks.shared.runbooks import runbook_page

X86_64 = codebuild.LinuxBuildImage.STANDARD_8_0
# 4 GB: room for the CDK.
SMALL = codebuild.BuildEnvironment(build_image=X86_64, compute_type=codebuild.ComputeType.SMALL)
# Downloads of pip and npm, which both verify against a lock file.
CACHED = ("/root/.cache/pip/**/*", "/root/.npm/**/*")
ARTIFACT_DAYS = 7


class Tools(StrEnum):
    """What a project installs: the target of make."""

    ALL = "install"  # with the service and everything that checks and tests it
    DELIVERY = "install-delivery"  # the CDK and boto3: all that a step of `python -m delivery` needs


class DeliveryPipeline(Construct):
    """A pipeline whose steps are commands of the repository. Artifacts expire soon, and failures are mailed.

    Attributes:
        pipeline: a V2 pipeline with its source stage; subclasses add the others.
        log_group: of all its builds.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        source: PipelineSource,
        mode: codepipeline.ExecutionMode,
        topic: AlarmTopic,
        environment: Environment,
    ) -> None:
        super().__init__(scope, construct_id)
        self._source = source
        self.log_group = logs.LogGroup(
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
            target=targets.SnsTopic(topic, message=_failure(topic, environment.name)),
        )
        tolerate(self.pipeline, rule="W3005", reason="the library names the role as a dependency, too")
        self._acknowledge()

    def project(
        self,
        construct_id: str,
        *steps: str,
        timeout: Duration,
        on: codebuild.BuildEnvironment = SMALL,
        tools: Tools = Tools.DELIVERY,
        cache: s3.IBucket | None = None,
        exports: Sequence[str] = (),
        variables: Mapping[str, str] | None = None,
        role_name: str = "",
    ) -> codebuild.PipelineProject:
        """A project that installs tools of the repository and runs `steps` until one fails.

        Args:
            construct_id: of the project.
            steps: shell commands.
            timeout: of a build.
            on: image and size of the machine.
            tools: that it installs.
            cache: of downloads, which no other project uses; None downloads each time.
            exports: variables that later actions read.
            variables: environment variables for all actions that run the project.
            role_name: by which other roles trust its own; without it, AWS chooses one.
        """
        builds = iam.ServicePrincipal("codebuild.amazonaws.com")
        project = codebuild.PipelineProject(
            self,
            construct_id,
            role=iam.Role(self, f"{construct_id}Role", assumed_by=builds, role_name=role_name or None),
            build_spec=codebuild.BuildSpec.from_object_to_yaml(_steps(steps, exports, tools, cached=cache is not None)),
            environment=on,
            environment_variables={
                name: codebuild.BuildEnvironmentVariable(value=value) for name, value in (variables or {}).items()
            },
            cache=codebuild.Cache.bucket(cache) if cache else codebuild.Cache.none(),
            logging=codebuild.LoggingOptions(
                cloud_watch=codebuild.CloudWatchLoggingOptions(log_group=self.log_group, prefix=construct_id.lower())
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
            role(project), resources=[own_logs], reason="the library grants a project access to its own logs"
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
            actions=[*S3_READ, "s3:Abort*", "s3:DeleteObject*"],
            resources=[self._artifacts.arn_for_objects("*")],
            reason="the pipeline chooses the keys of artifacts",
        )


def role(project: codebuild.IProject) -> iam.IRole:
    """The role of a project's builds."""
    assert project.role  # noqa: S101 -- tells the type checker that `DeliveryPipeline.project` gives each one
    return project.role


def _steps(steps: Sequence[str], exports: Sequence[str], tools: Tools, *, cached: bool) -> dict[str, object]:
    """A build specification that installs locked tools, puts them on the path, and runs the steps."""
    return {
        "version": "0.2",
        "env": {"shell": "bash", "git-credential-helper": "yes", "exported-variables": list(exports)},
        "phases": {
            "install": {"runtime-versions": {"python": "3.12"}, "commands": [f"make {tools}"]},
            "build": {"commands": ['export PATH="$PWD/.venv/bin:$PATH"', *steps]},
        },
        **({"cache": {"paths": list(CACHED)}} if cached else {}),
    }


def _failure(topic: AlarmTopic, environment: str) -> events.RuleTargetInput:
    field = events.EventField.from_path
    pipeline, execution = field("$.detail.pipeline"), field("$.detail.execution-id")
    return topic.notice(
        f"{environment}: the pipeline {pipeline} failed",
        f"Run {execution}. What to do: {runbook_page('pipeline-failed')}",
    )
