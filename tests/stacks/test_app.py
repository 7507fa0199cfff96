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

from stacks.environments import emulated, environments
from tests.stacks.factory import FORGE, LINE, REGION
from tests.stacks.promises import environment_has_its_stacks
from tests.stacks.synthesis import ROOT, Template, synthesize

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


def test_every_environment_has_its_stacks_and_no_others(templates: Mapping[str, Template]) -> None:
    """`cdk ls` shows the environments of the values only; which stacks each has follows from its choices."""
    everywhere = (*environments(), emulated())
    for environment in everywhere:
        environment_has_its_stacks(
            environment,
            {
                name.partition("/")[2]: template
                for name, template in templates.items()
                if name.startswith(f"{environment.name}/")
            },
        )
    assert {name.partition("/")[0] for name in templates} == {environment.name for environment in everywhere}


def test_unknown_environment_ends_in_one_line() -> None:
    """After a typo, the reader gets a sentence, not a traceback."""
    result = run_app({"environment": "nowhere"})
    names = ", ".join(environment.name for environment in (*environments(), emulated()))
    assert result.returncode == 1
    assert result.stderr == f"environment: got 'nowhere', expected one of {names}\n"


def test_same_input_gives_the_same_templates(
    line: Mapping[str, Template], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the time nor the shell's credentials, account or region change a template."""
    monkeypatch.setenv("AWS_REGION", "us-west-2")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")
    monkeypatch.setenv("CDK_DEFAULT_REGION", "us-west-2")
    monkeypatch.setenv("CDK_DEFAULT_ACCOUNT", "1" * 12)
    again = synthesize([FORGE], tmp_path)
    assert {name: template.body for name, template in again.items()} == {
        name: template.body for name, template in line.items() if name.startswith("forge/")
    }


def test_account_that_is_named_causes_no_lookup(tmp_path: Path) -> None:
    """An environment with an account synthesizes offline, too: its zones are values, so that none is looked up."""
    synthesize([replace(FORGE, account="1" * 12)], tmp_path)
    manifests = [json.loads(path.read_text()) for path in tmp_path.rglob("manifest.json")]
    assert len(manifests) == 2
    assert not [manifest["missing"] for manifest in manifests if "missing" in manifest]


def test_nothing_invented_is_in_a_template(line: Mapping[str, Template]) -> None:
    """No account id, certificate, digest, connection or mail address: the values or a deployment provide them."""
    for name, template in line.items():
        # An account of AWS's own in the region writes the load balancers' logs.
        text = template.path.read_text().replace(RegionInfo.get(REGION).elbv2_account or "", "")
        assert not INVENTED.search(text), name


def test_every_parameter_of_the_account_is_documented(
    templates: Mapping[str, Template], line: Mapping[str, Template]
) -> None:
    """Each SSM parameter that a deployment reads is in docs/deploy.md, under its environment's name."""
    page = (ROOT / "docs" / "deploy.md").read_text()
    defaults = {
        parameter["Default"]
        for template in (*templates.values(), *line.values())
        for parameter in template.body.get("Parameters", {}).values()
        if parameter["Type"] == "AWS::SSM::Parameter::Value<String>" and "cdk-bootstrap" not in parameter["Default"]
    }
    assert len(defaults) > 4
    known = {environment.name for environment in (*environments(), emulated(), *LINE)}
    for name in defaults:
        _, application, environment, value = name.split("/")
        assert (application, environment in known) == ("whisper", True)
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
            given = [properties[key] for properties in template.properties(kind) if key in properties]
            # AWS WAF writes only to log groups whose name begins so, ECR finds a copy of a public image by that name, and the
            # roles of a release trust each other before they exist (decision 12).
            needed = re.compile(
                r"aws-waf-logs-|[a-z0-9-]+/docker/library/|[a-z0-9-]+-(release-[a-z0-9]+|releaser|keeper)$"
            )
            assert not [text for text in given if not needed.match(str(text))], (name, kind)
