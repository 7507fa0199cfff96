"""What an environment promises whose image does not bring the model."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from stacks.environments import Weights, select
from tests.stacks.synthesis import Template, statements, synthesize


@pytest.fixture(scope="module")
def synthesized(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Template]:
    """Prod with its model in S3, and dev with its model on EFS."""
    (dev,), (prod,) = select("dev"), select("prod")
    environments = [replace(dev, name="efs", weights=Weights.EFS), replace(prod, name="s3", weights=Weights.S3)]
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
    """Where the service is told to find the model."""
    return next(pair["Value"] for pair in container(template)["Environment"] if pair["Name"] == "WHISPER_MODEL")


def test_image_needs_no_store(templates: Mapping[str, Template]) -> None:
    """The default makes no stack and no resource: the model came with the image."""
    assert not [name for name in templates if name.endswith("/Models")]
    assert model(templates["prod/Api"]) == model(templates["prod/Batch"]) == "small"


def test_model_in_s3_is_named_and_readable(synthesized: Mapping[str, Template], stack: str) -> None:
    """A task reads the folder of its model, nothing else of the bucket, and writes nothing."""
    template = synthesized[f"s3/{stack}"]
    scheme, _, folder = model(template)["Fn::Join"][1]
    assert (scheme, folder) == ("s3://", "/small")
    mine = [s for s in statements(template) if "whisper-s3-Models" in str(s.get("Resource"))]
    assert sorted(str(s["Action"]) for s in mine) == ["s3:GetObject", "s3:ListBucket"]
    (read,), (find,) = ([s for s in mine if s["Action"] == action] for action in ("s3:GetObject", "s3:ListBucket"))
    assert read["Resource"]["Fn::Join"][1][-1] == "/small/*"
    assert find["Condition"] == {"StringEquals": {"s3:prefix": "small/"}}


def test_bucket_of_models_stays_and_keeps_its_models(synthesized: Mapping[str, Template]) -> None:
    """Models do not age out, what replaced ones leave does; in production the bucket outlives its stack."""
    (bucket,) = synthesized["s3/Models"].resources("AWS::S3::Bucket")
    (rule,) = bucket["Properties"]["LifecycleConfiguration"]["Rules"]
    assert "ExpirationInDays" not in rule
    assert rule["NoncurrentVersionExpiration"]["NoncurrentDays"] == 90
    assert bucket["DeletionPolicy"] == bucket["UpdateReplacePolicy"] == "Retain"
    assert bucket["Properties"]["BucketEncryption"]


def test_models_of_production_are_protected_as_its_other_stacks(synthesized: Mapping[str, Template]) -> None:
    """One more stack, and one more that nobody deletes by a slip."""
    manifest = synthesized["s3/Models"].path.with_name("manifest.json").read_text()
    assert manifest.count('"terminationProtection": true') == len([name for name in synthesized if name[:3] == "s3/"])


def test_model_on_efs_is_mounted_read_only(synthesized: Mapping[str, Template], stack: str) -> None:
    """Over TLS, through the access point, with the task's role; the container cannot write there."""
    template = synthesized[f"efs/{stack}"]
    (mount,) = [m for m in container(template)["MountPoints"] if m["SourceVolume"] == "models"]
    assert mount == {"ContainerPath": "/models", "ReadOnly": True, "SourceVolume": "models"}
    assert model(template) == "/models/small"
    (volume,) = [v for v in template.only("AWS::ECS::TaskDefinition")["Volumes"] if v["Name"] == "models"]
    efs = volume["EFSVolumeConfiguration"]
    assert efs["TransitEncryption"] == "ENABLED"
    assert efs["AuthorizationConfig"]["IAM"] == "ENABLED"
    assert efs["AuthorizationConfig"]["AccessPointId"]


def test_task_may_mount_the_access_point_only(synthesized: Mapping[str, Template], stack: str) -> None:
    """No right to write, none as root, and none past the access point."""
    rights = [s for s in statements(synthesized[f"efs/{stack}"]) if "elasticfilesystem" in str(s["Action"])]
    assert [s["Action"] for s in rights] == ["elasticfilesystem:ClientMount"]
    assert "elasticfilesystem:AccessPointArn" in rights[0]["Condition"]["StringEquals"]


def test_file_system_is_encrypted_and_refuses_plain_text(synthesized: Mapping[str, Template]) -> None:
    """At rest by EFS, on the wire by its policy, which allows nobody anything."""
    system = synthesized["efs/Models"].only("AWS::EFS::FileSystem")
    assert system["Encrypted"] is True
    (statement,) = system["FileSystemPolicy"]["Statement"]
    assert statement["Effect"] == "Deny"
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    point = synthesized["efs/Models"].only("AWS::EFS::AccessPoint")
    assert point["RootDirectory"]["CreationInfo"]["Permissions"] == "755"


def test_file_system_is_reached_by_tasks_only(synthesized: Mapping[str, Template], stack: str) -> None:
    """Its firewall is opened for the security group of the service, for NFS, and for nothing else."""
    assert "SecurityGroupIngress" not in synthesized["efs/Models"].only("AWS::EC2::SecurityGroup")
    rules = synthesized[f"efs/{stack}"].properties("AWS::EC2::SecurityGroupIngress")
    (rule,) = [rule for rule in rules if "whisper-efs-Models" in str(rule["GroupId"])]
    assert (rule["IpProtocol"], rule["FromPort"], rule["ToPort"]) == ("tcp", 2049, 2049)
    assert "Firewall" in str(rule["SourceSecurityGroupId"])


@pytest.mark.parametrize("weights", [Weights.S3, Weights.EFS])
@pytest.mark.parametrize("name", ["models/small", "s3://models/small", "/models/small", ""])
def test_model_in_a_store_is_named_by_its_folder(weights: Weights, name: str) -> None:
    """The store's address is the stacks' business: a setting that brings its own is refused."""
    (dev,) = select("dev")
    with pytest.raises(ValueError, match=r"^(dev\.settings\.model: got|WHISPER_MODEL: got)"):
        replace(dev, weights=weights, settings=replace(dev.settings, model=name))
