from collections.abc import Mapping

from aws_cdk import Aws, Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from stacks.environments import Environment
from stacks.shared.encryption import USE
from stacks.shared.removal import removal

# What each service asks for, in the words of its documentation.
PUBLISH = ("kms:Decrypt", "kms:GenerateDataKey*")
LOG = ("kms:Encrypt*", "kms:Decrypt*", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*")
OWN_ACCOUNT = {"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}}


class CustomerKey(kms.Key):
    """Encrypts an environment's recordings, transcripts, messages, alarms, logs and API keys; rotated every year.

    Roles of the account get their permission from their own policies, as the first statement allows. The services of AWS
    that write for the account, and writers in other accounts, get it here, each for its own purpose.
    """

    def __init__(self, scope: Construct, construct_id: str, *, environment: Environment) -> None:
        super().__init__(
            scope,
            construct_id,
            description=f"Encrypts the data of {environment.prefix}",
            enable_key_rotation=True,
            pending_window=Duration.days(30),
            removal_policy=removal(retain=environment.production),
        )
        # CloudFormation names rules, topics and log groups after their stack.
        own = f"{environment.prefix}-*"
        stack = Stack.of(self)
        rules = stack.format_arn(service="events", resource="rule", resource_name=own)
        self._admit("events.amazonaws.com", *USE, **OWN_ACCOUNT, ArnLike={"aws:SourceArn": rules})
        # EventBridge names neither account nor rule when it publishes to a topic.
        topics = {"kms:EncryptionContext:aws:sns:topicArn": stack.format_arn(service="sns", resource=own)}
        self._admit("events.amazonaws.com", *PUBLISH, ArnLike=topics)
        for service in ("cloudwatch.amazonaws.com", "budgets.amazonaws.com"):
            self._admit(service, *PUBLISH, **OWN_ACCOUNT, ArnLike=topics)
        # WAF dictates how the name of its log group begins.
        groups = [
            stack.format_arn(service="logs", resource=f"log-group:{name}")
            for name in (own, f"aws-waf-logs-{environment.prefix}")
        ]
        logs = {"kms:EncryptionContext:aws:logs:arn": groups}
        self._admit(f"logs.{Aws.REGION}.{Aws.URL_SUFFIX}", *LOG, ArnLike=logs)
        for writer in environment.writers:
            person = {"ArnEquals": {"aws:PrincipalArn": writer.person}} if writer.person else {}
            self.add_to_resource_policy(
                iam.PolicyStatement(
                    principals=[iam.AccountPrincipal(writer.account)],
                    actions=list(USE),
                    resources=["*"],
                    conditions={"StringEquals": {"kms:ViaService": f"s3.{Aws.REGION}.{Aws.URL_SUFFIX}"}, **person},
                )
            )

    def _admit(self, service: str, *actions: str, **conditions: Mapping[str, str | list[str]]) -> None:
        """Allow a service of AWS some actions under conditions."""
        self.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal(service)],
                actions=list(actions),
                resources=["*"],
                conditions=conditions,
            )
        )
