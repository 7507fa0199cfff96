from aws_cdk import CfnOutput, Stack
from aws_cdk import Environment as Target
from constructs import Construct

from stacks.delivery.commit_pipeline import CommitPipeline
from stacks.delivery.commit_role import CommitRole
from stacks.delivery.release_pipeline import ReleasePipeline
from stacks.delivery.release_role import ReleaseRole
from stacks.delivery.releaser import Releaser
from stacks.environments import Environment, ReleasePlan
from stacks.shared.alarm_topic import AlarmTopic
from stacks.shared.handover import published
from stacks.shared.images import Images


class Delivery(Stack):
    """The pipeline of commits, or the role of a workflow, and the role that a release takes in the environment."""

    def __init__(self, scope: Construct, *, environment: Environment) -> None:
        super().__init__(scope, "Delivery", termination_protection=environment.production)
        commits = environment.commits
        images = Images(self, "Images", parameter_path=environment.parameter)
        if commits and (identity := commits.source.identity):
            taken = CommitRole(
                self, "CommitRole", plan=commits, identity=identity, images=images, environment=environment
            )
            CfnOutput(self, "CommitRoleArn", value=taken.role_arn)
        elif commits:
            topic = AlarmTopic(self, "Topic", environment=environment)
            ci = CommitPipeline(self, "Ci", plan=commits, images=images, topic=topic, environment=environment)
            CfnOutput(self, "CiPipelineName", value=ci.pipeline.pipeline_name)
        if by := environment.name if environment.releases else environment.released_by:
            role = ReleaseRole(self, "ReleaseRole", by=by, images=images, environment=environment)
            CfnOutput(self, "ReleaseRoleArn", value=role.role_arn)


class Releases(Stack):
    """The pipeline of releases and the people who watch over it, in an account of their own if the plan names one."""

    def __init__(self, scope: Construct, *, plan: ReleasePlan, environment: Environment) -> None:
        account = plan.account or environment.account
        super().__init__(
            scope,
            "Releases",
            env=Target(account=account, region=environment.region),
            termination_protection=environment.production,
        )
        topic = AlarmTopic(self, "Topic", environment=environment)
        release = ReleasePipeline(self, "Release", plan=plan, topic=topic, environment=environment)
        releaser = Releaser(
            self,
            "Releaser",
            principal_arn=published(self, path=environment.parameter("releaser-principal-arn")),
            by=environment.name,
            pipeline=release.pipeline,
            log_group=release.log_group,
            projects=[project.project_arn for project in release.projects],
            release_roles=release.release_roles,
        )
        CfnOutput(self, "ReleasePipelineName", value=release.pipeline.pipeline_name)
        CfnOutput(self, "ReleaserRoleArn", value=releaser.role_arn)
