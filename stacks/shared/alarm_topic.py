from aws_cdk import Aws, Duration, RemovalPolicy
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from stacks.environments import Environment
from stacks.shared.encryption import customer_key
from stacks.shared.handover import published


class AlarmTopic(sns.Topic):
    """An encrypted topic that mails alarms to one address, and posts them to an endpoint if the environment has one.

    Only CloudWatch, Budgets and EventBridge may publish to it.

    Args:
        environment: that has the address.
        mail_only: leave the endpoint out, which wakes people.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, environment: Environment, mail_only: bool = False
    ) -> None:
        # The AWS-managed key of SNS is free, but other services cannot publish with it.
        key = customer_key(scope, environment=environment) or kms.Key(
            scope,
            f"{construct_id}Key",
            description="Encrypts alarm messages",
            enable_key_rotation=True,
            pending_window=Duration.days(7),
            removal_policy=RemovalPolicy.DESTROY,
        )
        super().__init__(scope, construct_id, enforce_ssl=True, master_key=key)
        self._chat = environment.alarms.chat
        own_account = {"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}}
        for service, conditions in (
            ("cloudwatch.amazonaws.com", own_account),
            ("budgets.amazonaws.com", own_account),
            # EventBridge sends no source account when it publishes to an encrypted topic: the condition would refuse it.
            ("events.amazonaws.com", {}),
        ):
            publisher = iam.ServicePrincipal(service)
            self.grant_publish(publisher.with_conditions(conditions) if conditions else publisher)
        self.add_subscription(
            subscriptions.EmailSubscription(published(scope, path=environment.parameter("alarm-address")))
        )
        if environment.alarms.endpoint and not mail_only:
            url = published(scope, path=environment.parameter("alarm-endpoint"))
            self.add_subscription(subscriptions.UrlSubscription(url, protocol=sns.SubscriptionProtocol.HTTPS))

    def notice(self, title: str, text: str) -> events.RuleTargetInput:
        """The message of a rule of EventBridge, in words of our own.

        A chat shows only what it knows: the alarms of CloudWatch, the events of services as they are, and this form.
        """
        if not self._chat:
            return events.RuleTargetInput.from_text(f"{title}: {text}")
        content = {"title": title, "description": text}
        return events.RuleTargetInput.from_object({"version": "1.0", "source": "custom", "content": content})
