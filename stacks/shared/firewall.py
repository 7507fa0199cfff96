from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from stacks.environments.traces import DEFAULT_PORTS, TracePlan


class HttpsOutOnly(ec2.SecurityGroup):
    """Allows outbound HTTPS, which tasks need to reach AWS, and nothing else in either direction.

    Tasks that send `traces` to a collector on another port reach that, too.
    """

    def __init__(self, scope: Construct, construct_id: str, *, vpc: ec2.IVpc, traces: TracePlan | None = None) -> None:
        super().__init__(scope, construct_id, vpc=vpc, allow_all_outbound=False)
        self.add_egress_rule(ec2.Peer.any_ipv4(), ec2.Port.HTTPS, "AWS")
        if traces and traces.port not in {0, DEFAULT_PORTS["https"]}:
            self.add_egress_rule(ec2.Peer.any_ipv4(), ec2.Port.tcp(traces.port), "Collector of traces")
