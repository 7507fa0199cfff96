from aws_cdk import Stack, Stage, Tags
from constructs import Construct

from stacks.api.stack import Api
from stacks.batch.stack import Batch
from stacks.cluster.stack import Cluster
from stacks.delivery.stack import Delivery
from stacks.environments import Environment, Weights
from stacks.gate.stack import Gate
from stacks.models.model_store import InImage, ModelStore
from stacks.models.stack import Models
from stacks.monitoring.stack import Monitoring
from stacks.network.stack import Network
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
        monitoring = Monitoring(self, environment=environment, api=api.api, workers=batch.workers)
        watch = Watch(self, environment=environment, network=network, cluster=cluster, topic=monitoring.topic)
        people = People(self, environment=environment, cluster_name=cluster.cluster_name)
        # The SSM parameters that connect these stacks do not tell CDK their order.
        running: list[Stack] = [api, batch, watch]
        pulling = [*running]
        if environment.commits or environment.releases or environment.released_by:
            delivery = Delivery(self, environment=environment)
            pulling.append(delivery)
            if environment.releases and environment.releases.gate:
                gate = Gate(self, environment=environment, network=network, cluster=cluster, models=models)
                gate.add_stack_dependency(delivery)
                pulling.append(gate)
                running.append(gate)
        for stack in pulling:
            stack.add_stack_dependency(registry)
        for stack in running:
            stack.add_stack_dependency(clusters)
        for reader in (batch, monitoring, people, watch):
            reader.add_stack_dependency(recordings)
        if environment.customer_key:
            # The recordings stack makes the key; the others come after these.
            for encrypted in (networks, api, monitoring, *pulling):
                encrypted.add_stack_dependency(recordings)
        for key, value in environment.tags.items():
            Tags.of(self).add(key, value)
