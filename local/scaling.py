"""Application Auto Scaling and CloudWatch, simulated minute by minute for the policies of a synthesized template.

Policies, alarms and limits are read from the template. Only AWS's behaviour is written here, as its documentation
describes it: an alarm evaluates the last datapoints and acts in every minute that it is on; tasks that a policy added
count as added until its cooldown is over; nothing scales in during a deployment. For a target, AWS makes two alarms
itself: three minutes above the target, and fifteen minutes more than a tenth below it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import ceil, inf
from typing import Any, Protocol

from local.arithmetic import Number, evaluate
from local.errors import LocalError
from local.template import resources
from service.contract import METRIC_NAMESPACE, Gauge
from stacks.capacity.scaling import FOLLOW_MINUTES, Evaluation, Target, Wish

# A metric in the templates: its namespace and its name, and the service whose tasks it counts.
Metric = tuple[str, ...]
Minute = Mapping[Metric, Number]
Query = Mapping[str, Any]

WAITING: Metric = ("AWS/SQS", "ApproximateNumberOfMessagesVisible")
WORKING: Metric = ("AWS/SQS", "ApproximateNumberOfMessagesNotVisible")
ARRIVALS: Metric = ("AWS/Events", "MatchedEvents")
AGE: Metric = ("AWS/SQS", "ApproximateAgeOfOldestMessage")
TASKS: Metric = ("ECS/ContainerInsights", "DesiredTaskCount")
RUNNING: Metric = ("ECS/ContainerInsights", "RunningTaskCount")
GAUGES: Mapping[Gauge, Metric] = {gauge: (METRIC_NAMESPACE, gauge.value) for gauge in Gauge}

# The fleets of the batch stack, by their constructs.
WORKERS, RELIEF = "Workers", "Relief"

BELOW_MINUTES, BELOW_SHARE = 15, 0.9
COMPARISONS = {
    "GreaterThanOrEqualToThreshold": ">=",
    "GreaterThanThreshold": ">",
    "LessThanOrEqualToThreshold": "<=",
    "LessThanThreshold": "<",
}


@dataclass(kw_only=True)
class Alarm:
    """An alarm on metrics."""

    queries: list[Query]
    comparison: str
    threshold: float
    needed: int
    periods: int
    missing: str = "missing"
    value: Number = None

    def __post_init__(self) -> None:
        self._state = Evaluation(needed=self.needed, periods=self.periods, gap_ends=self.missing == "missing")

    @property
    def on(self) -> bool:
        """Whether its policy acts."""
        return self._state.on

    def see(self, minute: Minute) -> None:
        """Look at one more minute."""
        value = _result(self.queries, minute)
        self.value = self.value if value is None else value
        beyond = None if value is None else bool(evaluate(f"v {self.comparison} t", {"v": value, "t": self.threshold}))
        if beyond is None and self.missing in ("breaching", "notBreaching"):
            beyond = self.missing == "breaching"
        self._state.see(beyond=beyond)


class Policy(Protocol):
    """A scaling policy. Cooldowns are in minutes."""

    name: str
    out_cooldown: int
    in_cooldown: int

    def see(self, minute: Minute) -> None:
        """Look at one more minute."""

    def wish(self, *, tasks: int, added: int) -> int | None:
        """The wanted number of tasks; None for no change. `added` of the `tasks` are so new that a cooldown covers them."""


@dataclass(frozen=True, kw_only=True)
class Adjustment:
    """What a step policy does while its alarm's metric is `lower` to `upper` beyond the threshold."""

    tasks: int
    lower: float
    upper: float


@dataclass(kw_only=True)
class Step:
    """A step policy: while its alarm is on, it adds or takes away tasks, or sets their number."""

    name: str
    alarm: Alarm
    adjustments: list[Adjustment]
    exact: bool
    out_cooldown: int
    in_cooldown: int

    def see(self, minute: Minute) -> None:
        """Look at one more minute."""
        self.alarm.see(minute)

    def wish(self, *, tasks: int, added: int) -> int | None:
        """The number of tasks after the step."""
        if not self.alarm.on or self.alarm.value is None:
            return None
        beyond = self.alarm.value - self.alarm.threshold
        step = next((each.tasks for each in self.adjustments if each.lower <= beyond < each.upper), None)
        if step is None or self.exact:
            return step
        return tasks + step - (added if step > 0 else 0)


@dataclass(kw_only=True)
class Tracking:
    """A target-tracking policy: as many tasks as bring a metric back to its target."""

    name: str
    queries: list[Query]
    target: float
    shrinks: bool
    out_cooldown: int
    in_cooldown: int

    def __post_init__(self) -> None:
        self._above = self._alarm(">", self.target, FOLLOW_MINUTES)
        self._below = self._alarm("<", BELOW_SHARE * self.target, BELOW_MINUTES)
        self._value: Number = None

    def see(self, minute: Minute) -> None:
        """Look at one more minute."""
        self._value = _result(self.queries, minute)
        for alarm in (self._above, self._below):
            alarm.see(minute)

    def wish(self, *, tasks: int, added: int) -> int | None:  # noqa: ARG002 -- its metric includes new tasks
        """The number of tasks times the ratio of the metric to its target; zero stays zero."""
        if self._value is None or not (self._above.on or (self.shrinks and self._below.on)):
            return None
        return ceil(tasks * self._value / self.target)

    def _alarm(self, comparison: str, threshold: float, minutes: int) -> Alarm:
        # A minute without a datapoint turns either alarm off.
        return Alarm(queries=self.queries, comparison=comparison, threshold=threshold, needed=minutes, periods=minutes)


@dataclass(frozen=True, kw_only=True)
class Change:
    """A new number of tasks, and the policy that set it."""

    tasks: int
    policy: str


class Scaling:
    """The scaling of one service: takes the metrics of each minute, and returns the changes.

    Attributes:
        service: logical name of the service, which metrics of its tasks have as their third part.
    """

    def __init__(self, *, service: str, policies: list[Policy], least: int, most: int) -> None:
        self.service, self.least, self.most = service, least, most
        self._policies = policies
        self._target = Target(least=least, most=most)

    @classmethod
    def read(cls, template: Mapping[str, Any], fleet: str = WORKERS) -> "Scaling":
        """The policies of a fleet's scalable target in a template.

        Raises:
            LocalError: the template has no such fleet.
        """
        targets = {
            name: target
            for name, target in resources(template, "AWS::ApplicationAutoScaling::ScalableTarget").items()
            if name.startswith(fleet)
        }
        if len(targets) != 1:
            raise LocalError(f"template: got {len(targets)} scalable targets of {fleet}, expected one")
        ((name, target),) = targets.items()
        return cls(
            service=_service(target["ResourceId"]["Fn::Join"][1][-1]),
            policies=list(_policies(template, target=name)),
            least=target["MinCapacity"],
            most=target["MaxCapacity"],
        )

    def minute(self, observed: Minute, *, tasks: int, deploying: bool = False) -> Change | None:
        """Apply the policies to one minute's metrics and the wanted number of tasks; the change, if there is one.

        `TASKS` without a service are its own.
        """
        self._target.begin_minute()
        if TASKS in observed:
            observed = {**observed, (*TASKS, self.service): observed[TASKS]}
        for policy in self._policies:
            policy.see(observed)
        wishes = [
            Wish(policy=each.name, tasks=wanted, out_cooldown=each.out_cooldown, in_cooldown=each.in_cooldown)
            for each in self._policies
            if (wanted := each.wish(tasks=tasks, added=self._target.added)) is not None
        ]
        change = self._target.decide(wishes, tasks=tasks, deploying=deploying)
        return None if change is None else Change(tasks=change.tasks, policy=change.policy)


def has_fleet(template: Mapping[str, Any], fleet: str) -> bool:
    """Whether a template has a fleet of this name."""
    return any(name.startswith(fleet) for name in resources(template, "AWS::ApplicationAutoScaling::ScalableTarget"))


def _policies(template: Mapping[str, Any], *, target: str) -> Iterator[Policy]:
    alarms = resources(template, "AWS::CloudWatch::Alarm").values()
    for identity, policy in resources(template, "AWS::ApplicationAutoScaling::ScalingPolicy").items():
        if policy["ScalingTargetId"] != {"Ref": target}:
            continue
        if tracking := policy.get("TargetTrackingScalingPolicyConfiguration"):
            yield Tracking(
                name=policy["PolicyName"],
                queries=tracking["CustomizedMetricSpecification"]["Metrics"],
                target=tracking["TargetValue"],
                shrinks=not tracking.get("DisableScaleIn", False),
                out_cooldown=tracking["ScaleOutCooldown"] // 60,
                in_cooldown=tracking.get("ScaleInCooldown", 0) // 60,
            )
            continue
        step = policy["StepScalingPolicyConfiguration"]
        for alarm in (a for a in alarms if {"Ref": identity} in a.get("AlarmActions", ())):
            (label,) = (query["Label"] for query in alarm["Metrics"] if query["ReturnData"])
            yield Step(
                name=label,
                alarm=_alarm(alarm),
                adjustments=[
                    Adjustment(
                        tasks=each["ScalingAdjustment"],
                        lower=each.get("MetricIntervalLowerBound", -inf),
                        upper=each.get("MetricIntervalUpperBound", inf),
                    )
                    for each in step["StepAdjustments"]
                ],
                exact=step["AdjustmentType"] == "ExactCapacity",
                out_cooldown=step["Cooldown"] // 60,
                in_cooldown=step["Cooldown"] // 60,
            )


def _service(name: Mapping[str, Any]) -> str:
    """The logical name of the service whose name a template refers to."""
    logical: str = name["Fn::GetAtt"][0]
    return logical


def _alarm(properties: Mapping[str, Any]) -> Alarm:
    return Alarm(
        queries=properties["Metrics"],
        comparison=COMPARISONS[properties["ComparisonOperator"]],
        threshold=properties["Threshold"],
        needed=properties.get("DatapointsToAlarm", properties["EvaluationPeriods"]),
        periods=properties["EvaluationPeriods"],
        missing=properties.get("TreatMissingData", "missing"),
    )


def _result(queries: list[Query], minute: Minute) -> Number:
    """The datapoint that a list of queries returns for a minute."""
    values: dict[str, Number] = {}
    for query in (query for query in queries if "MetricStat" in query):
        metric = query["MetricStat"]["Metric"]
        services = (_service(each["Value"]) for each in metric.get("Dimensions", ()) if each["Name"] == "ServiceName")
        name = (metric["Namespace"], metric["MetricName"], *services)
        if name not in minute:
            raise LocalError(f"metric: got {'/'.join(name)!r}, expected one that is simulated")
        values[query["Id"]] = minute[name]
    (returned,) = (query for query in queries if query["ReturnData"])
    return evaluate(returned["Expression"], values) if "Expression" in returned else values[returned["Id"]]
