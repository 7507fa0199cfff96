from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks.delivery.proving import allow_proving
from stacks.delivery.rights import allow_building, allow_deploying, allow_reading
from stacks.delivery.trust import jobs
from stacks.environments import CommitPlan, Environment, Identity
from stacks.shared.handover import published
from stacks.shared.images import Images


class CommitRole(iam.Role):
    """What a workflow takes to build the image of a commit and to deploy it; only its jobs for this environment may."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        plan: CommitPlan,
        identity: Identity,
        images: Images,
        environment: Environment,
    ) -> None:
        repository = published(scope, path=environment.parameter("source-repository"))
        subject = identity.subject(repository=repository, environment=environment.name, branch=plan.branch)
        super().__init__(
            scope,
            construct_id,
            assumed_by=jobs(scope, identity, [subject]),
            description=f"Taken by the workflow that deploys commits to {environment.name}",
            max_session_duration=Duration.hours(1),
        )
        allow_reading(self, images=images, environment=environment)
        allow_building(scope, self, plan=plan, images=images, environment=environment)
        allow_deploying(scope, self, images=images)
        allow_proving(self, environment=environment)
