"""The image of a commit: built once, refused without its grounds, copied as it is."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

import stacks.environments.selection
from delivery.deployed import DeployedEnvironment
from delivery.programs import Refused
from delivery.registry import check_processor
from stacks.environments import CommitPlan
from tests.delivery.cloud import NEW, Cloud
from tests.stacks.factory import FORGE, LINE, REGION

COMMIT, OTHER = "a" * 40, "b" * 40


@pytest.fixture
def git(tmp_path: Path) -> dict[str, str]:
    """A clone of a repository with one commit, whose tag the clone does not have yet; the variable that leads there."""
    origin, clone = tmp_path / "origin", tmp_path / "clone"
    names = ("-c", "user.name=a", "-c", "user.email=a@b.invalid", "-c", "commit.gpgsign=false")
    for command in (
        ("init", "--quiet", str(origin)),
        ("-C", str(origin), *names, "commit", "--quiet", "--allow-empty", "--message", "a"),
        ("clone", "--quiet", str(origin), str(clone)),
        ("-C", str(origin), "tag", "v1.2.3"),
    ):
        subprocess.run(["git", *command], check=True)
    return {"GIT_DIR": str(clone / ".git")}


def head(git: dict[str, str]) -> str:
    """The commit."""
    return subprocess.run(
        ["git", "rev-parse", "HEAD"], env=git, capture_output=True, text=True, check=True
    ).stdout.strip()


def golden(cloud: Cloud) -> tuple[str, str]:
    """Bucket and key of the manifest of golden recordings."""
    outputs = cloud.client("cloudformation").describe_stacks(StackName="whisper-trial-Gate")["Stacks"][0]["Outputs"]
    (manifest,) = [output["OutputValue"] for output in outputs if output["OutputKey"] == "Manifest"]
    bucket, _, key = manifest.removeprefix("s3://").partition("/")
    return bucket, key


def test_image_is_built_with_its_model_commit_and_lock_and_its_digest_is_handed_on(cloud: Cloud) -> None:
    """The next step gets the digest that the registry holds for the commit; the cache is in a repository of its own."""
    cloud.calls("docker")
    code, digest, _ = cloud.step("build", "forge", OTHER)
    ecr = cloud.client("ecr")
    stored = ecr.describe_images(repositoryName=cloud.repository("forge"), imageIds=[{"imageTag": OTHER}])
    assert (code, digest) == (0, stored["imageDetails"][0]["imageDigest"])
    (build,) = [call for call in cloud.calls("docker") if call[:2] == ["buildx", "build"]]
    for argument in (f"MODEL={FORGE.settings.model}", f"COMMIT={OTHER}", "RELEASE=1"):
        assert build[build.index(argument) - 1] == "--build-arg"
    assert "mode=max,image-manifest=true" in build[build.index("--cache-to") + 1]
    # The cache is in a repository of its own.
    cached = build[build.index("--cache-from") + 1].removeprefix("type=registry,ref=")
    assert cached.endswith(":cache")
    assert cached.removesuffix(":cache") != build[build.index("--tag") + 1].rpartition(":")[0]


def test_image_begins_with_the_accounts_own_copy_of_its_base_by_digest_on_the_tasks_processor(cloud: Cloud) -> None:
    """No public registry limits the build, which says what it began with; an Arm laptop builds what the tasks run."""
    cloud.calls("docker")
    _, _, log = cloud.step("build", "forge", "9" * 40)
    inspect, build = [call for call in cloud.calls("docker") if call[1] in ("build", "imagetools")]
    (base,) = [argument for argument in build if argument.startswith("BASE=")]
    name, _, digest = base.removeprefix("BASE=").partition("@")
    assert inspect[-1] == f"{name}:3.12-slim-bookworm"
    assert name.partition("/")[2] == "whisper-forge/docker/library/python"
    assert digest == f"sha256:{'b' * 64}"
    assert f"The base, {FORGE.commits.base if FORGE.commits else ''}, is {digest}." in log
    assert build[build.index("--platform") + 1] == "linux/amd64"


def test_pinned_base_is_taken_as_it_is(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """A digest needs no look at the registry."""
    pinned = CommitPlan(base=f"docker/library/python@sha256:{'c' * 64}")
    monkeypatch.setattr(
        stacks.environments.selection, "environments", lambda: (replace(FORGE, commits=pinned), *LINE[1:])
    )
    cloud.calls("docker")
    assert cloud.step("build", "forge", "8" * 40)[0] == 0
    calls = cloud.calls("docker")
    assert not [call for call in calls if "inspect" in call]
    assert [a for call in calls for a in call if a.startswith("BASE=") and a.endswith(f"@sha256:{'c' * 64}")]


def test_image_for_another_processor_is_not_deployed(cloud: Cloud) -> None:
    """An image that an Arm laptop pushed by hand is refused before anything changes."""
    digest = cloud.push("trial", "from-a-laptop", architecture="arm64")
    cloud.calls("cdk")
    code, _, log = cloud.step("deploy", "trial", COMMIT, digest)
    assert code == 1
    said = f"image: got {digest} for arm64, expected amd64, the processor of trial"
    assert log.splitlines()[-1] == f"deploy trial: refused: {said}"
    assert not [call for call in cloud.calls("cdk") if call[0] == "deploy"]


def test_image_that_the_registry_does_not_have_is_not_deployed(cloud: Cloud) -> None:
    """Its tasks could never start."""
    absent = f"sha256:{'d' * 64}"
    code, _, log = cloud.step("deploy", "trial", COMMIT, absent)
    assert code == 1
    assert f"image: got none with {absent} in trial's registry, expected it" in log.splitlines()[-1]


def test_processor_of_a_single_image_is_in_its_configuration(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A build pushes one manifest, which says nothing of its processor: its configuration does, fetched from ECR."""
    for name, value in cloud.environ.items():
        monkeypatch.setenv(name, value)
    deployed = DeployedEnvironment.named("trial", cloud.environ)
    ecr = cloud.client("ecr")
    digests = {}
    for architecture in ("amd64", "arm64"):
        (tmp_path / architecture).write_text(json.dumps({"architecture": architecture}))
        manifest = json.dumps({"config": {"digest": f"sha256:{architecture}"}})
        pushed = ecr.put_image(repositoryName=cloud.repository("trial"), imageTag=architecture, imageManifest=manifest)
        digests[architecture] = pushed["image"]["imageId"]["imageDigest"]
    # The emulator answers with an address of AWS.
    deployed.client("ecr").meta.events.register(
        "after-call.ecr.GetDownloadUrlForLayer",
        lambda parsed, **_: parsed.update(
            downloadUrl=(tmp_path / parsed["layerDigest"].removeprefix("sha256:")).as_uri()
        ),
    )
    check_processor(deployed, digests["amd64"])
    with pytest.raises(Refused, match=f"got {digests['arm64']} for arm64, expected amd64"):
        check_processor(deployed, digests["arm64"])


def test_image_that_is_there_is_not_built_again(cloud: Cloud) -> None:
    """A commit has one image for ever, so that the tested image is the released one."""
    digest = cloud.push("forge", "c" * 40)
    cloud.calls("docker")
    assert cloud.step("build", "forge", "c" * 40)[:2] == (0, digest)
    assert cloud.calls("docker") == []


def test_build_that_fails_stops_with_one_line_and_no_digest(cloud: Cloud) -> None:
    """Docker's own message is above; the next step gets no digest."""
    code, digest, log = cloud.step("build", "forge", "d" * 40, DOCKER_FAILS="1")
    assert (code, digest) == (1, "")
    assert log.splitlines()[-1] == "build forge: refused: `docker buildx` ended with 1; it says why above"
    assert "the model is not the locked one" in log


def test_release_starts_from_a_tag_its_image_and_golden_recordings(cloud: Cloud, git: dict[str, str]) -> None:
    """The tag is fetched, the digest is the image's, and nothing has changed."""
    digest = cloud.push("forge", head(git))
    bucket, key = golden(cloud)
    cloud.client("s3").put_object(Bucket=bucket, Key=key, Body=b"{}")
    cloud.calls("docker")
    code, found, log = cloud.step("verify", "trial", head(git), **git)
    assert (code, found) == (0, digest)
    assert f"v1.2.3 is {head(git)}, whose image is {digest}." in log
    assert cloud.calls("docker") == cloud.calls("cdk") == []


def test_release_without_golden_recordings_is_refused(cloud: Cloud, git: dict[str, str]) -> None:
    """Before an environment is touched: the line names the URL that should hold them."""
    cloud.push("forge", head(git))
    bucket, key = golden(cloud)
    cloud.client("s3").delete_object(Bucket=bucket, Key=key)
    code, _, log = cloud.step("verify", "trial", head(git), **git)
    assert code == 1
    assert f"golden recordings: got none at s3://{bucket}/{key}, expected a manifest" in log.splitlines()[-1]


def test_release_of_a_commit_without_image_is_refused(cloud: Cloud, git: dict[str, str]) -> None:
    """No other image is built instead."""
    names = ("-c", "user.name=a", "-c", "user.email=a@b.invalid", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *names, "commit", "--quiet", "--allow-empty", "--message", "b"], env=git, check=True)
    subprocess.run(["git", "tag", "v2"], env=git, check=True)
    cloud.calls("docker")
    code, _, log = cloud.step("verify", "trial", head(git), **git)
    assert code == 1
    assert f"image: got none tagged {head(git)} in forge's registry, expected the one that" in log.splitlines()[-1]
    assert cloud.calls("docker") == []


def test_commit_without_a_tag_is_no_release(cloud: Cloud, git: dict[str, str]) -> None:
    """A pipeline runs once when it is made, on the branch's newest commit: that must not reach an environment."""
    origin = Path(git["GIT_DIR"]).parent.parent / "origin"
    subprocess.run(["git", "-C", str(origin), "tag", "--delete", "v1.2.3"], check=True, capture_output=True)
    subprocess.run(["git", "-C", str(origin), "tag", "nightly"], check=True)
    code, _, log = cloud.step("verify", "trial", head(git), **git)
    assert code == 1
    assert f"tag: got none like v* on {head(git)}, expected one, which makes a release" in log.splitlines()[-1]


def test_same_digest_arrives_in_the_next_environment(cloud: Cloud) -> None:
    """Along the line nothing is built and the digest stays; twice changes nothing."""
    digest = cloud.push("forge", COMMIT)
    cloud.calls("docker")
    for name in ("trial", "live"):
        assert cloud.step("promote", name, COMMIT, digest)[:2] == (0, digest)
        assert cloud.tags(name, digest) == {COMMIT}
    copies = [call for call in cloud.calls("docker") if call[0] != "login"]
    assert [call[:4] for call in copies] == [["buildx", "imagetools", "create", "--prefer-index=false"]] * 2
    assert cloud.step("promote", "live", COMMIT, digest)[0] == 0
    assert cloud.calls("docker") == []


def test_digest_that_the_registry_does_not_have_is_refused(cloud: Cloud) -> None:
    """Nothing is copied."""
    cloud.calls("docker")
    code, _, log = cloud.step("promote", "trial", "e" * 40, NEW)
    assert code == 1
    assert log.splitlines()[-1].endswith(f"image: got none with {NEW} in forge's registry, expected it")
    assert cloud.calls("docker") == []


def test_copy_that_changes_the_digest_is_refused(cloud: Cloud) -> None:
    """The copied digest is compared with the requested one."""
    commit = "f" * 40
    digest = cloud.push("forge", commit)
    code, _, log = cloud.step("promote", "trial", commit, digest, DOCKER_CHANGES="!")
    assert code == 1
    assert f"in trial's registry after the copy, expected {digest}" in log.splitlines()[-1]
    # And a second try finds the wrong one there.
    code, _, log = cloud.step("promote", "trial", commit, digest)
    assert code == 1
    assert f"tagged {commit} in trial's registry, expected {digest} or none" in log.splitlines()[-1]


def test_role_of_the_environment_is_taken(cloud: Cloud) -> None:
    """A step works with the rights of the environment's role, and ends if the role cannot be assumed."""
    account = "1" * 12
    code, _, log = cloud.step("promote", "live", COMMIT, NEW, ROLE_LIVE=f"arn:aws:iam::{account}:role/release")
    assert code == 1
    # The other account has no stacks: the role was taken there.
    assert f"whisper-live-Registry: not found in {REGION} of account {account}, expected a stack" in log


def test_wrong_region_is_refused(cloud: Cloud) -> None:
    """The region is the environment's; a build in another region is refused."""
    code, _, log = cloud.step("deploy", "forge", COMMIT, NEW, AWS_REGION="us-east-1")
    assert code == 1
    assert (
        log.splitlines()[-1]
        == f"deploy forge: refused: region: got 'us-east-1', expected {REGION}, the region of forge"
    )
    assert cloud.calls("cdk") == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("promote", "trial", "main", NEW), "got 'main', expected a commit id of 40 hex digits"),
        (("promote", "trial", COMMIT, "latest"), "got 'latest', expected sha256: and 64 hex digits"),
        (("promote", "trial", COMMIT), "digest: got none, expected sha256: and 64 hex digits"),
        (("promote", "staging", COMMIT, NEW), "environment: got 'staging', expected one of forge, trial, live, local"),
        (("promote", "forge", COMMIT, NEW), "forge: got no environment to take images from"),
        (("verify", "live", COMMIT), "live.releases: got none, expected a plan"),
        (("publish", "forge", COMMIT), "invalid choice: 'publish'"),
    ],
)
def test_wrong_argument_is_refused_in_one_line(cloud: Cloud, arguments: tuple[str, ...], says: str) -> None:
    """Field, value and expectation; and nothing for the next step."""
    code, digest, log = cloud.step(*arguments)
    assert code in (1, 2)
    assert digest == ""
    assert says in log.splitlines()[-1]
