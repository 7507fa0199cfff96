"""The application: its stacks, and the inputs that it depends on."""

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from aws_cdk.region_info import RegionInfo

from stacks.environments import environments, select
from tests.stacks.synthesis import ROOT, STACKS, Template, synthesize

INVENTED = re.compile(r"(?<![\w.])\d{12}(?!\w)|sha256:[0-9a-f]{64}|certificate/|connection/|\w@\w|dummy|example")


def run_app(context: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run the application as the CDK command line does."""
    environ = {"CDK_CONTEXT_JSON": json.dumps(context)}
    path = str(Path(sys.executable).parent)
    return subprocess.run(
        [sys.executable, "app.py"],
        cwd=ROOT,
        env={"PATH": f"{path}:/usr/bin:/bin", **environ},
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_environment_has_every_stack(templates: Mapping[str, Template]) -> None:
    """`cdk ls` shows the same nine stacks for each environment, and the gate in the first environment of releases."""
    everywhere = {f"{name}/{stack}" for name in ("dev", "stage", "prod", "local") for stack in STACKS}
    assert set(templates) == {*everywhere, "stage/Gate"}


def test_unknown_environment_ends_in_one_line() -> None:
    """After a typo, the reader gets a sentence, not a traceback."""
    result = run_app({"environment": "staging"})
    assert result.returncode == 1
    assert result.stderr == "environment: got 'staging', expected one of dev, stage, prod, local\n"


def test_same_input_gives_the_same_templates(
    templates: Mapping[str, Template], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the time nor the shell's credentials, account or region change a template."""
    monkeypatch.setenv("AWS_REGION", "us-west-2")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")
    monkeypatch.setenv("CDK_DEFAULT_REGION", "us-west-2")
    monkeypatch.setenv("CDK_DEFAULT_ACCOUNT", "1" * 12)
    again = synthesize(select("prod"), tmp_path)
    assert {name: template.body for name, template in again.items()} == {
        name: template.body for name, template in templates.items() if name.startswith("prod/")
    }


def test_account_that_is_named_causes_no_lookup(tmp_path: Path) -> None:
    """An environment with an account synthesizes offline, too: its zones are values, so that none is looked up."""
    (dev,) = select("dev")
    synthesize([replace(dev, account="1" * 12)], tmp_path)
    manifests = [json.loads(path.read_text()) for path in tmp_path.rglob("manifest.json")]
    assert len(manifests) == 2
    assert not [manifest["missing"] for manifest in manifests if "missing" in manifest]


def test_nothing_invented_is_in_a_template(templates: Mapping[str, Template]) -> None:
    """No account id, certificate, digest, connection or mail address: a deployment provides them."""
    for name, template in templates.items():
        # An account of AWS's own in the region writes the load balancers' logs.
        found = INVENTED.search(template.path.read_text().replace(RegionInfo.get("eu-west-1").elbv2_account or "", ""))
        assert not found, (name, found)


def test_every_parameter_of_the_account_is_documented(templates: Mapping[str, Template]) -> None:
    """Each SSM parameter that a deployment reads is in docs/deploy.md, under its environment's name."""
    page = (ROOT / "docs" / "deploy.md").read_text()
    defaults = {
        parameter["Default"]
        for template in templates.values()
        for parameter in template.body.get("Parameters", {}).values()
        if parameter["Type"] == "AWS::SSM::Parameter::Value<String>" and "cdk-bootstrap" not in parameter["Default"]
    }
    assert len(defaults) > 4
    for name in defaults:
        _, application, environment, value = name.split("/")
        assert (application, environment in {e.name for e in environments()}) == ("whisper", True)
        assert f"/whisper/ENVIRONMENT/{value}" in page


def test_no_physical_names(templates: Mapping[str, Template]) -> None:
    """CloudFormation names every resource, so that a replacement never collides with the resource it replaces."""
    named = {
        "AWS::S3::Bucket": "BucketName",
        "AWS::SQS::Queue": "QueueName",
        "AWS::ECR::Repository": "RepositoryName",
        "AWS::ECS::Cluster": "ClusterName",
        "AWS::ECS::Service": "ServiceName",
        "AWS::ElasticLoadBalancingV2::LoadBalancer": "Name",
        "AWS::Logs::LogGroup": "LogGroupName",
        "AWS::IAM::Role": "RoleName",
        "AWS::SNS::Topic": "TopicName",
        "AWS::CloudWatch::Alarm": "AlarmName",
        "AWS::CodePipeline::Pipeline": "Name",
    }
    for name, template in templates.items():
        for kind, key in named.items():
            assert not [properties for properties in template.properties(kind) if key in properties], (name, kind)
