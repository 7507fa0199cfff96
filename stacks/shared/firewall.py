from aws_cdk import aws_ec2 as ec2
from constructs import Construct


class HttpsOutOnly(ec2.SecurityGroup):
    """Allows outbound HTTPS, which tasks need to reach AWS, and nothing else in either direction."""

    def __init__(self, scope: Construct, construct_id: str, *, vpc: ec2.IVpc) -> None:
        super().__init__(scope, construct_id, vpc=vpc, allow_all_outbound=False)
        self.add_egress_rule(ec2.Peer.any_ipv4(), ec2.Port.HTTPS, "AWS")
