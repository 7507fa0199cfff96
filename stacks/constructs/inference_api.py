from collections.abc import Iterable

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_elasticloadbalancingv2 as elb
from constructs import Construct

from service.settings import READY_PATH
from stacks.capacity import Plan
from stacks.constructs.private_network import HttpsOutOnly, PrivateNetwork
from stacks.constructs.service_task import ServiceTask

# One recording keeps every core of a task busy: above this, the next one would wait.
TARGET_CPU_PERCENT = 60
# From the container's start to the model being loaded.
START_UP = Duration.minutes(5)


class InferenceApi(Construct):
    """Tasks that transcribe over HTTP, behind a load balancer that only the network and `clients` reach.

    Attributes:
        service: the tasks, as many as `plan` allows and the load asks for.
        load_balancer: internal; HTTPS where a `certificate_arn` is given, plain HTTP otherwise.
        url: where the API answers.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        network: PrivateNetwork,
        cluster: ecs.ICluster,
        task: ServiceTask,
        plan: Plan,
        clients: Iterable[str],
        certificate_arn: str | None,
    ) -> None:
        super().__init__(scope, construct_id)
        settings = task.settings
        self.load_balancer = elb.ApplicationLoadBalancer(
            self,
            "LoadBalancer",
            vpc=network.vpc,
            vpc_subnets=network.inner_subnets,
            internet_facing=False,
            drop_invalid_header_fields=True,
            idle_timeout=Duration.seconds(settings.idle_timeout_seconds),
        )
        self.service = self._service(network, cluster, task)
        # Else the first tasks may start before they are allowed to pull their image.
        self.service.node.add_dependency(task.obtain_execution_role())
        scaling = self.service.auto_scale_task_count(min_capacity=plan.api_min_tasks, max_capacity=plan.api_max_tasks)
        scaling.scale_on_cpu_utilization("Cpu", target_utilization_percent=TARGET_CPU_PERCENT)
        self._target_group = elb.ApplicationTargetGroup(
            self,
            "Tasks",
            vpc=network.vpc,
            port=settings.port,
            protocol=elb.ApplicationProtocol.HTTP,
            targets=[self.service],
            # Requests take seconds to minutes: the task with the fewest of them answers first.
            load_balancing_algorithm_type=elb.TargetGroupLoadBalancingAlgorithmType.LEAST_OUTSTANDING_REQUESTS,
            deregistration_delay=Duration.seconds(settings.drain_seconds),
            health_check=elb.HealthCheck(path=READY_PATH, interval=Duration.seconds(15), healthy_threshold_count=2),
        )
        self._listen([network.cidr, *clients], certificate_arn)
        self.url = f"{'https' if certificate_arn else 'http'}://{self.load_balancer.load_balancer_dns_name}"

    def _service(self, network: PrivateNetwork, cluster: ecs.ICluster, task: ServiceTask) -> ecs.FargateService:
        container = task.default_container
        assert container is not None  # noqa: S101 -- tells the type checker what every service task has
        container.add_port_mappings(ecs.PortMapping(container_port=task.settings.port))
        return ecs.FargateService(
            self,
            "Service",
            cluster=cluster,
            task_definition=task,
            capacity_provider_strategies=[ecs.CapacityProviderStrategy(capacity_provider="FARGATE", weight=1)],
            vpc_subnets=network.task_subnets,
            assign_public_ip=network.public_tasks,
            security_groups=[HttpsOutOnly(self, "Firewall", vpc=network.vpc)],
            circuit_breaker=ecs.DeploymentCircuitBreaker(enable=True, rollback=True),
            min_healthy_percent=100,
            max_healthy_percent=200,
            health_check_grace_period=START_UP,
            propagate_tags=ecs.PropagatedTagSource.SERVICE,
        )

    def _listen(self, networks: Iterable[str], certificate_arn: str | None) -> None:
        listener = self.load_balancer.add_listener(
            "Listener",
            port=443 if certificate_arn else 80,
            protocol=elb.ApplicationProtocol.HTTPS if certificate_arn else elb.ApplicationProtocol.HTTP,
            certificates=[elb.ListenerCertificate.from_arn(certificate_arn)] if certificate_arn else None,
            ssl_policy=elb.SslPolicy.RECOMMENDED_TLS if certificate_arn else None,
            default_target_groups=[self._target_group],
            # The default lets everybody in who reaches the load balancer.
            open=False,
        )
        for cidr in networks:
            listener.connections.allow_default_port_from(ec2.Peer.ipv4(cidr))

    @property
    def errors(self) -> cloudwatch.MathExpression:
        """Answers with a status of 500 and above in a minute, from the tasks and from the load balancer itself."""
        return cloudwatch.MathExpression(
            expression="FILL(tasks, 0) + FILL(balancer, 0)",
            using_metrics={
                "tasks": self._metric("HTTPCode_Target_5XX_Count", cloudwatch.Stats.SUM),
                "balancer": self._metric("HTTPCode_ELB_5XX_Count", cloudwatch.Stats.SUM),
            },
            period=Duration.minutes(1),
            label="5xx",
        )

    @property
    def unhealthy_hosts(self) -> cloudwatch.Metric:
        """Tasks that are registered but not ready."""
        return self._metric(
            "UnHealthyHostCount", cloudwatch.Stats.MAXIMUM, TargetGroup=self._target_group.target_group_full_name
        )

    def _metric(self, name: str, statistic: str, **dimensions: str) -> cloudwatch.Metric:
        # The library's own metrics cut the listener's ARN into pieces, which cfn-lint refuses across stacks.
        return cloudwatch.Metric(
            namespace="AWS/ApplicationELB",
            metric_name=name,
            dimensions_map={"LoadBalancer": self.load_balancer.load_balancer_full_name, **dimensions},
            statistic=statistic,
            period=Duration.minutes(1),
        )
