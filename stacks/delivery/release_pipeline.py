from collections.abc import Mapping

from aws_cdk import Duration
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_codepipeline_actions as actions
from aws_cdk import aws_sns as sns
from constructs import Construct

from stacks.delivery.delivery_pipeline import DeliveryPipeline, assume
from stacks.delivery.pipeline_source import PipelineSource
from stacks.delivery.release_role import ReleaseRole
from stacks.environments import Environment, ReleasePlan, parameter_name
from stacks.shared.acknowledge import acknowledge_wildcards
from stacks.shared.handover import published
from stacks.shared.images import Images

COMMIT = "$CODEBUILD_RESOLVED_SOURCE_VERSION"
# A release that is not approved within a week fails; a new tag starts another.
APPROVAL = Duration.days(7)


class ReleasePipeline(DeliveryPipeline):
    """Takes the image of a tagged commit to production, without building it again.

    Each stage has its own projects, which assume the release role of their environment and may read the images of the
    environment before it: the projects of stage cannot reach production.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        plan: ReleasePlan,
        images: Images,
        role: ReleaseRole,
        topic: sns.ITopic,
        environment: Environment,
    ) -> None:
        source = PipelineSource(
            scope, "Tags", kind=plan.source, branch=plan.branch, clone=True, parameter_path=environment.parameter
        )
        super().__init__(
            scope,
            construct_id,
            source=source,
            # Releases queue: none is dropped, and none overtakes another.
            mode=codepipeline.ExecutionMode.QUEUED,
            topic=topic,
            environment=environment,
        )
        own = self._own = environment.name
        self._projects: list[codebuild.PipelineProject] = []
        builder = {plan.images_from: self._role(plan.images_from)}
        here = builder | {own: role.role_arn}
        verified = self.action("Verify", self._project("Verify", own, roles=here), namespace="Verified", STEP="verify")
        self._digest = verified.variable("IMAGE_DIGEST")
        self.pipeline.add_stage(stage_name="Verify", actions=[verified])
        self._release(own, self._project(own.title(), own, roles=here), gate=plan.gate)
        if plan.onward:
            self._approve(topic, own, plan.onward)
        for name in plan.onward:
            project = self._project(name.title(), name, roles={name: self._role(name)}, images=images)
            self._release(name, project, gate=False)
        if plan.gate:
            # The report of the image in production becomes the baseline of the next release.
            record = self._step("Record", self._project("Record", own, roles={own: role.role_arn}))
            self.pipeline.add_stage(stage_name="Record", actions=[record])
        source.start_on_tags(self.pipeline, tags=plan.tags)
        source.admit(self.pipeline, cloning=self._projects)

    def _release(self, name: str, project: codebuild.PipelineProject, *, gate: bool) -> None:
        """Add a stage that copies the image to an environment, deploys and checks it, and measures it if `gate` is true."""
        steps = ("Promote", "Release", *(("Gate",) if gate else ()))
        self.pipeline.add_stage(
            stage_name=name.title(),
            actions=[self._step(step, project, order=order) for order, step in enumerate(steps, start=1)],
        )

    def _approve(self, topic: sns.ITopic, own: str, onward: tuple[str, ...]) -> None:
        question = f"{self._digest} runs in {own}. May it go to {', '.join(onward)}?"
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
        acknowledge_wildcards(
            self.pipeline, actions=["kms:GenerateDataKey*"], reason="the library's grant to write to an encrypted topic"
        )

    def _step(self, name: str, project: codebuild.PipelineProject, *, order: int = 1) -> actions.CodeBuildAction:
        return self.action(name, project, order=order, STEP=name.lower(), IMAGE_DIGEST=self._digest)

    def _project(
        self, construct_id: str, name: str, *, roles: Mapping[str, str], images: Images | None = None
    ) -> codebuild.PipelineProject:
        """A project for the steps in environment `name`, which assumes `roles` and, if given, reads `images` to copy them."""
        variables = {f"ROLE_{at.upper()}": arn for at, arn in roles.items()}
        if images:
            variables[f"REPOSITORY_{self._own.upper()}"] = images.uri
        project = self.project(
            construct_id,
            f"IMAGE_DIGEST=$(python -m delivery $STEP {name} {COMMIT} $IMAGE_DIGEST)",
            "export IMAGE_DIGEST",
            # Golden recordings may be hours long.
            timeout=Duration.hours(4),
            exports=["IMAGE_DIGEST"],
            variables=variables,
        )
        project.add_to_role_policy(assume(*roles.values()))
        if images:
            images.repository.grant_pull(project)
            images.repository.grant(project, "ecr:DescribeImages")
            acknowledge_wildcards(project, resources=["*"], reason="AWS grants registry login on all resources only")
        self._projects.append(project)
        return project

    def _role(self, name: str) -> str:
        """ARN of another environment's release role, published by its stack in this account, or by a person."""
        return published(self, path=parameter_name(name, "release-role-arn"))
