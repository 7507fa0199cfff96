"""Promises of an environment whose image does not contain the model."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from stacks.environments import Environment, Weights
from tests.stacks.factory import FORGE, LIVE, MODEL
from tests.stacks.synthesis import KEPT, Template, listed, statements, synthesize


@pytest.fixture(scope="module")
def synthesized(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Template]:
    """Production with its model in S3, and a development with its model on EFS."""
    environments = [replace(FORGE, name="efs", weights=Weights.EFS), replace(LIVE, name="s3", weights=Weights.S3)]
    return synthesize(environments, tmp_path_factory.mktemp("cdk.out"))


@pytest.fixture(params=["Api", "Batch"])
def stack(request: pytest.FixtureRequest) -> str:
    """Each stack with tasks in turn."""
    return str(request.param)


def container(template: Template) -> dict[str, Any]:
    """The one container of the task."""
    (found,) = template.only("AWS::ECS::TaskDefinition")["ContainerDefinitions"]
    assert isinstance(found, dict)
    return found


def model(template: Template) -> Any:
    """The model's address in the settings of the task."""
    return next(pair["Value"] for pair in container(template)["Environment"] if pair["Name"] == "WHISPER_MODEL")


def test_only_a_model_beside_the_image_needs_a_store(
    templates: Mapping[str, Template], environment: Environment
) -> None:
    """If the image contains the model, no stack is created for it, and the tasks get its name."""
    inside = environment.weights is Weights.IMAGE
    assert (f"{environment.name}/Models" in templates) == (not inside)
    for stack in ("Api", "Batch"):
        assert (model(templates[f"{environment.name}/{stack}"]) == environment.settings.model) == inside


def test_task_reads_its_model_from_s3_only(synthesized: Mapping[str, Template], stack: str) -> None:
    """A task may list and read the folder of its model, and nothing else in the bucket."""
    template = synthesized[f"s3/{stack}"]
    scheme, _, folder = model(template)["Fn::Join"][1]
    assert (scheme, folder) == ("s3://", f"/{MODEL}")
    mine = [
        (statement, resource)
        for statement in statements(template)
        # The CDK merges what a task may do alike with other buckets.
        for resource in listed(statement["Resource"])
        if "whisper-s3-Models" in str(resource)
    ]
    assert sorted(str(statement["Action"]) for statement, _ in mine) == ["s3:GetObject", "s3:ListBucket"]
    (_, objects), (find, _) = sorted(mine, key=lambda each: str(each[0]["Action"]))
    assert objects["Fn::Join"][1][-1] == f"/{MODEL}/*"
    assert find["Condition"] == {"StringEquals": {"s3:prefix": f"{MODEL}/"}}


def test_model_bucket_and_its_objects_are_kept(synthesized: Mapping[str, Template]) -> None:
    """Models do not expire, old versions do; production keeps the bucket when the stack is deleted."""
    (bucket,) = synthesized["s3/Models"].resources("AWS::S3::Bucket")
    (rule,) = bucket["Properties"]["LifecycleConfiguration"]["Rules"]
    assert "ExpirationInDays" not in rule
    assert rule["NoncurrentVersionExpiration"]["NoncurrentDays"] == 90
    assert (bucket["DeletionPolicy"], bucket["UpdateReplacePolicy"]) == KEPT
    assert bucket["Properties"]["BucketEncryption"]


def test_models_stack_of_production_is_protected(synthesized: Mapping[str, Template]) -> None:
    """Like the other stacks of production, it cannot be deleted by accident."""
    manifest = synthesized["s3/Models"].path.with_name("manifest.json").read_text()
    assert manifest.count('"terminationProtection": true') == len([name for name in synthesized if name[:3] == "s3/"])


def test_model_on_efs_is_mounted_read_only(synthesized: Mapping[str, Template], stack: str) -> None:
    """The mount uses TLS, the access point and the task role, and the container cannot write to it."""
    template = synthesized[f"efs/{stack}"]
    (mount,) = [m for m in container(template)["MountPoints"] if m["SourceVolume"] == "models"]
    assert mount == {"ContainerPath": "/models", "ReadOnly": True, "SourceVolume": "models"}
    assert model(template) == f"/models/{MODEL}"
    (volume,) = [v for v in template.only("AWS::ECS::TaskDefinition")["Volumes"] if v["Name"] == "models"]
    efs = volume["EFSVolumeConfiguration"]
    assert efs["TransitEncryption"] == "ENABLED"
    assert efs["AuthorizationConfig"]["IAM"] == "ENABLED"
    assert efs["AuthorizationConfig"]["AccessPointId"]


def test_task_may_mount_the_access_point_only(synthesized: Mapping[str, Template], stack: str) -> None:
    """The task may neither write, nor access files as root, nor bypass the access point."""
    rights = [s for s in statements(synthesized[f"efs/{stack}"]) if "elasticfilesystem" in str(s["Action"])]
    assert [s["Action"] for s in rights] == ["elasticfilesystem:ClientMount"]
    assert "elasticfilesystem:AccessPointArn" in rights[0]["Condition"]["StringEquals"]


def test_file_system_is_encrypted_and_requires_tls(synthesized: Mapping[str, Template]) -> None:
    """EFS encrypts at rest; the policy denies access without TLS, and allows nothing."""
    system = synthesized["efs/Models"].only("AWS::EFS::FileSystem")
    assert system["Encrypted"] is True
    (statement,) = system["FileSystemPolicy"]["Statement"]
    assert statement["Effect"] == "Deny"
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    point = synthesized["efs/Models"].only("AWS::EFS::AccessPoint")
    assert point["RootDirectory"]["CreationInfo"]["Permissions"] == "755"


def test_file_system_is_reached_by_tasks_only(synthesized: Mapping[str, Template], stack: str) -> None:
    """Its security group admits NFS from the security group of the service, and nothing else."""
    assert "SecurityGroupIngress" not in synthesized["efs/Models"].only("AWS::EC2::SecurityGroup")
    rules = synthesized[f"efs/{stack}"].properties("AWS::EC2::SecurityGroupIngress")
    (rule,) = [rule for rule in rules if "whisper-efs-Models" in str(rule["GroupId"])]
    assert (rule["IpProtocol"], rule["FromPort"], rule["ToPort"]) == ("tcp", 2049, 2049)
    assert "Firewall" in str(rule["SourceSecurityGroupId"])


@pytest.mark.parametrize("weights", [Weights.S3, Weights.EFS])
@pytest.mark.parametrize("name", ["models/base", "s3://models/base", "/models/base", ""])
def test_model_in_a_store_is_named_by_its_folder(weights: Weights, name: str) -> None:
    """The stacks add the store's address, so a setting that contains an address is refused."""
    with pytest.raises(ValueError, match=r"^(forge\.settings\.model: got|WHISPER_MODEL: got)"):
        replace(FORGE, weights=weights, settings=replace(FORGE.settings, model=name))
