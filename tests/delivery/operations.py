"""The calls that this process makes through boto3's default session, each with its operation and its parameters."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import boto3
from botocore.model import OperationModel

from tests.delivery.recorder import Call

ABSENT = 404


@contextmanager
def noting(session: boto3.Session) -> Iterator[list[Call]]:
    """Make a session the default one, and note its calls; a link that is signed counts as the call that it allows."""
    calls: list[Call] = []

    def begin(params: Mapping[str, Any], model: OperationModel, context: dict[str, Any], **_: object) -> None:
        call = Call(key="", service=model.service_model.signing_name, action=model.name, values=dict(params))
        context["noted"] = call
        calls.append(call)

    def end(parsed: Mapping[str, Any], context: Mapping[str, Any], **_: object) -> None:
        if parsed["ResponseMetadata"]["HTTPStatusCode"] == ABSENT:
            # Without the right to list, S3 answers 403 instead of 404 for a key that is not there.
            noted: Call = context["noted"]
            calls.append(replace(noted, action="ListObjectsV2", values={"Bucket": noted.values["Bucket"]}))

    session.events.register("before-parameter-build", begin)
    session.events.register("after-call.s3", end)
    with patch.object(boto3, "DEFAULT_SESSION", session):
        yield calls
