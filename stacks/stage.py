from aws_cdk import Stack, Stage, Tags
from aws_cdk import aws_ecs as ecs
from constructs import Construct

from stacks.api.stack import Api
from stacks.backfill.stack import Backfill
from stacks.batch.stack import Batch
from stacks.cluster.stack import Cluster
from stacks.delivery.stack import Delivery, Releases
from stacks.environments import Environment, Weights
from stacks.gate.stack import Gate
from stacks.models.model_store import InImage, ModelStore
from stacks.models.stack import Models
from stacks.monitoring.stack import Monitoring
from stacks.network.stack import Network
from stacks.network.task_network import TaskNetwork
from stacks.people.stack import People
from stacks.recordings.stack import Recordings
from stacks.registry.stack import Registry
from stacks.watch.stack import Watch


class Whisper(Stage):
    """One environment: its stacks are `dev/Network`, … here and `whisper-dev-Network`, … in CloudFormation."""

    def __init__(self, scope: Construct, *, environment: Environment) -> None:
        super().__init__(scope, environment.name, env=environment.target, stage_name=environment.prefix)
        networks = Network(self, environment=environment)
        network = networks.network
        registry = Registry(self, environment=environment)
        recordings = Recordings(self, environment=environment)
        models: ModelStore = InImage()
        clusters = Cluster(self, environment=environment, network=network)
        # The ids of an existing network tell CDK nothing of the stack that checks them.
        clusters.add_stack_dependency(networks)
        if environment.weights is not Weights.IMAGE:
            stored = Models(self, environment=environment, network=network)
            stored.add_stack_dependency(networks)
            models = stored.store
        cluster = clusters.cluster
        api = Api(self, environment=environment, network=network, cluster=cluster, models=models)
        batch = Batch(self, environment=environment, network=network, cluster=cluster, models=models)
        old = self._backfill(environment, network, cluster, models)
        monitoring = Monitoring(
            self,
            environment=environment,
            api=api.api,
            workers=batch.workers,
            relief=batch.relief,
            backfill=[each.workers for each in old],
        )
        watch = Watch(self, environment=environment, network=network, cluster=cluster, topic=monitoring.topic)
        readers: list[Stack] = [api, batch, *old, monitoring, watch]
        if environment.people:
            people = People(self, environment=environment, cluster_name=cluster.cluster_name, webhooks=api.api.webhooks)
            for backfill in old:
                people.add_stack_dependency(backfill)
            readers.append(people)
        # The SSM parameters that connect these stacks do not tell CDK their order.
        running: list[Stack] = [api, batch, *old, watch]
        pulling = [*running]
        delivery, gate = self._delivery(environment, network, cluster, models)
        pulling += [*delivery, *gate]
        running += gate
        for stack in pulling:
            stack.add_stack_dependency(registry)
        for stack in running:
            stack.add_stack_dependency(clusters)
        for reader in readers:
            reader.add_stack_dependency(recordings)
        if environment.customer_key:
            # The recordings stack makes the key; the others come after these.
            for encrypted in (networks, api, monitoring, *pulling):
                encrypted.add_stack_dependency(recordings)
        for key, value in environment.tags.items():
            Tags.of(self).add(key, value)

    def _backfill(
        self, environment: Environment, network: TaskNetwork, cluster: ecs.ICluster, models: ModelStore
    ) -> list[Backfill]:
        """The stack of old recordings, if there are any."""
        plan, fleet = environment.backfill, environment.backfill_fleet
        if plan is None or fleet is None:
            return []
        made = Backfill(
            self, environment=environment, plan=plan, fleet=fleet, network=network, cluster=cluster, models=models
        )
        return [made]

    def _delivery(
        self, environment: Environment, network: TaskNetwork, cluster: ecs.ICluster, models: ModelStore
    ) -> tuple[list[Stack], list[Stack]]:
        """The stacks of commits and releases, if any reach the environment, and its gate, if they are measured here."""
        plan = environment.releases
        if not (environment.commits or plan or environment.released_by):
            return [], []
        delivery = Delivery(self, environment=environment)
        # With a workflow, nothing of AWS runs a release.
        if plan and not plan.source.identity:
            Releases(self, plan=plan, environment=environment).add_stack_dependency(delivery)
        if not (plan and plan.gate):
            return [delivery], []
        gate = Gate(self, environment=environment, network=network, cluster=cluster, models=models)
        gate.add_stack_dependency(delivery)
        return [delivery], [gate]
