from aws_cdk import Aws, Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct


class AlarmTopic(sns.Topic):
    """Mails what goes wrong to one address; encrypted, and written by the services that watch and by nobody else."""

    def __init__(self, scope: Construct, construct_id: str, *, address: str) -> None:
        # SNS's own key is free, but lets no other service write.
        key = kms.Key(
            scope,
            f"{construct_id}Key",
            description="Encrypts what alarms say",
            enable_key_rotation=True,
            pending_window=Duration.days(7),
            removal_policy=RemovalPolicy.DESTROY,
        )
        super().__init__(scope, construct_id, enforce_ssl=True, master_key=key)
        own_account = {"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}}
        for service, conditions in (
            ("cloudwatch.amazonaws.com", own_account),
            ("budgets.amazonaws.com", own_account),
            # EventBridge does not say for whom it publishes to an encrypted topic: the condition would refuse it.
            ("events.amazonaws.com", {}),
        ):
            publisher = iam.ServicePrincipal(service)
            self.grant_publish(publisher.with_conditions(conditions) if conditions else publisher)
        self.add_subscription(subscriptions.EmailSubscription(address))
