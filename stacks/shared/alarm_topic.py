from aws_cdk import Aws, Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct


class AlarmTopic(sns.Topic):
    """An encrypted topic that mails alarms to one address. Only CloudWatch, Budgets and EventBridge may publish to it."""

    def __init__(self, scope: Construct, construct_id: str, *, address: str) -> None:
        # The AWS-managed key of SNS is free, but other services cannot publish with it.
        key = kms.Key(
            scope,
            f"{construct_id}Key",
            description="Encrypts alarm messages",
            enable_key_rotation=True,
            pending_window=Duration.days(7),
            removal_policy=RemovalPolicy.DESTROY,
        )
        super().__init__(scope, construct_id, enforce_ssl=True, master_key=key)
        own_account = {"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}}
        for service, conditions in (
            ("cloudwatch.amazonaws.com", own_account),
            ("budgets.amazonaws.com", own_account),
            # EventBridge sends no source account when it publishes to an encrypted topic: the condition would refuse it.
            ("events.amazonaws.com", {}),
        ):
            publisher = iam.ServicePrincipal(service)
            self.grant_publish(publisher.with_conditions(conditions) if conditions else publisher)
        self.add_subscription(subscriptions.EmailSubscription(address))
