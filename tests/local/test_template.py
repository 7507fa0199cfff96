import doctest
from typing import Any

import pytest

import local.template
from local.errors import LocalError
from local.template import Resolver

TEMPLATE = {
    "Parameters": {
        "Bucket": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/whisper/local/bucket"},
        "Absent": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/whisper/local/absent"},
        "ImageDigest": {"Type": "String"},
        "Forgotten": {"Type": "String"},
    }
}


@pytest.fixture
def resolve() -> Resolver:
    """A deploy that names a digest, in an account that keeps one parameter."""
    return Resolver(
        TEMPLATE,
        pseudo={"AWS::Region": "eu-west-1"},
        given={"ImageDigest": "sha256:0"},
        published={"/whisper/local/bucket": "recordings"}.__getitem__,
    )


def test_examples_are_true() -> None:
    """What the docstrings show is what happens."""
    assert doctest.testmod(local.template) == doctest.TestResults(failed=0, attempted=2)


@pytest.mark.parametrize(
    ("value", "resolved"),
    [
        ("text", "text"),
        (120, 120),
        ({"Ref": "ImageDigest"}, "sha256:0"),
        ({"Ref": "Bucket"}, "recordings"),
        ({"Fn::Join": ["/", ["s3:/", {"Ref": "Bucket"}, {"Ref": "AWS::Region"}]]}, "s3://recordings/eu-west-1"),
        ({"Fn::Select": [1, {"Fn::Split": ["-", {"Ref": "AWS::Region"}]}]}, "west"),
        ({"Fn::Select": ["0", [{"Ref": "Bucket"}, "other"]]}, "recordings"),
    ],
)
def test_value_is_resolved_as_by_a_deploy(resolve: Resolver, value: Any, resolved: Any) -> None:
    """From what the deploy names, and from what the account keeps."""
    assert resolve(value) == resolved


@pytest.mark.parametrize(
    "value",
    [
        {"Ref": "Resource"},
        {"Ref": "Forgotten"},
        {"Fn::GetAtt": ["Role", "Arn"]},
        {"Fn::Join": ["", [{"Fn::GetStackOutput": {}}]]},
        None,
    ],
)
def test_value_that_is_not_known_here_is_refused(resolve: Resolver, value: Any) -> None:
    """No task starts with a value that was guessed."""
    with pytest.raises(LocalError, match=r"^template: got .*, expected a text"):
        resolve(value)


def test_parameter_that_nobody_published_is_named(resolve: Resolver) -> None:
    """The one line says which stack's work is missing."""
    with pytest.raises(LocalError) as refused:
        resolve({"Ref": "Absent"})
    assert str(refused.value) == (
        "SSM parameter: got no '/whisper/local/absent', expected one that the data stacks published"
    )
