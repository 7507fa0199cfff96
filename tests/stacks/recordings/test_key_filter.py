"""The key filter: from the settings into EventBridge's rule, and what EventBridge would refuse."""

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from local import emulator
from service.settings import Settings
from stacks.environments import Environment, InvalidEnvironment
from stacks.environments.key_filters import MAX_COMPLEXITY
from tests.emulated import create_stack, session
from tests.stacks.factory import FORGE
from tests.stacks.synthesis import Template, synthesize

KEYS = (
    "connect/2026/01/31/c1.wav",
    "connect/2026/01/31/c1.WAV",
    "connect/2026/01/31/c1.json",
    "connect/.wav",
    "connect.wav",
    "Analysis/Voice/c1.wav",
    "recorder/é 1+2.wav",
    "recorder/a.wav.txt",
    "recorder/",
    "x" * 1020 + ".wav",
)
# What an event has besides its key.
EVENT: dict[str, Any] = {
    "id": "1",
    "source": "aws.s3",
    "detail-type": "Object Created",
    "account": "111122223333",
    "time": "2026-01-31T12:00:00Z",
    "region": FORGE.region,
    "resources": [],
}
FILTERS: tuple[dict[str, str], ...] = (
    {},
    {"recording_suffixes": ".wav,.WAV"},
    {"recording_prefixes": "connect/,recorder/"},
    {"recording_prefixes": "connect/,recorder/", "recording_suffixes": ".wav,.mp3"},
    {"recording_prefixes": "connect/.wav", "recording_suffixes": ".wav"},
    {"recording_excluded": "recorder/"},
    {"recording_excluded": "recorder/,connect/"},
)


def filtering(**settings: str) -> Environment:
    """An environment with a key filter."""
    return replace(FORGE, settings=replace(FORGE.settings, **settings))  # type: ignore[arg-type]


def rule(template: Template) -> dict[str, Any]:
    """The event pattern of the rule that announces uploads."""
    pattern: dict[str, Any] = template.only("AWS::Events::Rule")["EventPattern"]
    return pattern


@pytest.fixture(scope="module")
def filtered(tmp_path_factory: pytest.TempPathFactory) -> Template:
    """The recordings stack with prefixes and suffixes."""
    environment = filtering(**FILTERS[3])
    return synthesize([environment], tmp_path_factory.mktemp("cdk.out"))["forge/Recordings"]


def test_rule_has_the_patterns_of_the_settings(filtered: Template, line: Mapping[str, Template]) -> None:
    """Prefix and suffix of one key need a wildcard: two entries of a list would each match by itself."""
    assert rule(filtered)["detail"]["object"]["key"] == [
        {"wildcard": "connect/*.wav"},
        {"wildcard": "connect/*.mp3"},
        {"wildcard": "recorder/*.wav"},
        {"wildcard": "recorder/*.mp3"},
    ]
    assert "object" not in rule(line["forge/Recordings"])["detail"]


def test_operator_finds_the_filter_in_the_outputs(filtered: Template, line: Mapping[str, Template]) -> None:
    """`jobs` needs the settings of the workers; without a filter there is no output, since an output is never empty."""
    values = {name: output["Value"] for name, output in filtered.body["Outputs"].items()}
    assert values["RecordingPrefixes"] == "connect/,recorder/"
    assert values["RecordingSuffixes"] == ".wav,.mp3"
    assert not {"RecordingPrefixes", "RecordingSuffixes"} & set(line["forge/Recordings"].body["Outputs"])


def test_uploads_are_announced_as_the_service_filters(filtered: Template, tmp_path: Path) -> None:
    """An emulated EventBridge matches each filter's patterns with the keys that `KeyFilter` admits, and the rule delivers them."""
    try:
        running = emulator.start(tmp_path)
        aws = session(running, region=FORGE.region)
        create_stack(aws, running.url, name="filtered", template=filtered.body)
        s3, sqs = aws.client("s3", endpoint_url=running.url), aws.client("sqs", endpoint_url=running.url)
        events: Any = aws.client("events", endpoint_url=running.url)
        for settings in FILTERS:
            found = filtering(**settings).settings.key_filter
            for key in KEYS:
                pattern = {"source": ["aws.s3"], **({"detail": {"key": found.patterns}} if found.patterns else {})}
                event = EVENT | {"detail": {"key": key}}
                answer = events.test_event_pattern(EventPattern=json.dumps(pattern), Event=json.dumps(event))
                assert answer["Result"] == found.admits(key), (settings, key)
        stack = aws.client("cloudformation", endpoint_url=running.url).describe_stacks(StackName="filtered")
        outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Stacks"][0]["Outputs"]}
        for key in KEYS:
            s3.put_object(Bucket=outputs["RecordingsBucket"], Key=key, Body=b"sound")
        admitted = {key for key in KEYS if filtering(**FILTERS[3]).settings.key_filter.admits(key)}
        announced, deadline = set[str](), time.monotonic() + 20
        while announced < admitted and time.monotonic() < deadline:
            answer = sqs.receive_message(QueueUrl=outputs["QueueUrl"], MaxNumberOfMessages=10, WaitTimeSeconds=1)
            announced |= {json.loads(each["Body"])["detail"]["object"]["key"] for each in answer.get("Messages", ())}
        assert announced == admitted
        assert len(admitted) > 2
    finally:
        emulator.stop(tmp_path)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"recording_prefixes": "a/", "recording_suffixes": ".a,.b,.c,.d,.e,.f"},
            "forge.settings.recording_suffixes: got '.a,.b,.c,.d,.e,.f', expected fewer ones, such as .wav,.WAV: beside ",
        ),
        (
            {"recording_suffixes": ",".join(f".{number:03}" for number in range(200))},
            "forge.settings.recording_suffixes: got '.000,.001,",
        ),
    ],
)
def test_filter_that_eventbridge_would_refuse_is_refused(settings: Mapping[str, str], message: str) -> None:
    """At synth, by field, value and expectation, and not by a rolled-back deploy."""
    with pytest.raises(InvalidEnvironment, match=r"^[^\n]+$") as refusal:
        filtering(**settings)
    assert str(refusal.value).startswith(message)


def test_as_many_suffixes_as_eventbridge_takes_are_accepted() -> None:
    """Five beside prefixes, and many more without."""
    many = ",".join(f".{letter}" for letter in "abcdefghij")
    assert filtering(recording_suffixes=many).settings == replace(FORGE.settings, recording_suffixes=many)
    five = many[: 3 * (MAX_COMPLEXITY // 2) - 1]
    assert len(filtering(recording_prefixes="a/", recording_suffixes=five).settings.key_filter.patterns) == 5
    assert Settings().key_filter.patterns == []
