from collections.abc import Mapping
from typing import Protocol

from aws_cdk import Aws, Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stacks.shared.acknowledge import acknowledge_wildcards
from stacks.shared.bootstrap import ROLES, bootstrap_roles
from stacks.shared.encryption import USE
from stacks.shared.private_bucket import UPLOADING
from stacks.shared.published_store import PublishedStore

# The reason for read permissions on all resources.
NO_LESS = "AWS supports no narrower resource for lists, query results and metrics"


class Queues(Protocol):
    """A queue and its dead letters."""

    @property
    def queue(self) -> sqs.IQueue:
        """To which dead letters are moved back."""

    @property
    def dead_letters(self) -> sqs.IQueue:
        """Queue for messages that failed too often."""


class _Role(iam.Role):
    """A role that one principal of the account may assume, for sessions of at most an hour."""

    def __init__(self, scope: Construct, construct_id: str, *, principal_arn: str, description: str) -> None:
        super().__init__(
            scope,
            construct_id,
            assumed_by=iam.ArnPrincipal(principal_arn),
            description=description,
            max_session_duration=Duration.hours(1),
        )

    def may(self, *actions: str, on: list[str], because: str = "", **conditions: dict[str, str | list[str]]) -> None:
        """Allow actions on resources under conditions; `because` is the reason for wildcards in the resources."""
        self.add_to_policy(iam.PolicyStatement(actions=list(actions), resources=on, conditions=conditions))
        if because:
            acknowledge_wildcards(self, resources=on, reason=because)

    def use(self, key: kms.IKey) -> None:
        """Read and write what the environment's own key encrypts, as far as the role reaches it in S3 and SQS."""
        services = [f"{service}.{Aws.REGION}.{Aws.URL_SUFFIX}" for service in ("s3", "sqs")]
        self.may(*USE, on=[key.key_arn], StringEquals={"kms:ViaService": services})


class Deployer(_Role):
    """Deploys with the CDK: may assume the bootstrap roles, and has no other permission."""

    def __init__(self, scope: Construct, construct_id: str, *, principal_arn: str) -> None:
        super().__init__(scope, construct_id, principal_arn=principal_arn, description="Deploys with the CDK")
        self.may("sts:AssumeRole", on=bootstrap_roles(self, *ROLES, "image-publishing"))


class Operator(_Role):
    """Keeps the service running: reads logs and metrics, restarts tasks, redrives dead letters.

    An operator can read neither recordings nor transcripts, but lists both and reads why a recording failed: needed to
    reconcile recordings with transcripts.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        principal_arn: str,
        store: PublishedStore,
        cluster_name: str,
        fleets: list[str],
        stacks: str,
        tags: Mapping[str, str],
    ) -> None:
        super().__init__(scope, construct_id, principal_arn=principal_arn, description="Restarts, redrives, reads logs")
        self.redrive(store)
        self.count(store.queue)
        self._reconcile(store)
        self._restart(cluster_name, fleets, stacks, tags)
        self._observe(stacks)

    def lift(self, machine: str, *, parameter: str) -> None:
        """Read the state of the budget brake, and run its state machine, whose name begins so."""
        stack = Stack.of(self)
        machines = stack.format_arn(service="states", resource=f"stateMachine:{machine}")
        runs = stack.format_arn(service="states", resource=f"execution:{machine}")
        because = "CloudFormation chooses the end of its name"
        self.may("states:StartExecution", on=[machines], because=because)
        self.may("states:DescribeExecution", on=[runs], because=because)
        self.may("ssm:GetParameter", on=[stack.format_arn(service="ssm", resource="parameter" + parameter)])

    def redrive(self, queues: Queues) -> None:
        """Count the dead letters of a queue, and move them back."""
        dead, alive = queues.dead_letters.queue_arn, queues.queue.queue_arn
        moves = ("StartMessageMoveTask", "CancelMessageMoveTask", "ListMessageMoveTasks")
        # SQS moves messages with the caller's permissions.
        self.may(*(f"sqs:{verb}" for verb in (*moves, "ReceiveMessage", "DeleteMessage")), on=[dead])
        self.may("sqs:SendMessage", on=[alive])
        self.count(queues.dead_letters)

    def count(self, queue: sqs.IQueue) -> None:
        """Count the messages of a queue."""
        self.may("sqs:GetQueueAttributes", "sqs:GetQueueUrl", on=[queue.queue_arn])

    def _reconcile(self, store: PublishedStore) -> None:
        self.may("s3:ListBucketVersions", on=[store.recordings.bucket_arn])
        self.may("s3:ListBucket", on=[store.transcripts.bucket_arn])
        reasons = [
            store.transcripts.arn_for_objects(f"{kind}/*") for kind in ("failed", "partial", "unheard", "running")
        ]
        self.may("s3:GetObject", on=reasons, because="why there are no words, and the markers of workers")

    def _restart(self, cluster_name: str, fleets: list[str], stacks: str, tags: Mapping[str, str]) -> None:
        stack = Stack.of(self)
        cluster = stack.format_arn(service="ecs", resource="cluster", resource_name=cluster_name)
        # The cluster may hold the services and tasks of others. The name of a service begins with that of its stack, and
        # tasks have its tags.
        services, tasks = (
            stack.format_arn(service="ecs", resource=kind, resource_name=f"{cluster_name}/{name}")
            for kind, name in (("service", stacks), ("task", "*"))
        )
        self.may("ecs:DescribeClusters", on=[cluster])
        self.may("ecs:DescribeServices", on=[services], because="the services of this environment")
        # A restart and a number of tasks name no task definition. If one is named, then one that the CDK deployed.
        own = [stack.format_arn(service="ecs", resource="task-definition", resource_name=f"{f}*:*") for f in fleets]
        self.may("ecs:UpdateService", on=[services], ArnLikeIfExists={"ecs:task-definition": own})
        tagged: dict[str, str | list[str]] = {f"aws:ResourceTag/{key}": value for key, value in tags.items()}
        late = "the id of a task is known only when it runs"
        self.may("ecs:StopTask", "ecs:DescribeTasks", on=[tasks], because=late, StringEquals=tagged)
        self.may("ecs:ListServices", "ecs:ListTasks", on=["*"], because=NO_LESS, ArnEquals={"ecs:cluster": cluster})

    def _observe(self, stacks: str) -> None:
        stack = Stack.of(self)
        # The name of a log group that CloudFormation chooses begins with the name of its stack.
        groups = stack.format_arn(service="logs", resource=f"log-group:{stacks}")
        reading = ("FilterLogEvents", "GetLogEvents", "DescribeLogStreams", "StartQuery")
        self.may(*(f"logs:{verb}" for verb in reading), on=[groups], because="the log groups of this environment")
        every = stack.format_arn(service="logs", resource="log-group:*")
        self.may("logs:DescribeLogGroups", on=[every], because="to find those of this environment")
        self.may("logs:GetQueryResults", "logs:StopQuery", on=["*"], because=NO_LESS)
        metrics = ("GetMetricData", "GetMetricStatistics", "ListMetrics", "DescribeAlarms", "ListDashboards")
        self.may(*(f"cloudwatch:{verb}" for verb in metrics), on=["*"], because=NO_LESS)
        scaling = ("DescribeScalableTargets", "DescribeScalingActivities", "DescribeScalingPolicies")
        self.may(*(f"application-autoscaling:{verb}" for verb in scaling), on=["*"], because=NO_LESS)
        self.may("ce:GetCostAndUsage", "ce:ListCostAllocationTags", on=["*"], because=NO_LESS)
        own = stack.format_arn(service="cloudformation", resource="stack", resource_name=f"{stacks}/*")
        seeing = ("cloudformation:DescribeStacks", "cloudformation:DescribeStackEvents")
        self.may(*seeing, on=[own], because="the stacks of this environment")


class Uploader(_Role):
    """Puts recordings into the bucket; reads, lists and deletes nothing."""

    def __init__(self, scope: Construct, construct_id: str, *, principal_arn: str, store: PublishedStore) -> None:
        super().__init__(scope, construct_id, principal_arn=principal_arn, description="Uploads recordings")
        self.may(*UPLOADING, on=[store.recordings.arn_for_objects("*")], because="recordings have arbitrary keys")


class Analyst(_Role):
    """Reads transcripts, but no recordings."""

    def __init__(self, scope: Construct, construct_id: str, *, principal_arn: str, store: PublishedStore) -> None:
        super().__init__(scope, construct_id, principal_arn=principal_arn, description="Reads transcripts")
        self.may("s3:ListBucket", on=[store.transcripts.bucket_arn])
        self.may(
            "s3:GetObject",
            on=[store.transcripts.arn_for_objects("transcripts/*")],
            because="all transcripts, and nothing else in the bucket",
        )
