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
    """A deploy with a digest, in an account with one SSM parameter."""
    return Resolver(
        TEMPLATE,
        pseudo={"AWS::Region": "eu-west-1"},
        given={"ImageDigest": "sha256:0"},
        published={"/whisper/local/bucket": "recordings"}.__getitem__,
    )


def test_examples_are_true() -> None:
    """The examples in the docstrings are correct."""
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
def test_value_is_resolved_as_in_a_deploy(resolve: Resolver, value: Any, resolved: Any) -> None:
    """From the deploy's parameters, and from the account's."""
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
def test_value_that_cannot_be_resolved_is_refused(resolve: Resolver, value: Any) -> None:
    """No task starts with a guessed value."""
    with pytest.raises(LocalError, match=r"^template: got .*, expected text"):
        resolve(value)


def test_parameter_that_no_stack_published_is_refused(resolve: Resolver) -> None:
    """The error names the parameter."""
    with pytest.raises(LocalError) as refused:
        resolve({"Ref": "Absent"})
    assert str(refused.value) == (
        "SSM parameter: got no '/whisper/local/absent', expected one that the data stacks published"
    )
