"""Promises of the Watch stack: a golden call and a comparison at fixed hours, with few rights, and alarms that do not cry."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from delivery.health import WATCHED
from service.__main__ import _parser as service_parser
from service.settings import CANARY_FOLDER
from stacks.environments import GOLDEN_CALL_SECONDS, PROOF_SECONDS, InvalidEnvironment, WatchPlan
from stacks.environments.deployments import START_SECONDS
from stacks.environments.watch import AWAKE_SECONDS, WAKE_SECONDS, WORK_SECONDS
from tests.stacks.factory import LINE, LIVE
from tests.stacks.synthesis import Template, listed

ENVIRONMENTS = {environment.name: environment for environment in LINE}


def watch(line: Mapping[str, Template], name: str = "live") -> Template:
    """The stack of an environment of the line."""
    return line[f"{name}/Watch"]


def tasks(template: Template) -> dict[str, dict[str, Any]]:
    """The task definitions by the verb that they run."""
    definitions = template.properties("AWS::ECS::TaskDefinition")
    return {definition["ContainerDefinitions"][0]["Command"][0]: definition for definition in definitions}


def rights(template: Template, role: str) -> dict[str, set[str]]:
    """The actions that a task may take, each with its resources as text."""
    found: dict[str, set[str]] = {}
    for resource in template.resources("AWS::IAM::Policy"):
        if str(resource["Properties"]["PolicyName"]).startswith(role):
            for statement in resource["Properties"]["PolicyDocument"]["Statement"]:
                for action in listed(statement["Action"]):
                    found.setdefault(action, set()).update(map(str, listed(statement["Resource"])))
    return found


def alarms(template: Template, kind: str) -> list[dict[str, Any]]:
    """The alarms that treat missing data in a way."""
    return [a for a in template.properties("AWS::CloudWatch::Alarm") if a["TreatMissingData"] == kind]


def test_checks_run_the_new_image_in_the_smallest_task(line: Mapping[str, Template]) -> None:
    """The deployment names the image by digest; the commands are ones that the service understands."""
    found = tasks(watch(line))
    assert set(found) == {"canary", "jobs"}
    for definition in found.values():
        (container,) = definition["ContainerDefinitions"]
        assert (definition["Cpu"], definition["Memory"]) == ("256", "512")
        assert {"Ref": "ImageDigest"} in container["Image"]["Fn::Join"][1]
        asked = service_parser().parse_args(container["Command"])
        assert asked.metric
        assert container["ReadonlyRootFilesystem"]
        assert container["LinuxParameters"]["Capabilities"] == {"Drop": ["ALL"]}


@pytest.mark.parametrize(("name", "hours"), [("live", {"4"}), ("forge", {"4,10,16,22", ",".join(map(str, range(24)))})])
def test_checks_run_at_fixed_hours(line: Mapping[str, Template], name: str, hours: set[str]) -> None:
    """In UTC and at equal distances: a deployment, which changes the schedule, neither starts a run nor puts one off."""
    found = [schedule["ScheduleExpression"] for schedule in watch(line, name).properties("AWS::Scheduler::Schedule")]
    assert {re.fullmatch(r"cron\(\d+ (.*) \* \* \? \*\)", expression)[1] for expression in found} == hours  # type: ignore[index]


def test_schedule_runs_the_task_on_demand(line: Mapping[str, Template]) -> None:
    """While Spot has no capacity, a check on Spot would be missing instead of telling so."""
    template = watch(line)
    schedules = template.properties("AWS::Scheduler::Schedule")
    assert len(schedules) == 2
    for schedule in schedules:
        target = schedule["Target"]
        assert target["EcsParameters"]["LaunchType"] == "FARGATE"
        assert "CapacityProviderStrategy" not in target["EcsParameters"]
        assert schedule.get("State", "ENABLED") == "ENABLED"
        assert target["EcsParameters"]["NetworkConfiguration"]["AwsvpcConfiguration"]["SecurityGroups"]


def test_canary_reads_no_caller(line: Mapping[str, Template]) -> None:
    """It writes and deletes in the folder of golden calls only, and lists the keys of results."""
    found = rights(watch(line), "CanaryTaskRole")
    assert set(found) == {"s3:PutObject", "s3:DeleteObject", "s3:GetObject", "s3:ListBucket", "sqs:GetQueueAttributes"}
    for action in ("s3:PutObject", "s3:DeleteObject", "s3:GetObject"):
        assert all(f"/{CANARY_FOLDER}*" in resource for resource in found[action]), action
    assert all("transcripts/" in r or "failed/" in r for r in found["s3:GetObject"])


def test_comparison_reads_no_object(line: Mapping[str, Template]) -> None:
    """Lists and counts are all it needs."""
    found = rights(watch(line), "ReconcileTaskRole")
    assert set(found) == {"s3:ListBucketVersions", "s3:ListBucket", "sqs:GetQueueAttributes", "sqs:GetQueueUrl"}


def test_names_of_the_tasks_are_those_that_a_deployment_may_run(line: Mapping[str, Template]) -> None:
    """The roles of Delivery, which is deployed first, know the beginning of each name."""
    for definition in tasks(watch(line)).values():
        assert definition["Family"].startswith("liveWatch")
    allowed = [
        str(statement["Resource"])
        for template in (line["live/Delivery"], line["forge/Delivery"])
        for policy in template.properties("AWS::IAM::Policy")
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Action"] == "ecs:RunTask"
    ]
    assert allowed
    assert all(re.search(r"task-definition/(live|forge)Watch\*:\*", resource) for resource in allowed)


def test_failed_run_rings_until_the_next_one(line: Mapping[str, Template]) -> None:
    """Between two runs there is no metric, which must not end the alarm."""
    found = alarms(watch(line), "ignore")
    assert {(a["MetricName"], a["ComparisonOperator"], a["Statistic"], a["Threshold"]) for a in found} == {
        ("CanaryPassed", "LessThanThreshold", "Minimum", 1),
        ("LostRecordings", "GreaterThanOrEqualToThreshold", "Maximum", 1),
    }
    assert {a["EvaluationPeriods"] for a in found} == {1}


def test_missing_run_rings_after_its_time_and_two_hours(line: Mapping[str, Template]) -> None:
    """Every hour of the interval, and two more, passed without a run; CloudWatch looks back a week at most."""
    for name, environment in ENVIRONMENTS.items():
        found = alarms(watch(line, name), "breaching")
        assert {(a["MetricName"], a["EvaluationPeriods"]) for a in found} == {
            ("CanaryPassed", environment.watch.canary_hours + 2),
            ("LostRecordings", environment.watch.reconcile_hours + 2),
        }
        for alarm in found:
            assert (alarm["Statistic"], alarm["Period"]) == ("SampleCount", 3600)
            assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("LessThanThreshold", 1)
            assert alarm["Period"] * alarm["EvaluationPeriods"] <= 604_800


def test_release_is_not_judged_by_alarms_of_hours(line: Mapping[str, Template]) -> None:
    """An alarm on missing runs rings from its creation to the first run: a release watches other stacks' alarms."""
    assert "Watch" not in WATCHED
    for stack in WATCHED:
        for alarm in line[f"live/{stack}"].properties("AWS::CloudWatch::Alarm"):
            assert alarm["TreatMissingData"] != "breaching"


def test_golden_call_has_the_time_that_waking_takes(line: Mapping[str, Template]) -> None:
    """The longest of the alarms that wake the fleet, after late metrics, and the start of a task."""
    slowest = max(
        alarm["EvaluationPeriods"]
        for alarm in line["live/Batch"].properties("AWS::CloudWatch::Alarm")
        if alarm["AlarmDescription"].endswith(("(Wake).", "(Announce)."))
    )
    late_metrics = 2
    assert 60 * (1 + late_metrics + slowest) <= WAKE_SECONDS
    command = tasks(watch(line))["canary"]["ContainerDefinitions"][0]["Command"]
    assert command[command.index("--within") + 1] == str(GOLDEN_CALL_SECONDS)
    assert WAKE_SECONDS + START_SECONDS < GOLDEN_CALL_SECONDS < PROOF_SECONDS


def test_price_of_a_golden_call_has_the_time_until_the_worker_is_taken_away(line: Mapping[str, Template]) -> None:
    """The scaling waits for so many quiet minutes."""
    (minutes,) = [
        alarm["EvaluationPeriods"]
        for alarm in line["live/Batch"].properties("AWS::CloudWatch::Alarm")
        if alarm["AlarmDescription"].endswith("(Sleep).")
    ]
    assert WORK_SECONDS + 60 * minutes == AWAKE_SECONDS - START_SECONDS


def test_golden_call_is_put_where_the_filter_admits_it() -> None:
    """A recorder's prefix and suffix are those of the golden call, too."""
    filtered = replace(LIVE.settings, recording_prefixes="calls/", recording_suffixes=".mp3")
    assert filtered.canary_folder == f"calls/{CANARY_FOLDER}"


@pytest.mark.parametrize("hours", [0, 5, 25, 48])
def test_hours_that_do_not_divide_a_day_are_refused(hours: int) -> None:
    """The field, the value and the expectation."""
    with pytest.raises(InvalidEnvironment, match=rf"watch.canary_hours: got '{hours}', expected one of 1, 2, 3"):
        WatchPlan(canary_hours=hours)
