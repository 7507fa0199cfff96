from aws_cdk import Duration
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_codepipeline_actions as actions
from aws_cdk import aws_sns as sns
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from stacks.constructs.delivery_pipeline import DeliveryPipeline, taking
from stacks.constructs.pipeline_source import PipelineSource
from stacks.constructs.release_role import ReleaseRole
from stacks.environments import Environment
from stacks.plans import ReleasePlan

COMMIT = "$CODEBUILD_RESOLVED_SOURCE_VERSION"
# Who wants a release has it looked at within a week, or tags again.
APPROVAL = Duration.days(7)


class ReleasePipeline(DeliveryPipeline):
    """From a tag to production: the image that the tag's commit got when it was built, never another one.

    Each environment has a project of its own, which takes the role of that environment and may read the images of the
    one before: what a release runs in stage cannot reach production.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        plan: ReleasePlan,
        role: ReleaseRole,
        topic: sns.ITopic,
        environment: Environment,
    ) -> None:
        source = PipelineSource(
            scope, "Tags", kind=plan.source, branch=plan.branch, clone=True, environment=environment
        )
        super().__init__(
            scope,
            construct_id,
            source=source,
            # Releases wait for each other: none is lost, and none overtakes another.
            mode=codepipeline.ExecutionMode.QUEUED,
            topic=topic,
            environment=environment,
        )
        own = environment.name
        roles = {own: role.role_arn} | {name: self._role(name) for name in (plan.images_from, *plan.onward)}
        projects = {own: self._project(own, {name: roles[name] for name in (plan.images_from, own)})}
        projects |= {name: self._project(name, {at: roles[at] for at in (own, name)}) for name in plan.onward}
        verified = self.action("Verify", projects[own], namespace="Verified", STEP="verify")
        self._digest = verified.variable("IMAGE_DIGEST")
        self.pipeline.add_stage(stage_name="Verify", actions=[verified])
        self._release(projects[own], own, gate=plan.gate)
        if plan.onward:
            self._approve(topic, own, plan.onward)
        for name in plan.onward:
            self._release(projects[name], name, gate=False)
        if plan.gate:
            # Only what serves is what the next release is compared with.
            self.pipeline.add_stage(stage_name="Record", actions=[self._step("Record", projects[own], order=1)])
        source.start_on_tags(self.pipeline, tags=plan.tags)
        source.admit(self.pipeline, cloning=list(projects.values()))

    def _release(self, project: codebuild.PipelineProject, name: str, *, gate: bool) -> None:
        """A stage that brings the image to an environment, deploys and checks it, and measures it where that is asked."""
        names = ("Promote", "Deploy", *(("Gate",) if gate else ()))
        steps = [self._step(step, project, order=order) for order, step in enumerate(names, start=1)]
        self.pipeline.add_stage(stage_name=name.title(), actions=steps)

    def _approve(self, topic: sns.ITopic, own: str, onward: tuple[str, ...]) -> None:
        question = (
            f"{self._digest} runs in {own}. May it go to {', '.join(onward)}? Its numbers are in the log of Gate."
        )
        self.pipeline.add_stage(
            stage_name="Approve",
            actions=[
                actions.ManualApprovalAction(
                    action_name="Approve",
                    additional_information=question,
                    notification_topic=topic,
                    timeout=APPROVAL,
                )
            ],
        )

    def _step(self, name: str, project: codebuild.PipelineProject, *, order: int) -> codepipeline.IAction:
        return self.action(name, project, order=order, STEP=name.lower(), IMAGE_DIGEST=self._digest)

    def _project(self, name: str, roles: dict[str, str]) -> codebuild.PipelineProject:
        project = self.project(
            name.title(),
            f"IMAGE_DIGEST=$(python -m delivery $STEP {name} {COMMIT} $IMAGE_DIGEST)",
            "export IMAGE_DIGEST",
            # Golden recordings may be hours long.
            timeout=Duration.hours(4),
            exports=["IMAGE_DIGEST"],
            variables={f"ROLE_{at.upper()}": arn for at, arn in roles.items()},
        )
        project.add_to_role_policy(taking(*roles.values()))
        return project

    def _role(self, name: str) -> str:
        """The role of another environment, told by its own stack in the same account, or by a person."""
        return ssm.StringParameter.value_for_string_parameter(self, f"/whisper/{name}/release-role-arn")
