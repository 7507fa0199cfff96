from collections.abc import Mapping

from aws_cdk import Duration
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_codepipeline_actions as actions
from constructs import Construct

from stacks.delivery.delivery_pipeline import DeliveryPipeline, role
from stacks.delivery.pipeline_source import PipelineSource
from stacks.delivery.rights import allow
from stacks.environments import Environment, ReleasePlan, parameter_name, step_role
from stacks.shared.acknowledge import acknowledge_wildcards
from stacks.shared.alarm_topic import AlarmTopic
from stacks.shared.handover import published

COMMIT = "$CODEBUILD_RESOLVED_SOURCE_VERSION"
# A release that is not approved within a week fails; a new tag starts another.
APPROVAL = Duration.days(7)


class ReleasePipeline(DeliveryPipeline):
    """Takes the image of a tagged commit to production, without building it again.

    Each stage has a project of its own with a role of its own name, which takes the release role of its environment and
    that of the environment which the image comes from. A person approves inside the stage of the first environment: the
    next release waits before that stage, so that what is approved is what runs there.

    Attributes:
        projects: of its stages.
        release_roles: ARNs of the release roles of the environments that a release reaches.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        plan: ReleasePlan,
        topic: AlarmTopic,
        environment: Environment,
    ) -> None:
        source = PipelineSource(
            scope, "Tags", kind=plan.source, branch=plan.branch, clone=True, parameter_path=environment.parameter
        )
        super().__init__(
            scope,
            construct_id,
            source=source,
            # Releases queue before each stage: none is dropped, and none overtakes another.
            mode=codepipeline.ExecutionMode.QUEUED,
            topic=topic,
            environment=environment,
        )
        own, builder = environment.name, plan.images_from
        self._by = own
        self.projects: list[codebuild.PipelineProject] = []
        # Published by the environment's stack if it is in this account, else by a person.
        arns = {
            name: published(self, path=parameter_name(name, "release-role-arn"))
            for name in (builder, own, *plan.onward)
        }
        self.release_roles = [arns[name] for name in (own, *plan.onward)]
        here = {name: arns[name] for name in (builder, own)}
        verified = self.action("Verify", self._project("verify", own, roles=here), namespace="Verified", STEP="verify")
        self._digest = verified.variable("IMAGE_DIGEST")
        self.pipeline.add_stage(stage_name="Verify", actions=[verified])
        steps = self._release(self._project(own, own, roles=here), gate=plan.gate)
        if plan.onward:
            steps.append(self._approval(topic, plan.onward, order=len(steps) + 1))
        self.pipeline.add_stage(stage_name=own.title(), actions=steps)
        for name in plan.onward:
            project = self._project(name, name, roles={own: arns[own], name: arns[name]})
            self.pipeline.add_stage(stage_name=name.title(), actions=self._release(project, gate=False))
        if plan.gate:
            # The report of the image in production becomes the baseline of the next release.
            record = self._step("Record", self._project("record", own, roles={own: arns[own]}))
            self.pipeline.add_stage(stage_name="Record", actions=[record])
        source.start_on_tags(self.pipeline, tags=plan.tags)
        source.admit(self.pipeline, cloning=self.projects)

    def _release(self, project: codebuild.PipelineProject, *, gate: bool) -> list[codepipeline.IAction]:
        """Copy the image to an environment, deploy and check it, and measure it if `gate` is true."""
        steps = ("Promote", "Release", *(("Gate",) if gate else ()))
        return [self._step(step, project, order=order) for order, step in enumerate(steps, start=1)]

    def _approval(self, topic: AlarmTopic, onward: tuple[str, ...], *, order: int) -> codepipeline.IAction:
        acknowledge_wildcards(
            self.pipeline, actions=["kms:GenerateDataKey*"], reason="the library's grant to write to an encrypted topic"
        )
        return actions.ManualApprovalAction(
            action_name="Approve",
            run_order=order,
            additional_information=f"{self._digest} runs in {self._by}. May it go to {', '.join(onward)}?",
            notification_topic=topic,
            timeout=APPROVAL,
        )

    def _step(self, name: str, project: codebuild.PipelineProject, *, order: int = 1) -> actions.CodeBuildAction:
        return self.action(name, project, order=order, STEP=name.lower(), IMAGE_DIGEST=self._digest)

    def _project(self, stage: str, name: str, *, roles: Mapping[str, str]) -> codebuild.PipelineProject:
        """A project for the steps of a stage in environment `name`; it can do nothing but take `roles`."""
        project = self.project(
            stage.title(),
            f"IMAGE_DIGEST=$(python -m delivery $STEP {name} {COMMIT} $IMAGE_DIGEST)",
            "export IMAGE_DIGEST",
            # Golden recordings may be hours long.
            timeout=Duration.hours(4),
            exports=["IMAGE_DIGEST"],
            variables={f"ROLE_{at.upper()}": arn for at, arn in roles.items()},
            role_name=step_role(self._by, stage),
        )
        allow(role(project), "sts:AssumeRole", on=[*roles.values()])
        self.projects.append(project)
        return project
