from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import Aws, CfnOutput, Duration, Stack
from aws_cdk import aws_budgets as budgets
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from aws_cdk import aws_ssm as ssm
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from service.contract import METRIC_DIMENSIONS, METRIC_NAMESPACE
from stacks.batch.queue_workers import QueueWorkers
from stacks.batch.relief import Relief
from stacks.capacity import tasks_for_deadline
from stacks.environments import BudgetBrake, Environment, waiting_days
from stacks.monitoring.brake_steps import BRAKE_SERVICE, LEVEL_METRIC, OFF, steps
from stacks.shared.acknowledge import acknowledge, acknowledge_wildcards
from stacks.shared.lint import tolerate
from stacks.shared.people_alarm import PeopleAlarm, Threshold

RUNBOOK = "budget"


@dataclass(frozen=True, slots=True, kw_only=True)
class BrakedFleet:
    """A service that the brake limits: its most tasks without a brake, and with one that is not fully on."""

    service: ecs.FargateService
    full: int
    slowed: int

    @property
    def resource(self) -> str:
        """Its name in Application Auto Scaling."""
        return f"service/{self.service.cluster.cluster_name}/{self.service.service_name}"


def braked(
    environment: Environment, *, workers: QueueWorkers, relief: Relief | None, backfill: Sequence[QueueWorkers]
) -> list[BrakedFleet]:
    """The batch fleets: old recordings wait as soon as the brake is on, relief joins only for the deadline anyway."""
    plan, old = environment.plan, environment.backfill_fleet
    slowed = tasks_for_deadline(
        workload=environment.workload, plan=plan, max_audio_seconds=environment.settings.max_audio_seconds
    )
    fleets = [BrakedFleet(service=workers.service, full=plan.batch_max_tasks, slowed=slowed)]
    if relief:
        most = plan.relief_max_tasks
        fleets.append(BrakedFleet(service=relief.service, full=most, slowed=min(slowed, most)))
    return fleets + [BrakedFleet(service=each.service, full=old.tasks if old else 0, slowed=0) for each in backfill]


class Brake(Construct):
    """Lowers the most tasks of the batch fleets while the month has cost too much, and raises it in the next month.

    A state machine without code reads the budget every hour, and after each update of a fleet's stack: a deployment that resets
    the limit does not lift a brake. An SSM parameter keeps its state, and who lifts it writes that there.

    Args:
        environment: names the state and the metric.
        plan: the shares of the budget.
        topic: for the alarms.

    Attributes:
        alarms: one that rings while the brake is on, and one for a brake that does not work.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, environment: Environment, plan: BudgetBrake, topic: sns.ITopic
    ) -> None:
        super().__init__(scope, construct_id)
        self._topic, self._environment, self._plan = topic, environment, plan
        self.alarms: list[cloudwatch.Alarm] = []

    def limit(self, fleets: Sequence[BrakedFleet], *, budget: budgets.CfnBudget, dollars: float) -> None:
        """Let a budget of so many dollars limit the fleets."""
        parameter = self._environment.parameter("brake")
        state = ssm.StringParameter(
            self, "State", parameter_name=parameter, string_value=OFF, description="The budget brake"
        )
        definition = steps(
            parameter=parameter,
            budget=budget.ref,
            slow_dollars=round(self._plan.slow_at * dollars, 2),
            stop_dollars=round(self._plan.stop_at * dollars, 2),
            fleets=[{"resource": f.resource, "full": f.full, "slowed": f.slowed} for f in fleets],
            environment=self._environment.name,
        )
        machine = sfn.StateMachine(
            self,
            "Machine",
            definition_body=sfn.DefinitionBody.from_string(Stack.of(self).to_json_string(definition)),
            role=self._role(state, budget, fleets),
        )
        reason = "a standard state machine keeps the history of every run for 90 days, with each input and answer"
        for rule in ("SF1", "SF2"):
            acknowledge(machine, rule=rule, reason=reason)
        # The library makes it wait for its role and the role's policy; only the second is not implied.
        tolerate(machine, rule="W3005", reason="the library adds a dependency that the role's ARN already enforces")
        self._run(machine, fleets)
        self.alarms = [self._ring(), self._watch(machine)]
        CfnOutput(self, "Arn", value=machine.state_machine_arn).override_logical_id("BrakeArn")

    def _role(self, state: ssm.StringParameter, budget: budgets.CfnBudget, fleets: Sequence[BrakedFleet]) -> iam.Role:
        """May read the budget, limit these services, keep its state, and tell it."""
        stack = Stack.of(self)
        own = {"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}}
        role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("states.amazonaws.com").with_conditions(own))
        month = f"arn:{Aws.PARTITION}:budgets::{Aws.ACCOUNT_ID}:budget/{budget.ref}"
        scalable = stack.format_arn(service="application-autoscaling", resource="scalable-target", resource_name="*")
        services = [fleet.service.service_arn for fleet in fleets]
        only_ecs = {"application-autoscaling:service-namespace": "ecs"}
        for actions_, resources, conditions in (
            (("ssm:GetParameter", "ssm:PutParameter"), [state.parameter_arn], {}),
            (("budgets:ViewBudget",), [month], {}),
            (("application-autoscaling:RegisterScalableTarget",), [scalable], {"StringEquals": only_ecs}),
            # Application Auto Scaling asks for them in the caller's name.
            (("ecs:DescribeServices", "ecs:UpdateService"), services, {}),
            (("cloudwatch:PutMetricData",), ["*"], {"StringEquals": {"cloudwatch:namespace": METRIC_NAMESPACE}}),
        ):
            role.add_to_policy(iam.PolicyStatement(actions=list(actions_), resources=resources, conditions=conditions))
        acknowledge_wildcards(
            role,
            resources=["*", scalable],
            reason="metrics are no resources; the id of a scalable target is known only when it exists",
        )
        return role

    def _run(self, machine: sfn.StateMachine, fleets: Sequence[BrakedFleet]) -> None:
        """Every hour, and as soon as CloudFormation has updated a fleet's stack."""
        start = targets.SfnStateMachine(machine, input=events.RuleTargetInput.from_object({"lift": False}))
        events.Rule(self, "Hourly", schedule=events.Schedule.rate(Duration.hours(1)), targets=[start])
        arn = Stack.of(self).format_arn
        names = dict.fromkeys(Stack.of(fleet.service).stack_name for fleet in fleets)
        stacks = [
            {"prefix": arn(service="cloudformation", resource="stack", resource_name=f"{name}/")} for name in names
        ]
        events.Rule(
            self,
            "Deployed",
            event_pattern=events.EventPattern(
                source=["aws.cloudformation"],
                detail_type=["CloudFormation Stack Status Change"],
                detail={
                    "stack-id": stacks,
                    "status-details": {"status": ["UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"]},
                },
            ),
            targets=[start],
        )

    def _ring(self) -> cloudwatch.Alarm:
        plan = self._plan
        names = dict(zip(METRIC_DIMENSIONS, (self._environment.name, BRAKE_SERVICE), strict=True))
        return self._alarm(
            "On",
            cloudwatch.Metric(
                namespace=METRIC_NAMESPACE,
                metric_name=LEVEL_METRIC,
                dimensions_map=names,
                statistic=cloudwatch.Stats.MAXIMUM,
                period=Duration.hours(1),
            ),
            # Between two runs there is no metric: the alarm stays as the last one left it.
            cloudwatch.TreatMissingData.IGNORE,
            f"The budget brake is on: from {plan.slow_at:.0%} of the month's budget on, the batch fleet has only the tasks"
            f" that the deadline needs (1), from {plan.stop_at:.0%} on none (2). Messages wait {waiting_days(plan)} days at most;"
            f" their recordings are kept. `python -m delivery.brake lift {self._environment.name}` lifts it.",
        )

    def _watch(self, machine: sfn.StateMachine) -> cloudwatch.Alarm:
        return self._alarm(
            "Failed",
            machine.metric_failed(period=Duration.hours(1), statistic=cloudwatch.Stats.SUM),
            cloudwatch.TreatMissingData.NOT_BREACHING,
            "The budget brake could not read the budget, or not limit the fleet.",
        )

    def _alarm(
        self,
        construct_id: str,
        metric: cloudwatch.IMetric,
        missing: cloudwatch.TreatMissingData,
        meaning: str,
    ) -> cloudwatch.Alarm:
        return PeopleAlarm(
            self,
            construct_id,
            topic=self._topic,
            metric=metric,
            threshold=Threshold(value=1, missing=missing),
            meaning=meaning,
            runbook=RUNBOOK,
        )
