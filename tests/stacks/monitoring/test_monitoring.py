"""Promises of the Monitoring stack."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from stacks.capacity import Prices
from stacks.environments import Environment
from stacks.environments.backfill_costs import budget
from stacks.environments.regions import WITHOUT_BUDGETS
from stacks.monitoring.brake_steps import LEVEL_METRIC
from tests.stacks.synthesis import Template, listed


@pytest.fixture
def template(templates: Mapping[str, Template], environment: Environment) -> Template:
    """The monitoring stack of each environment."""
    return templates[f"{environment.name}/Monitoring"]


def alarm(template: Template, runbook: str) -> dict[str, Any]:
    """The alarm whose description names a runbook."""
    alarms = template.properties("AWS::CloudWatch::Alarm")
    (found,) = [a for a in alarms if a["AlarmDescription"].endswith(f"docs/runbooks/{runbook}.md")]
    return found


def topic(template: Template) -> dict[str, Any]:
    """A reference to the topic, as resources contain it."""
    (name,) = [name for name, r in template.body["Resources"].items() if r["Type"] == "AWS::SNS::Topic"]
    return {"Ref": name}


def test_every_alarm_notifies_the_topic(template: Template, environment: Environment) -> None:
    """Alarms are sent when they start and when they end; missing data is no alarm, and no end of a brake."""
    alarms = template.properties("AWS::CloudWatch::Alarm")
    assert len(alarms) == 11 + 2 * bool(environment.brake)
    for properties in alarms:
        assert properties["AlarmActions"] == properties["OKActions"] == [topic(template)]
        braking = properties.get("MetricName") == LEVEL_METRIC
        assert properties["TreatMissingData"] == ("ignore" if braking else "notBreaching")


def test_alarms_are_mailed_to_the_address_in_the_account(template: Template, environment: Environment) -> None:
    """The code contains no address; a deployment without one fails and names the parameter."""
    subscription = template.only("AWS::SNS::Subscription")
    assert subscription["Protocol"] == "email"
    parameter = template.body["Parameters"][subscription["Endpoint"]["Ref"]]
    assert parameter["Default"] == f"/whisper/{environment.name}/alarm-address"


def test_one_dead_letter_is_an_alarm(template: Template) -> None:
    """A recording in the dead-letter queue is noticed within a minute."""
    dead = alarm(template, "dead-letters")
    assert (dead["Threshold"], dead["EvaluationPeriods"], dead["Period"]) == (1, 1, 60)
    assert dead["MetricName"] == "ApproximateNumberOfMessagesVisible"


def test_oldest_message_is_measured_against_the_deadline(template: Template, environment: Environment) -> None:
    """The alarm fires while there is still time before transcripts are due."""
    oldest = alarm(template, "oldest-message")
    assert oldest["MetricName"] == "ApproximateAgeOfOldestMessage"
    assert oldest["Threshold"] == environment.plan.oldest_message_alarm_seconds
    assert oldest["Threshold"] < environment.workload.window_hours * 3600


def test_slow_calls_are_measured_against_their_deadline(template: Template, environment: Environment) -> None:
    """The slowest 1 % of calls are noticed before the load balancer cuts them off."""
    slow = alarm(template, "slow-calls")
    assert (slow["MetricName"], slow["ExtendedStatistic"]) == ("Latency", "p99")
    assert {d["Name"]: d["Value"] for d in slow["Dimensions"]} == {"Environment": environment.name, "Service": "api"}
    deadline = environment.api_settings.job_deadline_seconds
    assert deadline / 2 < slow["Threshold"] < deadline


def test_refusals_are_counted_over_both_verbs(template: Template, environment: Environment) -> None:
    """A fleet that changes its codec is noticed within half an hour; one refusal at night is not."""
    refused = alarm(template, "refused")
    assert refused["Threshold"] == 20
    stats = [query["MetricStat"] for query in refused["Metrics"] if "MetricStat" in query]
    read = {
        (stat["Metric"]["MetricName"], stat["Stat"], *sorted(d["Value"] for d in stat["Metric"]["Dimensions"]))
        for stat in stats
    }
    name = environment.name
    assert read == {
        (metric, statistic, *sorted((name, verb, *more)))
        for verb in ("api", "worker")
        for metric, statistic, more in (("Calls", "Sum", ["refused"]), ("Latency", "SampleCount", []))
    }
    (expression,) = [query["Expression"] for query in refused["Metrics"] if "Expression" in query]
    assert ">= 20" in expression


@pytest.mark.parametrize(
    ("runbook", "minutes"),
    [
        ("api-errors", 5),
        ("unhealthy-hosts", 5),
        ("slow-calls", 30),
        ("dead-letters", 1),
        ("oldest-message", 1),
        ("no-worker", 15),
        ("missed-deadline", 30),
        ("refused", 30),
    ],
)
def test_alarm_waits_as_long_as_its_page_says(template: Template, runbook: str, minutes: int) -> None:
    """An alarm waits long enough for short disturbances to pass, and no longer."""
    found = alarm(template, runbook)
    periods = {query["MetricStat"]["Period"] for query in found.get("Metrics", []) if "MetricStat" in query}
    (period,) = periods or {found["Period"]}
    assert found["EvaluationPeriods"] * period == minutes * 60
    assert found.get("DatapointsToAlarm", found["EvaluationPeriods"]) == found["EvaluationPeriods"]
    assert found["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"


def test_messages_without_a_worker_are_noticed_before_the_deadline_is_in_danger(
    template: Template, environment: Environment
) -> None:
    """Messages wait and no task runs for longer than a start takes: no Spot capacity, or a broken image."""
    stuck = alarm(template, "no-worker")
    (expression,) = [query["Expression"] for query in stuck["Metrics"] if "Expression" in query]
    relief = " AND FILL(joined, 0) < 1" if environment.plan.relief_max_tasks else ""
    assert expression == f"IF(waiting > 0 AND FILL(running, 0) < 1{relief}, 1, 0)"
    assert stuck["EvaluationPeriods"] * 60 < environment.plan.oldest_message_alarm_seconds


def test_failed_deployment_reaches_the_topic(template: Template, environment: Environment) -> None:
    """A rollback of any service is reported with reason and runbook; other services in the account are ignored."""
    (rule,) = (rule for rule in template.properties("AWS::Events::Rule") if "aws.ecs" in str(rule.get("EventPattern")))
    pattern = rule["EventPattern"]
    assert pattern["detail"] == {"eventName": ["SERVICE_DEPLOYMENT_FAILED"]}
    assert (pattern["source"], pattern["detail-type"]) == (["aws.ecs"], ["ECS Deployment State Change"])
    assert [resource["Fn::GetStackOutput"]["StackName"].split("-")[-1] for resource in pattern["resources"]] == [
        "Api",
        "Batch",
        *(["Batch"] if environment.plan.relief_max_tasks else []),
    ]
    (target,) = rule["Targets"]
    assert target["Arn"] == topic(template)
    assert "docs/runbooks/deployment-failed.md" in target["InputTransformer"]["InputTemplate"]
    assert "$.detail.reason" in target["InputTransformer"]["InputPathsMap"].values()


def test_budget_is_the_estimated_cost_of_a_month(template: Template, environment: Environment) -> None:
    """It counts resources with this environment's tags only, and notifies the topic in advance.

    Stacks of some regions cannot hold a budget.
    """
    if environment.region in WITHOUT_BUDGETS:
        assert not template.resources("AWS::Budgets::Budget")
        return
    properties = template.only("AWS::Budgets::Budget")
    made = properties["Budget"]
    assert made["BudgetLimit"] == {
        "Amount": round(budget(environment, Prices.read(environment.region))),
        "Unit": "USD",
    }
    assert made["TimeUnit"] == "MONTHLY"
    assert {part["Tags"]["Key"]: part["Tags"]["Values"] for part in made["FilterExpression"]["And"]} == {
        "application": [environment.tags["application"]],
        "environment": [environment.name],
    }
    notices = properties["NotificationsWithSubscribers"]
    assert [notice["Notification"]["NotificationType"] for notice in notices] == ["FORECASTED", "ACTUAL"]
    for notice in notices:
        bounds = [notice["Notification"][key] for key in ("ComparisonOperator", "Threshold", "ThresholdType")]
        assert bounds == ["GREATER_THAN", 125, "PERCENTAGE"]
        assert notice["Subscribers"] == [{"SubscriptionType": "SNS", "Address": topic(template)}]


def test_only_monitoring_services_may_publish_to_the_topic(template: Template) -> None:
    """Without these statements alarms would be lost; CloudWatch and Budgets may publish for this account only."""
    statements = template.only("AWS::SNS::TopicPolicy")["PolicyDocument"]["Statement"]
    allowed = [s for s in statements if s["Effect"] == "Allow"]
    conditions = {
        service: statement.get("Condition")
        for statement in allowed
        for service in listed(statement["Principal"]["Service"])
    }
    own = {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    assert {statement["Action"] for statement in allowed} == {"sns:Publish"}
    assert conditions == {
        "cloudwatch.amazonaws.com": own,
        "budgets.amazonaws.com": own,
        "events.amazonaws.com": None,
    }


def test_alarms_are_encrypted_in_transit_and_at_rest(template: Template) -> None:
    """Plain HTTP is denied; the topic has a rotating customer-managed key that every publisher may use."""
    statements = template.only("AWS::SNS::TopicPolicy")["PolicyDocument"]["Statement"]
    assert [s["Condition"] for s in statements if s["Effect"] == "Deny"] == [{"Bool": {"aws:SecureTransport": "false"}}]
    key = template.only("AWS::KMS::Key")
    assert "KmsMasterKeyId" in template.only("AWS::SNS::Topic")
    assert key["EnableKeyRotation"]
    users = {
        service
        for statement in key["KeyPolicy"]["Statement"]
        for service in listed(statement["Principal"].get("Service", []))
        if set(statement["Action"]) == {"kms:Decrypt", "kms:GenerateDataKey*"}
    }
    assert users == {"cloudwatch.amazonaws.com", "budgets.amazonaws.com", "events.amazonaws.com"}


def test_dashboard_shows_every_graph_and_alarm(template: Template, environment: Environment) -> None:
    """Latency, errors, queue, audio hours, speed, tasks, cost, and all alarms; limits are shown as lines."""
    body = json.dumps(template.only("AWS::CloudWatch::Dashboard")["DashboardBody"]).replace('\\"', '"')
    for title in (
        "Alarms",
        "API latency",
        "API calls by outcome",
        "API errors and tasks not ready",
        "Recordings waiting",
        "Age of the oldest message",
        "Backlog",
        "Recordings by outcome",
        "Tasks",
        "Wait before work begins",
        "Real-time factor",
        "Audio hours transcribed",
        "Cost per audio hour",
    ):
        assert f'"title":"{title}"' in body.replace("\\", "")
    for statistic in ("p50", "p90", "p99", "tm99"):
        assert statistic in body
    assert f":{environment.plan.oldest_message_alarm_seconds}," in body
    assert body.count("Fn::GetAtt") == len(template.properties("AWS::CloudWatch::Alarm"))
