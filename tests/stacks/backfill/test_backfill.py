"""Promises of the Backfill stack, and of the week beside it."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from local import emulator
from service.settings import Settings
from stacks.capacity import DAYS_PER_MONTH, HOURS_PER_MONTH, Prices
from stacks.environments import BackfillPlan, InvalidEnvironment
from stacks.environments.backfill import WAITING_DAYS, backfill_settings
from stacks.environments.backfill_costs import backfill_bill, backfill_summary, budget
from stacks.environments.costs import month, per_audio_hour
from tests.emulated import create_stack, session
from tests.stacks.factory import GUARDED, LIVE, REGION
from tests.stacks.synthesis import Template, listed, statements

PLAN = BackfillPlan(audio_hours=20_000, days=30)
TARGET, RULE = "AWS::ApplicationAutoScaling::ScalableTarget", "AWS::Events::Rule"
PRICES = Prices.read(LIVE.region)


@pytest.fixture
def week(line: Mapping[str, Template]) -> Mapping[str, Template]:
    """Production without a backfill."""
    return {name.removeprefix("live/"): template for name, template in line.items() if name.startswith("live/")}


def environ(template: Template) -> dict[str, Any]:
    """The variables of the task's container."""
    (container,) = template.only("AWS::ECS::TaskDefinition")["ContainerDefinitions"]
    return {pair["Name"]: pair["Value"] for pair in container["Environment"]}


@pytest.mark.parametrize("stack", ["Api", "Batch"])
def test_week_has_the_same_limits_with_and_without_a_backfill(
    stack: str, guarded: Mapping[str, Template], week: Mapping[str, Template]
) -> None:
    """Neither the fleets' limits nor their scaling nor their services change; the deadline and the API are untouched."""
    for kind in (TARGET, "AWS::ApplicationAutoScaling::ScalingPolicy", "AWS::ECS::Service", "AWS::CloudWatch::Alarm"):
        assert guarded[stack].properties(kind) == week[stack].properties(kind)
    assert GUARDED.plan == LIVE.plan


def test_both_fleets_fit_into_the_spot_quota(guarded: Mapping[str, Template]) -> None:
    """The week's fleet and the backfill's together take no more vCPU than the account has."""
    vcpus = GUARDED.task_size.cpu / 1024
    most = guarded["Backfill"].only(TARGET)["MaxCapacity"]
    assert GUARDED.backfill_fleet
    assert most == GUARDED.backfill_fleet.tasks
    assert (GUARDED.plan.batch_max_tasks + most) * vcpus <= GUARDED.spot_vcpus


def test_backfill_runs_on_spot_alone(guarded: Mapping[str, Template]) -> None:
    """Nothing is urgent: it waits for Spot, and begins from zero."""
    service = guarded["Backfill"].only("AWS::ECS::Service")
    assert service["CapacityProviderStrategy"] == [{"CapacityProvider": "FARGATE_SPOT", "Weight": 1}]
    assert guarded["Backfill"].only(TARGET)["MinCapacity"] == 0


def test_each_queue_gets_its_own_keys(guarded: Mapping[str, Template], week: Mapping[str, Template]) -> None:
    """The rule of new recordings leaves the prefix out, the other asks for it, and without a backfill every key is new."""
    new, old = (
        guarded[name].only(RULE)["EventPattern"]["detail"]["object"]["key"] for name in ("Recordings", "Backfill")
    )
    assert new == [{"anything-but": {"prefix": "backfill/"}}]
    assert old == [{"prefix": "backfill/"}]
    assert "object" not in week["Recordings"].only(RULE)["EventPattern"]["detail"]


def test_uploads_reach_one_queue_each(guarded: Mapping[str, Template], tmp_path: Path) -> None:
    """In the emulator, the rules of both stacks divide the uploads of one bucket."""
    wanted = ("AWS::SQS::Queue", "AWS::SQS::QueuePolicy", RULE, "AWS::SSM::Parameter")
    old = guarded["Backfill"].body
    queues = {name: each for name, each in old["Resources"].items() if each["Type"] in wanted}
    used = {name: each for name, each in old["Parameters"].items() if name in json.dumps(queues)}
    outputs = {name: old["Outputs"][name] for name in ("QueueUrl", "DeadLetterQueueUrl")}
    small = {"Parameters": used, "Resources": queues, "Outputs": outputs}
    keys = {"Recordings": "2026/new.wav", "Backfill": "backfill/2025/old.wav"}
    try:
        running = emulator.start(tmp_path)
        aws = session(running, region=REGION)
        create_stack(aws, running.url, name="whisper-live-Recordings", template=guarded["Recordings"].body)
        create_stack(aws, running.url, name="whisper-live-Backfill", template=small)
        cloudformation = aws.client("cloudformation", endpoint_url=running.url)
        s3, sqs = aws.client("s3", endpoint_url=running.url), aws.client("sqs", endpoint_url=running.url)
        found = {
            stack: {
                output["OutputKey"]: output["OutputValue"]
                for output in cloudformation.describe_stacks(StackName=f"whisper-live-{stack}")["Stacks"][0]["Outputs"]
            }
            for stack in keys
        }
        for key in keys.values():
            s3.put_object(Bucket=found["Recordings"]["RecordingsBucket"], Key=key, Body=b"sound")
        for stack, key in keys.items():
            url, heard = found[stack]["QueueUrl"], list[str]()
            while answer := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=2).get(
                "Messages"
            ):
                heard += [json.loads(message["Body"])["detail"]["object"]["key"] for message in answer]
            assert heard == [key]
    finally:
        emulator.stop(tmp_path)


def test_workers_refuse_the_keys_of_the_other_queue(guarded: Mapping[str, Template]) -> None:
    """Even a message that is sent to the wrong queue by hand is not worked on there."""
    filters = {
        name: Settings.from_environ(
            {key: value for key, value in environ(guarded[name]).items() if "RECORDING_" in key}
        ).key_filter
        for name in ("Batch", "Backfill")
    }
    for key, queue in (("backfill/2025/a.wav", "Backfill"), ("2026/a.wav", "Batch")):
        assert [name for name, found in filters.items() if found.admits(key)] == [queue]


def test_prefixes_of_new_recordings_are_enough() -> None:
    """With prefixes the rule stays as it is; suffixes hold for old recordings, too."""
    settings = replace(LIVE.settings, recording_prefixes="calls/", recording_suffixes=".wav")
    environment = replace(LIVE, settings=settings, backfill=PLAN)
    assert environment.week_settings.key_filter.patterns == [{"wildcard": "calls/*.wav"}]
    assert backfill_settings(settings, PLAN).key_filter.patterns == [{"wildcard": "backfill/*.wav"}]


def test_metrics_of_a_backfill_are_not_those_of_the_week(guarded: Mapping[str, Template]) -> None:
    """Alarms and projections of new recordings read the fleet `worker`."""
    assert environ(guarded["Batch"])["WHISPER_FLEET"] == "worker"
    assert environ(guarded["Backfill"])["WHISPER_FLEET"] == "backfill"


def test_results_go_to_the_same_buckets(guarded: Mapping[str, Template]) -> None:
    """Whoever reads transcripts finds the old ones under the same names."""
    for name in ("WHISPER_RECORDINGS_BUCKET", "WHISPER_TRANSCRIPTS_BUCKET"):
        old, new = (json.dumps(environ(guarded[stack])[name]) for stack in ("Backfill", "Batch"))
        assert old == new


def test_message_waits_as_long_as_a_portion_takes(guarded: Mapping[str, Template]) -> None:
    """The dead letters are kept longer, since a message keeps its age."""
    queues = guarded["Backfill"].properties("AWS::SQS::Queue")
    (queue,) = (each for each in queues if "RedrivePolicy" in each)
    (dead,) = (each for each in queues if "RedrivePolicy" not in each)
    assert queue["MessageRetentionPeriod"] == WAITING_DAYS * 86_400 < dead["MessageRetentionPeriod"]
    assert queue["RedrivePolicy"]["maxReceiveCount"] == GUARDED.max_receives


def test_alarms_of_a_backfill_wake_no_one(guarded: Mapping[str, Template]) -> None:
    """They go by mail alone, although the environment has an endpoint for its others, and speak of whole days."""
    assert [s["Protocol"] for s in guarded["Backfill"].properties("AWS::SNS::Subscription")] == ["email"]
    assert "https" in [s["Protocol"] for s in guarded["Monitoring"].properties("AWS::SNS::Subscription")]
    people = [
        alarm
        for alarm in guarded["Backfill"].properties("AWS::CloudWatch::Alarm")
        if not alarm["AlarmDescription"].startswith("Not for people")
    ]
    assert len(people) == 2
    assert {alarm["Period"] for alarm in people} == {86_400}
    assert all(alarm["AlarmActions"] and "docs/runbooks/" in alarm["AlarmDescription"] for alarm in people)


def test_workers_reach_their_own_queue_only(guarded: Mapping[str, Template]) -> None:
    """A backfill cannot take messages of the week."""
    receiving = [s for s in statements(guarded["Backfill"]) if "sqs:ReceiveMessage" in listed(s["Action"])]
    assert receiving
    assert all("Fn::GetAtt" in resource for s in receiving for resource in listed(s["Resource"]))


def test_operator_may_redrive_a_backfill(guarded: Mapping[str, Template], week: Mapping[str, Template]) -> None:
    """The names of its queues reach the role as parameters, and only if there is a backfill."""

    def read(template: Template) -> set[str]:
        return {str(p.get("Default")) for p in template.body["Parameters"].values()}

    names = {f"/whisper/live/backfill-{name}" for name in ("queue-name", "dead-letter-queue-name")}
    assert names <= read(guarded["People"])
    assert not names & read(week["People"])


def test_plan_and_price_are_an_output(guarded: Mapping[str, Template]) -> None:
    """A person sees time, fleet, dollars and portions without reading code."""
    text = guarded["Backfill"].body["Outputs"]["Plan"]["Value"]
    assert text == backfill_summary(GUARDED)
    assert GUARDED.backfill_fleet
    assert f"in {GUARDED.backfill_fleet.days:.1f} of 30 days on {GUARDED.backfill_fleet.tasks} Spot tasks" in text
    bill = backfill_bill(GUARDED, PRICES)
    beside = sum(bill.values()) - bill["tasks"]
    assert f"for ${bill['tasks']:,.0f}, and ${beside:,.0f} of storage and requests until" in text
    assert "Upload 6,667 audio hours at most every 12 days." in text
    assert backfill_summary(LIVE) == ""


def test_price_is_that_of_spot_and_of_what_is_stored() -> None:
    """Telephone WAV costs $2.65 a thousand hours and month, kept for 90 days: more than the tasks, on a fast host."""
    bill = backfill_bill(GUARDED, PRICES)
    assert bill["tasks"] == pytest.approx(20_000 * per_audio_hour(GUARDED, PRICES, on_demand_share=0))
    assert bill["recordings"] == pytest.approx(20 * 2.65 * 90 / DAYS_PER_MONTH, rel=0.001)
    assert bill["requests"] > bill["logs"] > 0
    assert not backfill_bill(LIVE, PRICES)


def test_budget_has_room_for_the_backfill_while_there_is_one(guarded: Mapping[str, Template]) -> None:
    """Otherwise a brake would stop the week's fleet for dollars that were planned; the week's own month is unchanged."""
    assert month(GUARDED, PRICES) == month(LIVE, PRICES) == budget(LIVE, PRICES)
    bill, fleet = backfill_bill(GUARDED, PRICES), GUARDED.backfill_fleet
    assert fleet
    # It may be done within the month, and 90 days of storage are paid a month at a time.
    assert fleet.task_hours / fleet.tasks < HOURS_PER_MONTH
    least = bill["tasks"] + bill["recordings"] * DAYS_PER_MONTH / 90
    assert least < budget(GUARDED, PRICES) - month(GUARDED, PRICES) < sum(bill.values())
    limit = guarded["Monitoring"].only("AWS::Budgets::Budget")["Budget"]["BudgetLimit"]["Amount"]
    assert limit == round(budget(GUARDED, PRICES))


def test_long_backfill_takes_a_part_of_the_budget_each_month() -> None:
    """A year on few tasks costs in a month what those tasks cost in it."""
    long = replace(LIVE, backfill=replace(PLAN, days=365))
    bill, fleet = backfill_bill(long, PRICES), long.backfill_fleet
    assert fleet
    share = HOURS_PER_MONTH * fleet.tasks / fleet.task_hours
    assert share < 1
    stored = (bill["recordings"] + bill["transcripts"]) * DAYS_PER_MONTH / 365
    at_work = (bill["tasks"] + bill["logs"] + bill["requests"]) * share
    assert budget(long, PRICES) - month(long, PRICES) == pytest.approx(at_work + stored)


def test_new_stack_is_deployed_with_the_image(guarded: Mapping[str, Template]) -> None:
    """Its task runs the image of a release, by digest."""
    assert "ImageDigest" in guarded["Backfill"].body["Parameters"]


WRONG: tuple[tuple[dict[str, Any], str], ...] = (
    (
        {"backfill": replace(PLAN, days=1)},
        r"^live\.backfill\.days: got '1', expected \d+ or more, or a larger spot_vcpus: ",
    ),
    (
        {"backfill": PLAN, "settings": replace(LIVE.settings, recording_suffixes=".wav")},
        r"^live\.settings\.recording_prefixes: got '', expected prefixes beside recording_suffixes",
    ),
    (
        {
            "backfill": replace(PLAN, prefix="calls/old/"),
            "settings": replace(LIVE.settings, recording_prefixes="calls/"),
        },
        r"^live\.backfill\.prefix: got 'calls/old/', expected one that none of recording_prefixes begins$",
    ),
    (
        {"backfill": replace(PLAN, prefix="whisper")},
        r"^live\.backfill\.prefix: got 'whisper', expected one apart from whisper-canary/$",
    ),
    (
        {"backfill": PLAN, "recording_days": 12},
        r"^live\.recording_days: got '12', expected more than 12, for which a recording of the backfill may wait$",
    ),
)


@pytest.mark.parametrize(("changes", "line"), WRONG, ids=lambda value: "" if isinstance(value, dict) else value[:30])
def test_backfill_that_cannot_work_is_refused(changes: dict[str, Any], line: str) -> None:
    """The line names the value that has to change, and the number that would do."""
    with pytest.raises(InvalidEnvironment, match=line):
        replace(LIVE, **changes)


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"audio_hours": 0, "days": 1}, r"^backfill\.audio_hours: got '0', expected a number above 0$"),
        ({"audio_hours": 1, "days": 0}, r"^backfill\.days: got '0', expected a whole number, 1 or more$"),
        ({"audio_hours": 1, "days": 1, "prefix": ""}, r"^backfill\.prefix: got '', expected printable ASCII"),
        ({"audio_hours": 1, "days": 1, "prefix": "a,b/"}, r"^backfill\.prefix: got 'a,b/', expected printable ASCII"),
    ],
)
def test_wrong_plan_is_refused(values: dict[str, Any], line: str) -> None:
    """A slip in the file becomes a line."""
    with pytest.raises(InvalidEnvironment, match=line):
        BackfillPlan(**values)


def test_environments_without_a_backfill_have_no_such_stack(week: Mapping[str, Template]) -> None:
    """It is optional."""
    assert "Backfill" not in week
