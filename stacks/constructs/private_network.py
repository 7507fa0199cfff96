from collections.abc import Iterable

from aws_cdk import Aws, Stack
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from stacks.constructs.lint import tolerate
from stacks.plans import Egress

# What a task cannot start or work without, where it has no way out but these.
INTERFACE_ENDPOINTS = {
    "Images": ec2.InterfaceVpcEndpointAwsService.ECR,
    "ImageLayers": ec2.InterfaceVpcEndpointAwsService.ECR_DOCKER,
    "Logs": ec2.InterfaceVpcEndpointAwsService.CLOUDWATCH_LOGS,
    "Queues": ec2.InterfaceVpcEndpointAwsService.SQS,
}


class PrivateNetwork(Construct):
    """A network over explicit zones in which nothing can be reached from outside.

    Attributes:
        vpc: the network.
        cidr: its addresses.
        task_subnets: where tasks run; `public_tasks` says whether they need a public address to reach AWS.
        inner_subnets: where internal load balancers stand.
    """

    def __init__(self, scope: Construct, construct_id: str, *, cidr: str, zones: Iterable[str], egress: Egress) -> None:
        super().__init__(scope, construct_id)
        inner = ec2.SubnetType.PRIVATE_WITH_EGRESS if egress is Egress.NAT else ec2.SubnetType.PRIVATE_ISOLATED
        subnets = [ec2.SubnetConfiguration(name="Inner", subnet_type=inner)]
        if egress is not Egress.ENDPOINTS:
            subnets.append(ec2.SubnetConfiguration(name="Outer", subnet_type=ec2.SubnetType.PUBLIC, cidr_mask=27))
        self.vpc = ec2.Vpc(
            self,
            "Vpc",
            ip_addresses=ec2.IpAddresses.cidr(cidr),
            availability_zones=[f"{Aws.REGION}{zone}" for zone in zones],
            nat_gateways=1 if egress is Egress.NAT else 0,
            subnet_configuration=subnets,
            restrict_default_security_group=True,
        )
        closed = Stack.of(self).node.find_child("Custom::VpcRestrictDefaultSGCustomResourceProvider")
        tolerate(
            closed.node.find_child("Handler"), rule="W3005", reason="the library names the role as a dependency, too"
        )
        # Recordings, transcripts and image layers travel through S3: its gateway is free, a NAT gateway is not.
        self.vpc.add_gateway_endpoint("S3", service=ec2.GatewayVpcEndpointAwsService.S3)
        if egress is Egress.ENDPOINTS:
            for name, service in INTERFACE_ENDPOINTS.items():
                self.vpc.add_interface_endpoint(name, service=service)
        self.cidr = cidr
        self.public_tasks = egress is Egress.PUBLIC
        self.inner_subnets = ec2.SubnetSelection(subnet_group_name="Inner")
        self.task_subnets = ec2.SubnetSelection(subnet_group_name="Outer" if self.public_tasks else "Inner")


class HttpsOutOnly(ec2.SecurityGroup):
    """Lets nothing in, and nothing out but HTTPS: what a task needs to reach AWS."""

    def __init__(self, scope: Construct, construct_id: str, *, vpc: ec2.IVpc) -> None:
        super().__init__(scope, construct_id, vpc=vpc, allow_all_outbound=False)
        self.add_egress_rule(ec2.Peer.any_ipv4(), ec2.Port.HTTPS, "AWS")
