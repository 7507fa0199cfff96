from aws_cdk import Aws, RemovalPolicy, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct

from stacks.environments import Egress, NetworkPlan
from stacks.environments.network import INTERFACE_ENDPOINTS, NARROW_MASK
from stacks.shared.lint import tolerate

# Reading, writing and listing objects; the roles of the tasks say which.
S3_ACTIONS = (
    "s3:GetObject*",
    "s3:PutObject*",
    "s3:DeleteObject*",
    "s3:ListBucket*",
    "s3:GetBucketLocation",
    "s3:AbortMultipartUpload",
    "s3:ListMultipartUploadParts",
)


class PrivateNetwork(Construct):
    """A network over explicit zones that cannot be reached from the internet.

    Attributes:
        vpc: the network.
        cidr: its addresses.
        task_subnets: subnets for tasks.
        task_subnet_ids: their ids.
        balancer_subnets: subnets for internal load balancers.
        public_tasks: whether tasks need a public address to reach AWS.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        plan: NetworkPlan,
        log_retention: logs.RetentionDays,
        log_key: kms.IKey | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        self.cidr = plan.cidr
        self.public_tasks = plan.egress is Egress.PUBLIC
        self.balancer_subnets = ec2.SubnetSelection(subnet_group_name="Inner")
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
        self._record(log_retention, log_key)
        self._reach_s3()
        if plan.egress is Egress.ENDPOINTS:
            self._replace_internet()

    @property
    def task_subnet_ids(self) -> list[str]:
        """Ids of the subnets for tasks."""
        return self.vpc.select_subnets(subnet_group_name=self.task_subnets.subnet_group_name).subnet_ids

    def _reach_s3(self) -> None:
        """Let recordings, transcripts and image layers through a gateway, which is free, and to no other account.

        A stolen task could otherwise copy calls to any bucket of the region.
        """
        gateway = self.vpc.add_gateway_endpoint("S3", service=ec2.GatewayVpcEndpointAwsService.S3)
        gateway.add_to_policy(
            iam.PolicyStatement(
                principals=[iam.StarPrincipal()],
                actions=list(S3_ACTIONS),
                resources=[f"arn:{Aws.PARTITION}:s3:::*"],
                conditions={"StringEquals": {"aws:ResourceAccount": Aws.ACCOUNT_ID}},
            )
        )
        # ECR keeps the layers of images in a bucket of its own, one for each region.
        layers = f"arn:{Aws.PARTITION}:s3:::prod-{Aws.REGION}-starport-layer-bucket/*"
        gateway.add_to_policy(
            iam.PolicyStatement(principals=[iam.StarPrincipal()], actions=["s3:GetObject"], resources=[layers])
        )

    def _record(self, retention: logs.RetentionDays, key: kms.IKey | None) -> None:
        """Log accepted and rejected connections; flow logs contain no payload."""
        self.flows = logs.LogGroup(
            self, "Flows", retention=retention, encryption_key=key, removal_policy=RemovalPolicy.DESTROY
        )
        self.vpc.add_flow_log(
            "FlowLog",
            destination=ec2.FlowLogDestination.to_cloud_watch_logs(self.flows),
            max_aggregation_interval=ec2.FlowLogMaxAggregationInterval.TEN_MINUTES,
        )

    def _replace_internet(self) -> None:
        """Add an interface endpoint in each zone for each AWS service that a task calls; no other service is reachable.

        An endpoint accepts the account's own identities and leads to its own resources: a stolen task could otherwise send
        words to a queue or a log group of another account.
        """
        group = ec2.SecurityGroup(
            self, "Endpoints", vpc=self.vpc, allow_all_outbound=False, description="HTTPS from the network to AWS"
        )
        group.add_ingress_rule(ec2.Peer.ipv4(self.cidr), ec2.Port.HTTPS, "tasks")
        for name, service in INTERFACE_ENDPOINTS.items():
            endpoint = self.vpc.add_interface_endpoint(
                name, service=ec2.InterfaceVpcEndpointAwsService(service), security_groups=[group], open=False
            )
            for statement in _own_account(service):
                endpoint.add_to_policy(statement)


def _own_account(service: str) -> list[iam.PolicyStatement]:
    """Statements of an endpoint's policy. The roles of the tasks say which actions they may take."""
    own = {"aws:PrincipalAccount": Aws.ACCOUNT_ID}
    statements = [
        iam.PolicyStatement(
            principals=[iam.StarPrincipal()],
            actions=["*"],
            resources=["*"],
            conditions={"StringEquals": {**own, "aws:ResourceAccount": Aws.ACCOUNT_ID}},
        )
    ]
    if service.startswith("ecr."):
        # The login comes before any repository, so that no resource has an account; it is valid for its caller only.
        statements.append(
            iam.PolicyStatement(
                principals=[iam.StarPrincipal()],
                actions=["ecr:GetAuthorizationToken"],
                resources=["*"],
                conditions={"StringEquals": own},
            )
        )
    return statements


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
