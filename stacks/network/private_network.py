from aws_cdk import Aws, RemovalPolicy, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_logs as logs
from constructs import Construct

from stacks.environments import Egress, NetworkPlan
from stacks.environments.network import INTERFACE_ENDPOINTS, NARROW_MASK
from stacks.shared.lint import tolerate


class PrivateNetwork(Construct):
    """A network over explicit zones that cannot be reached from the internet.

    Attributes:
        vpc: the network.
        cidr: its addresses.
        task_subnets: subnets for tasks.
        public_tasks: whether tasks need a public address to reach AWS.
        inner_subnets: subnets for internal load balancers.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, plan: NetworkPlan, log_retention: logs.RetentionDays
    ) -> None:
        super().__init__(scope, construct_id)
        self.cidr = plan.cidr
        self.public_tasks = plan.egress is Egress.PUBLIC
        self.inner_subnets = ec2.SubnetSelection(subnet_group_name="Inner")
        self.task_subnets = ec2.SubnetSelection(subnet_group_name="Outer" if self.public_tasks else "Inner")
        self.vpc = ec2.Vpc(
            self,
            "Vpc",
            ip_addresses=ec2.IpAddresses.cidr(plan.cidr),
            availability_zones=[f"{Aws.REGION}{zone}" for zone in plan.zones],
            nat_gateways=1 if plan.egress is Egress.NAT else 0,
            subnet_configuration=_subnets(plan),
            # CloudFormation cannot remove the rules that the default group is created with; a Lambda function of the library does.
            restrict_default_security_group=True,
        )
        closed = Stack.of(self).node.find_child("Custom::VpcRestrictDefaultSGCustomResourceProvider")
        tolerate(
            closed.node.find_child("Handler"), rule="W3005", reason="the library names the role as a dependency, too"
        )
        self._record(log_retention)
        # Recordings, transcripts and image layers travel through S3: its gateway is free, a NAT gateway is not.
        self.vpc.add_gateway_endpoint("S3", service=ec2.GatewayVpcEndpointAwsService.S3)
        if plan.egress is Egress.ENDPOINTS:
            self._replace_internet()

    def _record(self, retention: logs.RetentionDays) -> None:
        """Log accepted and rejected connections; flow logs contain no payload."""
        self.flows = logs.LogGroup(self, "Flows", retention=retention, removal_policy=RemovalPolicy.DESTROY)
        self.vpc.add_flow_log(
            "FlowLog",
            destination=ec2.FlowLogDestination.to_cloud_watch_logs(self.flows),
            max_aggregation_interval=ec2.FlowLogMaxAggregationInterval.TEN_MINUTES,
        )

    def _replace_internet(self) -> None:
        """Add an interface endpoint in each zone for each AWS service that a task calls; no other service is reachable."""
        group = ec2.SecurityGroup(
            self, "Endpoints", vpc=self.vpc, allow_all_outbound=False, description="HTTPS from the network to AWS"
        )
        group.add_ingress_rule(ec2.Peer.ipv4(self.cidr), ec2.Port.HTTPS, "tasks")
        for name, service in INTERFACE_ENDPOINTS.items():
            endpoint = ec2.InterfaceVpcEndpointAwsService(service)
            self.vpc.add_interface_endpoint(name, service=endpoint, security_groups=[group], open=False)


def _subnets(plan: NetworkPlan) -> list[ec2.SubnetConfiguration]:
    """Subnets of each zone: a wide one for tasks, a narrow one for the load balancer or the NAT gateway."""
    inner = ec2.SubnetType.PRIVATE_WITH_EGRESS if plan.egress is Egress.NAT else ec2.SubnetType.PRIVATE_ISOLATED
    public = plan.egress is Egress.PUBLIC
    wide, narrow = plan.task_mask, NARROW_MASK
    subnets = [
        ec2.SubnetConfiguration(name="Inner", subnet_type=inner, cidr_mask=narrow if public else wide),
        ec2.SubnetConfiguration(name="Outer", subnet_type=ec2.SubnetType.PUBLIC, cidr_mask=wide if public else narrow),
    ]
    # The library allocates addresses in this order: large subnets first leave no gaps.
    return subnets[:1] if plan.egress is Egress.ENDPOINTS else sorted(subnets, key=lambda subnet: subnet.cidr_mask or 0)
