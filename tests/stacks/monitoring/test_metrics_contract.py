"""Every metric that stacks read is emitted; thresholds follow the workload; alarms name their runbooks."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from service.contract import METRIC_DIMENSIONS, METRIC_NAMESPACE, OUTCOME_DIMENSION, Check, CheckMetric, Gauge, Metric
from stacks.capacity import Workload
from stacks.environments import Environment, emulated, environments
from stacks.monitoring.brake_steps import LEVEL_METRIC
from tests.stacks.factory import LIVE
from tests.stacks.synthesis import ROOT, Template, synthesize

# Metrics that AWS emits, by namespace, with their dimensions; the last namespace needs Container Insights.
AWS_METRICS: Mapping[str, tuple[set[str], set[str]]] = {
    "AWS/ApplicationELB": (
        {"HTTPCode_Target_5XX_Count", "HTTPCode_ELB_5XX_Count", "RequestCount", "UnHealthyHostCount"},
        {"LoadBalancer", "TargetGroup"},
    ),
    "AWS/Events": ({"MatchedEvents"}, {"RuleName"}),
    "AWS/States": ({"ExecutionsFailed"}, {"StateMachineArn"}),
    "AWS/SQS": (
        {
            "ApproximateAgeOfOldestMessage",
            "ApproximateNumberOfMessagesNotVisible",
            "ApproximateNumberOfMessagesVisible",
        },
        {"QueueName"},
    ),
    "ECS/ContainerInsights": ({"DesiredTaskCount", "RunningTaskCount"}, {"ClusterName", "ServiceName"}),
}
PAGES = sorted((ROOT / "docs" / "runbooks").glob("*.md"))

Reading = tuple[str, str, dict[str, str]]


def read(template: Template) -> Iterator[Reading]:
    """Namespace, name and dimensions of every metric that a template's alarms, scaling and dashboards read."""
    for kind in ("AWS::CloudWatch::Alarm", "AWS::ApplicationAutoScaling::ScalingPolicy"):
        yield from chain.from_iterable(map(_in, template.properties(kind)))
    for properties in template.properties("AWS::CloudWatch::Dashboard"):
        for widget in json.loads(_text(properties["DashboardBody"]))["widgets"]:
            for row in widget["properties"].get("metrics", []):
                if isinstance(row[0], str):
                    namespace, name, *pairs = (part for part in row if isinstance(part, str))
                    yield namespace, name, dict(zip(pairs[::2], pairs[1::2], strict=True))


def _in(value: Any) -> Iterator[Reading]:
    if isinstance(value, dict):
        if "MetricName" in value:
            dimensions = {d["Name"]: str(d["Value"]) for d in value.get("Dimensions", [])}
            yield value["Namespace"], value["MetricName"], dimensions
        yield from chain.from_iterable(map(_in, value.values()))
    elif isinstance(value, list):
        yield from chain.from_iterable(map(_in, value))


def _text(value: Any) -> str:
    """A text that CloudFormation joins, with a placeholder for each value that it fills in."""
    if isinstance(value, str):
        return value
    return "".join(part if isinstance(part, str) else "filled-in" for part in value["Fn::Join"][1])


def test_service_emits_every_metric_that_stacks_read(templates: Mapping[str, Template]) -> None:
    """Each metric in the service's namespace has a name, dimensions and values that the service emits.

    A brake, which has its own test, emits one, too.
    """
    every = [metric for template in templates.values() for metric in read(template)]
    found = [metric for metric in every if metric[0] == METRIC_NAMESPACE and metric[1] != LEVEL_METRIC]
    known = {environment.name for environment in (*environments(), emulated())}
    for _, name, dimensions in found:
        assert set(dimensions) == {*METRIC_DIMENSIONS, *([OUTCOME_DIMENSION] if name == Metric.CALLS else [])}
        assert dimensions["Environment"] in known
        assert dimensions["Service"] in {"api", "worker", *Check}
        assert (name in {*CheckMetric}) == (dimensions["Service"] in {*Check})
    # How long a golden call took is for people who look at the metric.
    assert {name for _, name, _ in found} == {*Metric, *Gauge, *CheckMetric} - {CheckMetric.SECONDS}


def test_aws_emits_every_metric_that_stacks_read(templates: Mapping[str, Template]) -> None:
    """CloudWatch accepts a misspelt metric, and the alarm never fires."""
    for template in templates.values():
        for namespace, name, dimensions in read(template):
            if namespace != METRIC_NAMESPACE:
                names, keys = AWS_METRICS[namespace]
                assert name in names
                assert dimensions
                assert set(dimensions) <= keys


def test_tasks_get_the_dimensions_that_stacks_read(templates: Mapping[str, Template], environment: Environment) -> None:
    """The dimensions are the environment in a task's settings and the verb that it runs."""
    for stack, verb in (("Api", "api"), ("Batch", "worker")):
        task = templates[f"{environment.name}/{stack}"].only("AWS::ECS::TaskDefinition")
        (container,) = task["ContainerDefinitions"]
        assert {"Name": "WHISPER_ENVIRONMENT", "Value": environment.name} in container["Environment"]
        assert container["Command"] == [verb]


def test_every_alarm_names_its_runbook(line: Mapping[str, Template]) -> None:
    """An alarm for people names an existing page; the others say "not for people". Every page is named by an alarm."""
    named = set()
    for template in line.values():
        for alarm in template.properties("AWS::CloudWatch::Alarm"):
            text = alarm["AlarmDescription"]
            if not text.startswith("Not for people: "):
                page = text.rpartition("What to do: ")[2]
                named.add(page)
                assert alarm["AlarmActions"]
                assert (ROOT / page).is_file()
        for rule in template.properties("AWS::Events::Rule"):
            for target in rule["Targets"]:
                if "InputTransformer" in target:
                    named.add(target["InputTransformer"]["InputTemplate"].rpartition("What to do: ")[2].strip('"'))
    # AWS writes the budget's message, so its page is found by name; the line has no webhooks, whose test reads their alarms.
    assert named | {"docs/runbooks/budget.md", "docs/runbooks/webhooks.md"} == {
        str(page.relative_to(ROOT)) for page in PAGES
    }
    listed = (ROOT / "docs" / "stacks" / "monitoring.md").read_text()
    assert [page.name for page in PAGES if f"(../runbooks/{page.name})" not in listed] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_runbook_has_the_common_headings(page: Path) -> None:
    """A person on call finds the same headings in the same order on every page."""
    headings = [line for line in page.read_text().splitlines() if line.startswith("## ")]
    assert headings == ["## What it means", "## Look", "## Mend", "## Escalate"]
    assert "```sh aws\naws " in page.read_text()


def test_template_follows_the_workload(line: Mapping[str, Template], tmp_path: Path) -> None:
    """Limits, targets, thresholds and budget are derived: all of them change with the workload."""
    small = Workload(agents=20, calls_per_agent_per_day=30, talk_minutes_per_call=3, days_per_batch=1, window_hours=10)
    other = synthesize([replace(LIVE, workload=small)], tmp_path)
    before, after = (dict(numbers(these)) for these in (line, other))
    assert sorted(before) == sorted(after) == ["backlog", "dollars", "most", "oldest"]
    assert [name for name in before if before[name] == after[name]] == []
    plan = replace(LIVE, workload=small).plan
    assert after["oldest"] == plan.oldest_message_alarm_seconds
    assert after["most"] == plan.batch_max_tasks


def numbers(templates: Mapping[str, Template]) -> Iterator[tuple[str, float]]:
    """The numbers in the templates of production that follow from the workload."""
    batch, monitoring = templates["live/Batch"], templates["live/Monitoring"]
    yield "most", batch.only("AWS::ApplicationAutoScaling::ScalableTarget", of="Workers")["MaxCapacity"]
    for policy in batch.properties("AWS::ApplicationAutoScaling::ScalingPolicy"):
        if policy["PolicyType"] == "TargetTrackingScaling":
            yield "backlog", policy["TargetTrackingScalingPolicyConfiguration"]["TargetValue"]
    for alarm in monitoring.properties("AWS::CloudWatch::Alarm"):
        if alarm["AlarmDescription"].endswith("oldest-message.md"):
            yield "oldest", alarm["Threshold"]
    yield "dollars", monitoring.only("AWS::Budgets::Budget")["Budget"]["BudgetLimit"]["Amount"]
