"""The alarm on a fleet that gets only a part of its tasks."""

from collections.abc import Mapping

import pytest

from local.arithmetic import Number, evaluate
from stacks.environments import Environment
from tests.stacks.synthesis import Template


@pytest.mark.parametrize(
    ("waiting", "running", "desired", "short"),
    [
        (5, 7, 10, 1.0),
        (5, 8, 10, 0.0),
        (0, 2, 10, 0.0),  # nothing waits for the missing tasks
        (5, 3, 3, 0.0),
        (5, None, None, None),  # no task runs: `NoWorker`
    ],
)
def test_shortage_is_a_backlog_with_less_than_four_fifths_of_the_workers(
    templates: Mapping[str, Template],
    environment: Environment,
    waiting: Number,
    running: Number,
    desired: Number,
    short: Number,
) -> None:
    """For thirty minutes without a break."""
    alarms = templates[f"{environment.name}/Monitoring"].properties("AWS::CloudWatch::Alarm")
    (alarm,) = [a for a in alarms if a["AlarmDescription"].endswith("docs/runbooks/partial-shortage.md")]
    (expression,) = [query["Expression"] for query in alarm["Metrics"] if "Expression" in query]
    assert evaluate(expression, {"waiting": waiting, "running": running, "desired": desired}) == short
    assert alarm["EvaluationPeriods"] == 30
    assert "DatapointsToAlarm" not in alarm
