from collections.abc import Sequence
from functools import partial

from aws_cdk import CfnOutput, Fn, Stack
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_sns as sns
from constructs import Construct

from stacks.environments import CHECK_SIZE, GOLDEN_CALL_SECONDS, Environment
from stacks.network.task_network import TaskNetwork
from stacks.shared.firewall import HttpsOutOnly
from stacks.shared.images import Images
from stacks.shared.published_store import PublishedStore
from stacks.tasks.image_digest import ImageDigest
from stacks.tasks.service_task import ServiceTask
from stacks.watch.check_alarms import ring
from stacks.watch.rights import grant_canary, grant_reconciliation
from stacks.watch.scheduled_check import ScheduledCheck


class Watch(Stack):
    """Checks that run by themselves: a golden call that has to come back, and recordings that need a result.

    A deployment runs the first one, too, before it counts as done.

    Args:
        topic: for the alarms.
    """

    def __init__(
        self,
        scope: Construct,
        *,
        environment: Environment,
        network: TaskNetwork,
        cluster: ecs.ICluster,
        topic: sns.ITopic,
    ) -> None:
        super().__init__(scope, "Watch", termination_protection=environment.production)
        self._environment = environment
        self._store = PublishedStore(self, "Store", parameter_path=environment.parameter)
        self._images = Images(self, "Images", parameter_path=environment.parameter)
        self._digest = ImageDigest(self)
        plan, firewall = environment.watch, HttpsOutOnly(self, "TaskFirewall", vpc=network.vpc)
        canary = self._task("Canary", verb="canary", options=("--metric", "--within", str(GOLDEN_CALL_SECONDS)))
        reconciliation = self._task("Reconcile", verb="jobs", options=("reconcile", "--metric"))
        scheduled = partial(ScheduledCheck, self, network=network, cluster=cluster, firewall=firewall)
        scheduled("CanaryRuns", task=canary, hours=plan.canary_hours, minute=17)
        scheduled("ReconcileRuns", task=reconciliation, hours=plan.reconcile_hours, minute=47)
        grant_canary(canary, store=self._store, environment=environment)
        grant_reconciliation(reconciliation, store=self._store)
        ring(self, environment=environment, topic=topic)
        # A deployment reads these to start the tasks.
        for name, value in {
            "Cluster": cluster.cluster_arn,
            "CanaryTask": canary.task_definition_arn,
            "CanaryLogs": canary.log_group.log_group_name,
            "ReconcileTask": reconciliation.task_definition_arn,
            "Subnets": Fn.join(",", network.task_subnet_ids),
            "Firewall": firewall.security_group_id,
            "PublicAddress": "ENABLED" if network.public_tasks else "DISABLED",
        }.items():
            CfnOutput(self, name, value=value)

    def _task(self, construct_id: str, *, verb: str, options: Sequence[str]) -> ServiceTask:
        return ServiceTask(
            self,
            construct_id,
            verb=verb,
            options=options,
            settings=self._environment.worker_settings(
                queue_url=self._store.queue.queue_url,
                recordings_bucket=self._store.recordings.bucket_name,
                transcripts_bucket=self._store.transcripts.bucket_name,
            ),
            environment=self._environment,
            images=self._images,
            digest=self._digest,
            size=CHECK_SIZE,
        )
