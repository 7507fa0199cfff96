from aws_cdk import CfnOutput, Stack
from constructs import Construct

from stacks.delivery.commit_pipeline import CommitPipeline
from stacks.delivery.release_pipeline import ReleasePipeline
from stacks.delivery.release_role import ReleaseRole
from stacks.environments import Environment
from stacks.shared.alarm_topic import AlarmTopic
from stacks.shared.images import Images


class Delivery(Stack):
    """Pipelines of the environment, and the role that a release pipeline assumes in it."""

    def __init__(self, scope: Construct, *, environment: Environment) -> None:
        super().__init__(scope, "Delivery", termination_protection=environment.production)
        commits, releases = environment.commits, environment.releases
        images = Images(self, "Images", parameter_path=environment.parameter)
        if commits or releases:
            topic = AlarmTopic(self, "Topic", environment=environment)
        if commits:
            ci = CommitPipeline(self, "Ci", plan=commits, images=images, topic=topic, environment=environment)
            CfnOutput(self, "CiPipelineName", value=ci.pipeline.pipeline_name)
        if by := environment.name if releases else environment.released_by:
            role = ReleaseRole(self, "ReleaseRole", by=by, images=images, environment=environment)
            CfnOutput(self, "ReleaseRoleArn", value=role.role_arn)
        if releases:
            release = ReleasePipeline(
                self, "Release", plan=releases, images=images, role=role, topic=topic, environment=environment
            )
            CfnOutput(self, "ReleasePipelineName", value=release.pipeline.pipeline_name)
