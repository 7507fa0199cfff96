from collections.abc import Sequence

from aws_cdk import Annotations, CfnOutput, CfnParameter, CfnRule, CfnRuleAssertion, Fn, Stack
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from stacks.environments import Egress, ExistingNetwork

SUBNET, VPC = "AWS::EC2::Subnet::Id", "AWS::EC2::VPC::Id"


class ImportedNetwork(Construct):
    """A network that exists, by its ids.

    CloudFormation refuses the stack, and thereby those that follow it, if an id is not in the account and region, or a
    subnet not in the VPC.

    Attributes:
        vpc: the network.
        task_subnets: subnets for tasks.
        task_subnet_ids: their ids.
        balancer_subnets: subnets for internal load balancers.
        public_tasks: whether tasks need a public address to reach AWS.
    """

    def __init__(self, scope: Construct, construct_id: str, *, network: ExistingNetwork) -> None:
        super().__init__(scope, construct_id)
        self._zones = Stack.of(self).availability_zones
        self.vpc = ec2.Vpc.from_vpc_attributes(
            self, "Vpc", vpc_id=network.vpc_id, vpc_cidr_block=network.cidr, availability_zones=self._zones
        )
        self.public_tasks = network.egress is Egress.PUBLIC
        self.task_subnet_ids = list(network.task_subnets)
        balancer_subnet_ids = network.balancer_subnets or network.task_subnets
        self.task_subnets = self._subnets("Tasks", self.task_subnet_ids)
        self.balancer_subnets = self._subnets("Balancer", balancer_subnet_ids)
        self._expect(network.vpc_id, {"TaskSubnets": self.task_subnet_ids, "BalancerSubnets": balancer_subnet_ids})

    def _subnets(self, name: str, ids: Sequence[str]) -> ec2.SubnetSelection:
        """Subnets in the order of the zones."""
        subnets = [
            ec2.Subnet.from_subnet_attributes(self, f"{name}{number}", subnet_id=subnet_id, availability_zone=zone)
            for number, (subnet_id, zone) in enumerate(zip(ids, self._zones, strict=True), 1)
        ]
        for subnet in subnets:
            # Routes are the owner's: no construct here reads or adds one.
            Annotations.of(subnet).acknowledge_warning("@aws-cdk/aws-ec2:noSubnetRouteTableId")
        return ec2.SubnetSelection(subnets=subnets)

    def _expect(self, vpc_id: str, subnets: dict[str, Sequence[str]]) -> None:
        """Hand the ids to CloudFormation as parameters of AWS's own types, whose values must exist."""
        vpc = self._parameter(VPC, vpc_id)
        CfnOutput(Stack.of(self), "VpcId", value=vpc.value_as_string)
        # The load balancer may share subnets with the tasks.
        distinct = dict.fromkeys(subnet for ids in subnets.values() for subnet in ids)
        known = {subnet: self._parameter(SUBNET, subnet) for subnet in distinct}
        for name, ids in subnets.items():
            CfnOutput(Stack.of(self), name, value=Fn.join(",", [known[subnet].value_as_string for subnet in ids]))
        inside = Fn.condition_each_member_in(Fn.value_of_all(SUBNET, "VpcId"), Fn.ref_all(VPC))
        CfnRule(
            self,
            "Inside",
            assertions=[CfnRuleAssertion(assert_=inside, assert_description=f"Every subnet must be in {vpc_id}")],
        )

    def _parameter(self, kind: str, value: str) -> CfnParameter:
        # Named after its value: an update of a stack keeps the old value of a parameter whose default has changed.
        return CfnParameter(self, value.title().replace("-", ""), type=kind, default=value)
