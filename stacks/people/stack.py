from aws_cdk import CfnOutput, Stack
from constructs import Construct

from stacks.environments import Environment
from stacks.people.roles import Analyst, Deployer, Operator, Queues, Uploader
from stacks.shared.encryption import customer_key
from stacks.shared.handover import published
from stacks.shared.published_store import PublishedStore


class People(Stack):
    """Four roles for people and their programs. The account names the principals that may assume them, as SSM parameters."""

    def __init__(
        self, scope: Construct, *, environment: Environment, cluster_name: str, webhooks: Queues | None
    ) -> None:
        super().__init__(scope, "People", termination_protection=environment.production)
        store = PublishedStore(self, "Store", parameter_path=environment.parameter)
        principals = {
            role: published(self, path=environment.parameter(f"{role}-principal-arn"))
            for role in ("deployer", "operator", "uploader", "analyst")
        }
        deployer = Deployer(self, "Deployer", principal_arn=principals["deployer"])
        operator = Operator(
            self,
            "Operator",
            principal_arn=principals["operator"],
            store=store,
            cluster_name=cluster_name,
            # The CDK names a family of task definitions after the path of its construct.
            fleets=[f"{environment.name}{fleet}" for fleet in ("Api", "Batch", "Backfill")],
            stacks=environment.stack_name("*"),
            tags={key: environment.tags[key] for key in ("application", "environment")},
        )
        if environment.backfill:
            old = PublishedStore(self, "Backfill", parameter_path=environment.parameter, queues="backfill-")
            operator.redrive(old)
            operator.count(old.queue)
        if webhooks:
            operator.redrive(webhooks)
        if environment.brake:
            operator.lift(environment.stack_name("Monitoring-*"), parameter=environment.parameter("brake"))
        uploader = Uploader(self, "Uploader", principal_arn=principals["uploader"], store=store)
        analyst = Analyst(self, "Analyst", principal_arn=principals["analyst"], store=store)
        if key := customer_key(self, environment=environment):
            for reader in (operator, uploader, analyst):
                reader.use(key)
        for role in (deployer, operator, uploader, analyst):
            CfnOutput(self, f"{role.node.id}RoleArn", value=role.role_arn)
