"""The network of an environment as its tasks and load balancers use it, whoever made it."""

from typing import Protocol

from aws_cdk import aws_ec2 as ec2


class TaskNetwork(Protocol):
    """Subnets for tasks and load balancers; `PrivateNetwork` and `ImportedNetwork` are the two kinds."""

    @property
    def vpc(self) -> ec2.IVpc:
        """The VPC of the subnets."""
        ...

    @property
    def task_subnets(self) -> ec2.SubnetSelection:
        """Subnets for tasks."""
        ...

    @property
    def balancer_subnets(self) -> ec2.SubnetSelection:
        """Subnets for internal load balancers."""
        ...

    @property
    def public_tasks(self) -> bool:
        """Whether tasks need a public address to reach AWS."""
        ...

    @property
    def task_subnet_ids(self) -> list[str]:
        """Ids of the subnets for tasks."""
        ...
