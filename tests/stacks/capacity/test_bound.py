"""A workload reaches the templates: limits, targets, thresholds, budget and the plan's line follow from it."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stacks.capacity.usage import ALARM_METRICS
from stacks.environments import Environment
from stacks.environments.costs import month
from stacks.environments.forecast import forecast
from tests.stacks.factory import LIVE
from tests.stacks.synthesis import Template, synthesize

# Fewer agents, and less time.
OTHER = replace(LIVE, workload=replace(LIVE.workload, agents=70, window_hours=40))


def found(templates: Mapping[str, Template]) -> dict[str, Any]:
    """What the plan decides in the templates of production."""
    batch, monitoring = templates["live/Batch"], templates["live/Monitoring"]
    limits = {
        target["MaxCapacity"]: target for target in batch.properties("AWS::ApplicationAutoScaling::ScalableTarget")
    }
    (tracking,) = [
        policy["TargetTrackingScalingPolicyConfiguration"]["TargetValue"]
        for policy in batch.properties("AWS::ApplicationAutoScaling::ScalingPolicy")
        if policy["PolicyType"] == "TargetTrackingScaling"
    ]
    (oldest,) = [
        alarm["Threshold"]
        for alarm in monitoring.properties("AWS::CloudWatch::Alarm")
        if alarm.get("MetricName") == "ApproximateAgeOfOldestMessage"
    ]
    return {
        "limits": set(limits),
        "backlog": tracking,
        "oldest": oldest,
        "budget": monitoring.only("AWS::Budgets::Budget")["Budget"]["BudgetLimit"]["Amount"],
        "plan": batch.body["Outputs"]["Plan"]["Value"],
    }


def planned(environment: Environment) -> dict[str, Any]:
    """What they have to be."""
    plan, own = environment.plan, forecast(environment)
    return {
        "limits": {plan.batch_max_tasks, plan.relief_max_tasks},
        "backlog": pytest.approx(plan.backlog_per_task, abs=0.01),
        "oldest": plan.oldest_message_alarm_seconds,
        "budget": round(month(environment, own.prices)),
        "plan": own.summary(),
    }


def test_other_workload_gives_other_limits_targets_thresholds_and_budget(
    line: Mapping[str, Template], tmp_path: Path
) -> None:
    """None of them is typed: each changes with the workload, and is the plan's in both templates."""
    before, after = found(line), found(synthesize([OTHER], tmp_path))
    assert before == planned(LIVE)
    assert after == planned(OTHER)
    assert all(before[name] != after[name] for name in before)


def test_bill_counts_about_as_many_metrics_in_alarms_as_there_are(line: Mapping[str, Template]) -> None:
    """Each metric of an alarm is billed; environments differ by a few."""
    alarms = [
        alarm
        for name, template in line.items()
        if name.startswith("live/")
        for alarm in template.properties("AWS::CloudWatch::Alarm")
    ]
    metrics = sum(sum("MetricStat" in query for query in alarm.get("Metrics", ())) or 1 for alarm in alarms)
    assert metrics == pytest.approx(ALARM_METRICS, rel=0.2)
