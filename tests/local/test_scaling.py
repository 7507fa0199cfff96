from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from local.arithmetic import Number
from local.errors import LocalError
from local.scaling import ARRIVALS, TASKS, WAITING, WORKING, Alarm, Change, Metric, Scaling
from tests.stacks.factory import LIVE
from tests.stacks.synthesis import Template

TARGET = LIVE.plan.backlog_per_task
MOST = LIVE.plan.batch_max_tasks


@pytest.fixture
def scaling(line: Mapping[str, Template]) -> Scaling:
    """Production's scaling, before its first minute."""
    return Scaling.read(line["live/Batch"].body)


def metrics(
    waiting: Number = 0, working: Number = 0, tasks: Number = 0, arrivals: Number = None
) -> dict[Metric, Number]:
    """The metrics of a minute."""
    return {WAITING: waiting, WORKING: working, TASKS: tasks, ARRIVALS: arrivals}


def play(scaling: Scaling, minutes: Sequence[dict[Metric, Number]], *, tasks: int) -> list[Change | None]:
    """The change of each minute, if every change is carried out."""
    changes = []
    for minute in minutes:
        change = scaling.minute({**minute, TASKS: minute[TASKS] if minute[TASKS] is None else tasks}, tasks=tasks)
        tasks = change.tasks if change else tasks
        changes.append(change)
    return changes


def test_limits_are_the_plans(scaling: Scaling) -> None:
    """From zero to the number that the workload needs."""
    assert (scaling.least, scaling.most) == (0, MOST)


def test_first_message_starts_one_task_and_no_second(scaling: Scaling) -> None:
    """While the task starts, the message still waits, and must not start another."""
    changes = play(scaling, [metrics(waiting=1, tasks=None)] * 10, tasks=0)
    assert changes == [None, Change(tasks=1, policy="Wake"), *[None] * 8]


@pytest.mark.parametrize("arrivals", [None, 3])
def test_fleet_asks_for_one_task_while_spot_has_none(scaling: Scaling, arrivals: Number) -> None:
    """ECS reports no task count without a running task, for hours; a task every few minutes would all start at once."""
    hours = [metrics(waiting=500, working=None, tasks=None, arrivals=arrivals)] * 600
    assert [change for change in play(scaling, hours, tasks=0) if change] == [Change(tasks=1, policy="Wake")]


def test_upload_to_a_queue_that_reports_nothing_yet_starts_one_task(scaling: Scaling) -> None:
    """EventBridge counts it at once; SQS may take a quarter of an hour."""
    upload = metrics(waiting=None, working=None, tasks=None, arrivals=1)
    later = metrics(waiting=None, working=None, tasks=None)
    found = metrics(waiting=1, working=None, tasks=None)
    changes = play(scaling, [upload, *[later] * 12, *[found] * 20], tasks=0)
    assert [change for change in changes if change] == [Change(tasks=1, policy="Announce")]
    assert changes[0]


@pytest.mark.parametrize("tasks", [4, None])
def test_fleet_at_work_is_never_set_to_one_task(scaling: Scaling, tasks: Number) -> None:
    """Messages in flight show that tasks work, whether their number is reported or not."""
    minutes = [metrics(waiting=1, working=4, tasks=tasks)] * 60
    assert not [change for change in play(scaling, minutes, tasks=4) if change and change.tasks < 4]


def test_backlog_grows_the_fleet_after_three_minutes(scaling: Scaling) -> None:
    """To the number that brings each task's backlog to the target."""
    backlog = metrics(waiting=3.9 * TARGET)
    assert play(scaling, [backlog] * 3, tasks=2) == [None, None, Change(tasks=4, policy="Follow")]


def test_backlog_never_grows_the_fleet_beyond_its_limit(scaling: Scaling) -> None:
    """The plan's limit bounds the cost."""
    assert play(scaling, [metrics(waiting=1_000_000)] * 60, tasks=1)[2] == Change(tasks=MOST, policy="Follow")


def test_falling_backlog_takes_no_task_away(scaling: Scaling) -> None:
    """How many tasks the rest needs is not how many work: ECS would refuse to protect the others."""
    changes = play(scaling, [metrics(waiting=1.9 * TARGET, working=16)] * 60, tasks=8)
    assert changes == [None] * 60


@pytest.mark.parametrize(("working", "tasks", "left"), [(1, 2, 1), (3, 8, 4), (7, 8, 7), (8, 8, 8), (20, 8, 8)])
def test_tasks_without_work_are_taken_away_while_nothing_waits(
    scaling: Scaling, working: int, tasks: int, left: int
) -> None:
    """After five minutes, in steps that double, and never below the tasks that may be busy."""
    changes = play(scaling, [metrics(working=working)] * 5, tasks=tasks)
    assert changes == [*[None] * 4, Change(tasks=left, policy="Shrink") if left < tasks else None]


def test_last_task_is_kept_for_longer_than_metrics_can_be_late(scaling: Scaling) -> None:
    """The next call may come soon, and a start takes minutes."""
    changes = play(scaling, [metrics()] * 25, tasks=2)
    assert [(minute, change) for minute, change in enumerate(changes) if change] == [
        (4, Change(tasks=1, policy="Shrink")),
        (19, Change(tasks=0, policy="Sleep")),
    ]


def test_no_task_is_taken_away_during_a_deployment(scaling: Scaling) -> None:
    """Application Auto Scaling suspends scaling in; it may still grow the fleet."""
    for _ in range(60):
        assert scaling.minute(metrics(tasks=4), tasks=4, deploying=True) is None
    backlog = metrics(waiting=40 * TARGET, working=4, tasks=4)
    grown = [scaling.minute(backlog, tasks=4, deploying=True) for _ in range(3)]
    assert grown[2] == Change(tasks=min(MOST, 41), policy="Follow")


def test_empty_queue_sends_the_fleet_to_sleep(scaling: Scaling) -> None:
    """Also if its metrics are missing for so long, since an idle queue reports none."""
    changes = play(scaling, [metrics(waiting=None, working=None)] * 20, tasks=5)
    assert changes == [*[None] * 19, Change(tasks=0, policy="Sleep")]


def test_batch_that_a_quiet_queue_reports_late_is_not_put_to_sleep(scaling: Scaling) -> None:
    """The first report comes a quarter of an hour after the upload, and as late as any: the fleet that it woke stays."""
    silent = metrics(waiting=None, working=None, tasks=None)
    upload = {**silent, ARRIVALS: 1}
    changes = play(scaling, [*[silent] * 30, upload, *[silent] * 18], tasks=0)
    assert [change for change in changes if change] == [Change(tasks=1, policy="Announce")]


@pytest.mark.parametrize("late", ["waiting", "tasks"])
def test_minute_that_is_not_reported_moves_no_fleet(scaling: Scaling, late: str) -> None:
    """A missing datapoint is neither a backlog nor an empty queue."""
    minute = {"waiting": 40.0 * TARGET, "working": 4.0, "tasks": 4.0, late: None}
    assert play(scaling, [metrics(**minute)] * 60, tasks=4) == [None] * 60


def test_task_that_was_just_added_is_not_taken_back(scaling: Scaling) -> None:
    """After an increase no policy scales in until the cooldown is over, though the queue may be empty a minute later."""
    quiet, found = metrics(), metrics(waiting=1)
    changes = play(scaling, [*[quiet] * 13, found, found, *[quiet] * 40], tasks=0)
    woken = changes.index(Change(tasks=1, policy="Wake"))
    assert woken == 14
    asleep = next(minute for minute, change in enumerate(changes) if change and change.tasks == 0)
    assert asleep - woken > 5


@pytest.mark.parametrize(
    ("missing", "seen", "on"),
    [
        ("missing", [1, 1, None], [True, True, True]),
        ("missing", [1, None, None, None], [True, True, True, False]),
        ("ignore", [1, None, None, None, None], [True, True, True, True, True]),
        ("notBreaching", [1, None, None, None], [True, True, True, False]),
        ("breaching", [0, 0, None], [False, False, True]),
        ("ignore", [0, 0, 0, 1, 0, 0, 0], [False, False, False, True, True, True, False]),
    ],
)
def test_alarm_is_on_as_cloudwatch_says(missing: str, seen: list[Number], on: list[bool]) -> None:
    """It needs one of three datapoints; missing ones count as its TreatMissingData says."""
    query = {
        "Id": "waiting",
        "MetricStat": {"Metric": {"Namespace": WAITING[0], "MetricName": WAITING[1]}},
        "ReturnData": True,
    }
    alarm = Alarm(queries=[query], comparison=">=", threshold=1, needed=1, periods=3, missing=missing)
    states = []
    for value in seen:
        alarm.see({WAITING: value})
        states.append(alarm.on)
    assert states == on


def test_metric_that_is_not_simulated_is_refused(line: Mapping[str, Template]) -> None:
    """A policy on another metric is not simulated wrongly in silence."""
    scaling = Scaling.read(line["live/Batch"].body)
    with pytest.raises(LocalError, match=r"metric: got 'AWS/SQS/Approx.*', expected one that is simulated"):
        scaling.minute({}, tasks=0)


@pytest.mark.parametrize("stack", ["live/Recordings", "live/Network"])
def test_template_that_scales_nothing_is_refused(line: Mapping[str, Template], stack: str) -> None:
    """The error says that there is no scalable target."""
    body: Mapping[str, Any] = line[stack].body
    with pytest.raises(LocalError, match="template: got 0 scalable targets of Workers, expected one"):
        Scaling.read(body)
