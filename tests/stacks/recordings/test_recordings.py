"""Promises of the Recordings stack."""

import math
from collections.abc import Mapping
from typing import Any

import pytest

from stacks.environments import LEAST_DAYS, Environment, Retention
from tests.stacks.synthesis import Template, statements


@pytest.fixture
def template(templates: Mapping[str, Template], environment: Environment) -> Template:
    """The recordings stack of each environment."""
    return templates[f"{environment.name}/Recordings"]


def named(template: Template, bucket: str) -> dict[str, Any]:
    """The properties of one of the buckets."""
    (properties,) = [
        resource["Properties"]
        for name, resource in template.body["Resources"].items()
        if resource["Type"] == "AWS::S3::Bucket" and name.startswith(f"Store{bucket}")
    ]
    assert isinstance(properties, dict)
    return properties


def last_day(current: int, old: int) -> int:
    """The last day on which a version can be read, if it was uploaded at noon of day 0, by the rules of S3.

    S3 adds each period to the time at which it began and rounds the sum up to midnight: there the object expires, which
    makes it an old version, and there the old version is deleted.
    """
    expired = math.ceil(0.5 + current)
    # S3 writes the delete marker a moment after midnight.
    deleted = math.ceil(expired + 1e-6 + old)
    return deleted - 1


def test_recording_that_fails_too_often_moves_to_the_dead_letter_queue(
    template: Template, environment: Environment
) -> None:
    """A message that was received `max_receives` times is neither lost nor retried forever."""
    (queue,) = [queue for queue in template.properties("AWS::SQS::Queue") if "RedrivePolicy" in queue]
    (dead_letters,) = [
        name
        for name, resource in template.body["Resources"].items()
        if resource["Type"] == "AWS::SQS::Queue" and "RedrivePolicy" not in resource["Properties"]
    ]
    assert queue["RedrivePolicy"]["maxReceiveCount"] == environment.max_receives
    assert queue["RedrivePolicy"]["deadLetterTargetArn"] == {"Fn::GetAtt": [dead_letters, "Arn"]}


def test_dead_letters_outlive_the_queue(template: Template) -> None:
    """A moved message keeps its age, so the dead-letter queue has the longest retention that SQS supports."""
    retention = {("RedrivePolicy" in q): q["MessageRetentionPeriod"] for q in template.properties("AWS::SQS::Queue")}
    assert retention[False] == 14 * 86_400 > retention[True]


def test_visibility_timeout_follows_the_job_deadline(template: Template, environment: Environment) -> None:
    """The queue hides a received message for the time in the service's settings."""
    (queue,) = [queue for queue in template.properties("AWS::SQS::Queue") if "RedrivePolicy" in queue]
    assert queue["VisibilityTimeout"] == environment.settings.visibility_timeout_seconds


def test_upload_is_announced_on_the_queue(template: Template) -> None:
    """Every object written to the bucket becomes a message; undeliverable events go to the dead-letter queue."""
    announcing = [b for b in template.properties("AWS::S3::Bucket") if "NotificationConfiguration" in b]
    assert [b["NotificationConfiguration"] for b in announcing] == [
        {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}
    ]
    rule = template.only("AWS::Events::Rule")
    assert rule["State"] == "ENABLED"
    assert rule["EventPattern"]["detail-type"] == ["Object Created"]
    (target,) = rule["Targets"]
    assert "Queue" in target["Arn"]["Fn::GetAtt"][0]
    assert "DeadLetters" in target["DeadLetterConfig"]["Arn"]["Fn::GetAtt"][0]


@pytest.mark.parametrize("bucket", ["AccessLogs", "Recordings", "Transcripts"])
def test_buckets_are_private_encrypted_and_versioned(template: Template, bucket: str) -> None:
    """No public access, encryption at rest, and versions that survive an overwrite."""
    properties = named(template, bucket)
    assert properties["PublicAccessBlockConfiguration"] == {
        "BlockPublicAcls": True,
        "BlockPublicPolicy": True,
        "IgnorePublicAcls": True,
        "RestrictPublicBuckets": True,
    }
    assert properties["BucketEncryption"]
    assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
    assert properties["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}


@pytest.mark.parametrize("bucket", ["Recordings", "Transcripts"])
def test_requests_for_calls_are_logged(template: Template, bucket: str) -> None:
    """S3 logs every request for a recording or transcript, and only S3 may write these logs."""
    logging = named(template, bucket)["LoggingConfiguration"]
    assert logging["LogFilePrefix"] == f"{bucket.lower()}/"
    assert "AccessLogs" in logging["DestinationBucketName"]["Ref"]
    writing = [s for s in statements(template) if s["Principal"] == {"Service": "logging.s3.amazonaws.com"}]
    assert {s["Action"] for s in writing} == {"s3:PutObject"}
    sources = str([s["Condition"]["ArnLike"]["aws:SourceArn"] for s in writing])
    assert len(writing) == 2
    assert f"Store{bucket}" in sources


def test_buckets_and_queues_refuse_plain_http(template: Template) -> None:
    """Three buckets and two queues deny requests without TLS."""
    denied = [
        statement
        for statement in statements(template)
        if statement["Effect"] == "Deny"
        and statement["Principal"] == {"AWS": "*"}
        and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    ]
    assert len(denied) == 5
    outdated = [s for s in statements(template) if s["Condition"] == {"NumericLessThan": {"s3:TlsVersion": 1.2}}]
    assert [statement["Effect"] for statement in outdated] == ["Deny"] * 3


@pytest.mark.parametrize(
    ("bucket", "days"),
    [("AccessLogs", "access_log_days"), ("Recordings", "recording_days"), ("Transcripts", "transcript_days")],
)
def test_objects_expire(template: Template, environment: Environment, bucket: str, days: str) -> None:
    """Calls are personal data: no version outlives the environment's days, a deleted one only three, partial uploads one."""
    (rule,) = named(template, bucket)["LifecycleConfiguration"]["Rules"]
    assert rule["Status"] == "Enabled"
    old = rule["NoncurrentVersionExpiration"]["NoncurrentDays"]
    assert last_day(rule["ExpirationInDays"], old) == getattr(environment, days)
    assert 1 <= old <= 3
    assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}


def test_any_retention_keeps_its_promise_and_wastes_no_day() -> None:
    """From the shortest retention on, the last readable day is the promised one, and expiry never comes earlier for longer ones."""
    periods = [Retention.within(days) for days in range(LEAST_DAYS, 400)]
    assert [last_day(period.current, period.old) for period in periods] == list(range(LEAST_DAYS, 400))
    assert [period.current for period in periods] == sorted(period.current for period in periods)
    assert min(min(period.current, period.old) for period in periods) == 1


def test_recordings_need_no_function(template: Template) -> None:
    """The data stack has no Lambda function, no custom resource and no IAM role."""
    assert not [kind for kind in template.kinds() if "Lambda" in kind or kind.startswith(("AWS::IAM", "Custom"))]


def test_names_are_published_as_parameters(template: Template, environment: Environment) -> None:
    """Batch, monitoring and people look the store up by these names, as do the senders of recordings."""
    published = {parameter["Name"] for parameter in template.properties("AWS::SSM::Parameter")}
    names = ("recordings-bucket", "transcripts-bucket", "queue-name", "dead-letter-queue-name", "arrivals-rule-name")
    assert published == {f"/whisper/{environment.name}/{name}" for name in names}
