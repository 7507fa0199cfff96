from aws_cdk import Stage
from constructs import Construct

from stacks.api import Api
from stacks.batch import Batch
from stacks.cluster import Cluster
from stacks.delivery import Delivery
from stacks.environments import Environment
from stacks.monitoring import Monitoring
from stacks.network import Network
from stacks.recordings import Recordings
from stacks.registry import Registry


class Whisper(Stage):
    """One environment: its stacks are `dev/Network`, … here and `whisper-dev-Network`, … in CloudFormation."""

    def __init__(self, scope: Construct, *, environment: Environment) -> None:
        super().__init__(scope, environment.name, env=environment.target, stage_name=f"whisper-{environment.name}")
        network = Network(self, environment=environment).network
        repository = Registry(self, environment=environment).repository
        store = Recordings(self, environment=environment).store
        cluster = Cluster(self, environment=environment, network=network).cluster
        api = Api(self, environment=environment, network=network, cluster=cluster, repository=repository).api
        Batch(self, environment=environment, network=network, cluster=cluster, repository=repository, store=store)
        Delivery(self, environment=environment, repository=repository)
        Monitoring(self, environment=environment, api=api, store=store)
