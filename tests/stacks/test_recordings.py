"""What the recordings stack promises."""

from collections.abc import Mapping

import pytest

from stacks.environments import Environment
from tests.stacks.synthesis import Template, statements


@pytest.fixture
def template(templates: Mapping[str, Template], environment: Environment) -> Template:
    """The recordings stack of each environment."""
    return templates[f"{environment.name}/Recordings"]


def test_recording_that_fails_too_often_waits_in_the_dead_letter_queue(
    template: Template, environment: Environment
) -> None:
    """A message received five times without being deleted is set aside, not lost and not tried for ever."""
    (queue,) = [queue for queue in template.properties("AWS::SQS::Queue") if "RedrivePolicy" in queue]
    (dead_letters,) = [
        name
        for name, resource in template.body["Resources"].items()
        if resource["Type"] == "AWS::SQS::Queue" and "RedrivePolicy" not in resource["Properties"]
    ]
    assert queue["RedrivePolicy"]["maxReceiveCount"] == environment.max_receives == 5
    assert queue["RedrivePolicy"]["deadLetterTargetArn"] == {"Fn::GetAtt": [dead_letters, "Arn"]}


def test_dead_letters_outlive_the_queue(template: Template) -> None:
    """A message keeps its age when it moves, so the dead-letter queue holds longer, as long as SQS can."""
    retention = {("RedrivePolicy" in q): q["MessageRetentionPeriod"] for q in template.properties("AWS::SQS::Queue")}
    assert retention[False] == 14 * 86_400 > retention[True]


def test_visibility_timeout_follows_the_job_deadline(template: Template, environment: Environment) -> None:
    """The queue hides a message as long as the service's settings say."""
    (queue,) = [queue for queue in template.properties("AWS::SQS::Queue") if "RedrivePolicy" in queue]
    assert queue["VisibilityTimeout"] == environment.settings.visibility_timeout_seconds


def test_upload_is_announced_on_the_queue(template: Template) -> None:
    """Every object written to the recordings bucket becomes a message; an event that cannot become one is kept."""
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


def test_buckets_are_private_encrypted_and_versioned(template: Template) -> None:
    """Nobody outside reads a recording, and an overwritten one is still there."""
    buckets = template.properties("AWS::S3::Bucket")
    assert len(buckets) == 2
    for bucket in buckets:
        assert bucket["PublicAccessBlockConfiguration"] == {
            "BlockPublicAcls": True,
            "BlockPublicPolicy": True,
            "IgnorePublicAcls": True,
            "RestrictPublicBuckets": True,
        }
        assert bucket["BucketEncryption"]
        assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
        assert bucket["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}


def test_buckets_and_queues_refuse_plain_http(template: Template) -> None:
    """Two buckets and two queues each deny what does not come over TLS."""
    denied = [
        statement
        for statement in statements(template)
        if statement["Effect"] == "Deny"
        and statement["Principal"] == {"AWS": "*"}
        and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    ]
    assert len(denied) == 4


def test_recordings_and_transcripts_age_out(template: Template, environment: Environment) -> None:
    """Calls are personal data: what is kept, and for how long, is a value of the environment."""
    days = sorted(
        rule["ExpirationInDays"]
        for bucket in template.properties("AWS::S3::Bucket")
        for rule in bucket["LifecycleConfiguration"]["Rules"]
    )
    assert days == sorted([environment.recording_days, environment.transcript_days])


def test_production_keeps_its_recordings(templates: Mapping[str, Template]) -> None:
    """Deleting prod's stack leaves its buckets; dev's go with it."""
    policies = {
        name: {bucket["DeletionPolicy"] for bucket in templates[f"{name}/Recordings"].resources("AWS::S3::Bucket")}
        for name in ("dev", "stage", "prod")
    }
    assert policies == {"dev": {"Delete"}, "stage": {"Delete"}, "prod": {"Retain"}}


def test_recordings_need_no_function(template: Template) -> None:
    """The data stack holds data: no Lambda function, and no role but the one EventBridge would need."""
    assert not [kind for kind in template.kinds() if "Lambda" in kind or kind.startswith(("AWS::IAM", "Custom"))]
