from collections.abc import Mapping

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_elasticloadbalancingv2 as elb
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from service.contract import READY_PATH
from service.settings import variable
from stacks.api.api_scaling import ApiScaling
from stacks.api.internal_balancer import InternalBalancer
from stacks.api.webhook_queue import WebhookQueue
from stacks.environments import ApiPlan, Environment, Routing, Strategy
from stacks.environments.deployments import START_SECONDS
from stacks.network.task_network import TaskNetwork
from stacks.shared.acknowledge import acknowledge
from stacks.shared.encryption import customer_key, grant_customer_key
from stacks.shared.firewall import HttpsOutOnly
from stacks.shared.lint import tolerate
from stacks.shared.removal import removal
from stacks.tasks.service_task import ServiceTask

START_UP = Duration.seconds(START_SECONDS)
# Replaces a task whose event loop hangs. The image has neither shell nor curl, so a verb of the service sends the request.
LIVENESS = ecs.HealthCheck(
    command=["CMD", "python", "-m", "service", "health"],
    start_period=START_UP,
    interval=Duration.seconds(30),
    timeout=Duration.seconds(10),
    retries=3,
)
# A deployment whose tasks answer this share of requests with 5xx is rolled back. The 503 of an overloaded service counts
# too: a deployment under such a load should not continue.
ROLLBACK_ERROR_SHARE = 0.2

ALGORITHMS: Mapping[Routing, elb.TargetGroupLoadBalancingAlgorithmType] = {
    Routing.LEAST_OUTSTANDING: elb.TargetGroupLoadBalancingAlgorithmType.LEAST_OUTSTANDING_REQUESTS,
    Routing.WEIGHTED_RANDOM: elb.TargetGroupLoadBalancingAlgorithmType.WEIGHTED_RANDOM,
    Routing.ROUND_ROBIN: elb.TargetGroupLoadBalancingAlgorithmType.ROUND_ROBIN,
}


class InferenceApi(Construct):
    """Tasks that transcribe over HTTP behind a load balancer, for callers with an API key.

    A deployment is rolled back if its tasks do not become ready or answer too many requests with errors.

    Attributes:
        balancer: the load balancer in front of the tasks.
        service: the tasks.
        keys: the secret that contains the callers' keys, separated by commas; None if the API requires no key.
        webhooks: their queue and secret; None if jobs have no webhooks.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        network: TaskNetwork,
        cluster: ecs.ICluster,
        task: ServiceTask,
        balancer: InternalBalancer,
        environment: Environment,
    ) -> None:
        super().__init__(scope, construct_id)
        api = environment.api
        self.balancer = balancer
        self.keys = self._require_keys(task, environment) if api.keys else None
        self.webhooks = WebhookQueue(self, "Webhooks", task=task, environment=environment) if api.webhooks else None
        task.container.add_port_mappings(ecs.PortMapping(container_port=task.settings.port))
        self.service = self._service(network, cluster, task, environment)
        # Otherwise the first tasks may start before their role may pull the image.
        self.service.node.add_dependency(task.obtain_execution_role())
        blue_green = api.strategy is Strategy.BLUE_GREEN
        names = ("Blue", "Green") if blue_green else ("Tasks",)
        self._target_groups = [self._target_group(name, network, task, api) for name in names]
        self._attach(task)
        ApiScaling(
            self,
            "Scaling",
            service=self.service,
            # A policy counts requests of one target group, and a blue/green deployment moves them to the other.
            target_group=None if blue_green else self._target_groups[0],
            plan=environment.plan,
            api=api,
        )

    def _require_keys(self, task: ServiceTask, environment: Environment) -> secretsmanager.Secret:
        """Create the secret with one generated key; operators add and remove others."""
        keys = secretsmanager.Secret(
            self,
            "Keys",
            description="Keys of the API's callers. Tasks read them when they start, and every minute.",
            generate_secret_string=secretsmanager.SecretStringGenerator(password_length=40, exclude_punctuation=True),
            encryption_key=customer_key(self, environment=environment),
            removal_policy=removal(retain=environment.production),
        )
        acknowledge(
            keys, rule="SMG4", reason="callers have the keys too, so rotation needs a person who hands them the new one"
        )
        task.container.add_secret(variable("api_keys"), ecs.Secret.from_secrets_manager(keys))
        # ECS hands the secret over at the start only; the service reads it again.
        keys.grant_read(task.task_role)
        for role in (task.task_role, task.obtain_execution_role()):
            grant_customer_key(role, environment=environment, write=False)
        task.container.add_environment(variable("api_keys_secret"), keys.secret_arn)
        return keys

    def _service(
        self, network: TaskNetwork, cluster: ecs.ICluster, task: ServiceTask, environment: Environment
    ) -> ecs.FargateService:
        blue_green = environment.api.strategy is Strategy.BLUE_GREEN
        return ecs.FargateService(
            self,
            "Service",
            cluster=cluster,
            task_definition=task,
            capacity_provider_strategies=[ecs.CapacityProviderStrategy(capacity_provider="FARGATE", weight=1)],
            vpc_subnets=network.task_subnets,
            assign_public_ip=network.public_tasks,
            security_groups=[HttpsOutOnly(self, "Firewall", vpc=network.vpc, traces=task.traces)],
            enable_execute_command=environment.ecs_exec,
            deployment_strategy=ecs.DeploymentStrategy.BLUE_GREEN if blue_green else ecs.DeploymentStrategy.ROLLING,
            bake_time=Duration.minutes(environment.api.bake_minutes) if blue_green else None,
            circuit_breaker=ecs.DeploymentCircuitBreaker(enable=True, rollback=True),
            deployment_alarms=ecs.DeploymentAlarmConfig(
                alarm_names=[self._rollback_alarm().alarm_name], behavior=ecs.AlarmBehavior.ROLLBACK_ON_ALARM
            ),
            min_healthy_percent=100,
            max_healthy_percent=200,
            # Stated, because the default of a new service is not that of an old one. It moves tasks one by one, each
            # drained first, back to a zone that failed; a blue/green deployment places all of them anew.
            availability_zone_rebalancing=(
                ecs.AvailabilityZoneRebalancing.DISABLED if blue_green else ecs.AvailabilityZoneRebalancing.ENABLED
            ),
            health_check_grace_period=START_UP,
            propagate_tags=ecs.PropagatedTagSource.SERVICE,
        )

    def _target_group(
        self, name: str, network: TaskNetwork, task: ServiceTask, api: ApiPlan
    ) -> elb.ApplicationTargetGroup:
        return elb.ApplicationTargetGroup(
            self,
            name,
            vpc=network.vpc,
            port=task.settings.port,
            protocol=elb.ApplicationProtocol.HTTP,
            target_type=elb.TargetType.IP,
            load_balancing_algorithm_type=ALGORITHMS[api.routing],
            enable_anomaly_mitigation=True if api.routing is Routing.WEIGHTED_RANDOM else None,
            slow_start=Duration.seconds(api.slow_start_seconds) if api.slow_start_seconds else None,
            deregistration_delay=Duration.seconds(task.settings.drain_seconds),
            health_check=elb.HealthCheck(
                path=READY_PATH,
                interval=Duration.seconds(15),
                healthy_threshold_count=2,
                # Replacing a task loses its calls, so it must fail for a whole minute first.
                unhealthy_threshold_count=4,
            ),
        )

    def _attach(self, task: ServiceTask) -> None:
        """Forward every request to the tasks. With blue/green, ECS changes the weights at each deployment."""
        first, *alternate = self._target_groups
        weighted = [elb.WeightedTargetGroup(target_group=first, weight=100)]
        weighted += [elb.WeightedTargetGroup(target_group=group, weight=0) for group in alternate]
        rule = elb.ApplicationListenerRule(
            self,
            "Requests",
            listener=self.balancer.listener,
            priority=1,
            conditions=[elb.ListenerCondition.path_patterns(["/*"])],
            action=elb.ListenerAction.weighted_forward(weighted) if alternate else elb.ListenerAction.forward([first]),
        )
        target = self.service.load_balancer_target(
            container_name=task.container.container_name,
            container_port=task.settings.port,
            alternate_target=ecs.AlternateTarget(
                "Alternate",
                alternate_target_group=alternate[0],
                production_listener=ecs.ListenerRuleConfiguration.application_listener_rule(rule),
            )
            if alternate
            else None,
        )
        target.attach_to_application_target_group(first)
        if alternate:
            tolerate(self.service, rule="W3005", reason="the library names the rule as a dependency, too")
            moves = "arn:<AWS::Partition>:iam::aws:policy/AmazonECSInfrastructureRolePolicyForLoadBalancers"
            acknowledge(
                self.service,
                rule=f"IAM4[Policy::{moves}]",
                reason="AWS maintains the policy that lets ECS change the weights",
            )

    def _rollback_alarm(self) -> cloudwatch.Alarm:
        return cloudwatch.Alarm(
            self,
            "Rollback",
            metric=self.balancer.error_share,
            threshold=ROLLBACK_ERROR_SHARE,
            evaluation_periods=3,
            datapoints_to_alarm=2,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
            alarm_description="Not for people: rolls back a deployment whose tasks answer requests with 5xx.",
        )

    @property
    def unhealthy_hosts(self) -> cloudwatch.MathExpression:
        """Number of tasks that are registered with the load balancer but fail its health check."""
        metrics = {
            f"group{number}": self.balancer.metric(
                "UnHealthyHostCount", cloudwatch.Stats.MAXIMUM, TargetGroup=group.target_group_full_name
            )
            for number, group in enumerate(self._target_groups)
        }
        return cloudwatch.MathExpression(
            expression=" + ".join(f"FILL({name}, 0)" for name in metrics),
            using_metrics=metrics,
            period=Duration.minutes(1),
            label="unhealthy",
        )

    @property
    def errors(self) -> cloudwatch.MathExpression:
        """Responses with status 5xx per minute."""
        return self.balancer.errors
