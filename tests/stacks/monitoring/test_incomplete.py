"""Promises of the alarms on incomplete transcripts."""

from collections.abc import Mapping

import pytest

from service.contract import Outcome
from stacks.environments import Environment
from tests.stacks.synthesis import Template


@pytest.fixture
def template(templates: Mapping[str, Template], environment: Environment) -> Template:
    """The monitoring stack of each environment."""
    return templates[f"{environment.name}/Monitoring"]


@pytest.mark.parametrize(("outcome", "percent"), [(Outcome.PARTIAL, 5), (Outcome.UNHEARD, 50)])
def test_share_of_incomplete_calls_is_an_alarm(
    template: Template, environment: Environment, outcome: Outcome, percent: int
) -> None:
    """Of the calls of both services in half an hour, if there are enough to speak of a share."""
    found = [
        alarm
        for alarm in template.properties("AWS::CloudWatch::Alarm")
        if any(str(outcome) in str(query.get("Label")) for query in alarm.get("Metrics", ()))
    ]
    (alarm,) = found
    assert alarm["AlarmDescription"].endswith("docs/runbooks/incomplete.md")
    assert (alarm["Threshold"], alarm["EvaluationPeriods"]) == (percent, 1)
    assert alarm["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"
    stats = [query["MetricStat"] for query in alarm["Metrics"] if "MetricStat" in query]
    assert {stat["Period"] for stat in stats} == {1800}
    counted = {
        tuple(sorted(dimension["Value"] for dimension in stat["Metric"]["Dimensions"]))
        for stat in stats
        if stat["Metric"]["MetricName"] == "Calls"
    }
    assert counted == {tuple(sorted((environment.name, verb, outcome))) for verb in ("api", "worker")}
    (expression,) = [query["Expression"] for query in alarm["Metrics"] if "Expression" in query]
    assert f"(FILL(api_calls, 0) + FILL(worker_calls, 0)) >= 20, 100 * (FILL(api_{outcome}, 0)" in expression
