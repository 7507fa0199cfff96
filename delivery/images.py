"""The image of a commit: built once, then copied from registry to registry unchanged."""

import base64
import json
import re
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from delivery.deployed import DeployedEnvironment
from delivery.programs import Refused, lines, run, say
from delivery.registry import ARCHITECTURES

COMMIT = r"[0-9a-f]{40}"
DIGEST = r"sha256:[0-9a-f]{64}"


def build(deployed: DeployedEnvironment, commit: str) -> str:
    """Build and push the image of a commit, unless it is there already; its digest."""
    if digest := find(deployed, commit):
        say(f"The image of {commit} exists already.")
        return digest
    environment, repository = deployed.environment, deployed.repository
    _log_in(deployed)
    arguments = {"MODEL": environment.settings.model, "COMMIT": commit}
    if environment.commits and environment.commits.locked_model:
        arguments["RELEASE"] = "1"
    if base := _base(deployed):
        arguments["BASE"] = base
    # The daemon's own builder cannot keep its cache in a registry.
    run("docker", "buildx", "create", "--use", environ=deployed.environ())
    cache = f"type=registry,ref={deployed.outputs('Registry')['CacheUri']}:cache"
    run(
        *("docker", "buildx", "build", "--file", "service/Dockerfile"),
        *("--platform", f"linux/{ARCHITECTURES[environment.processor]}"),
        *(part for name, value in arguments.items() for part in ("--build-arg", f"{name}={value}")),
        # ECR stores a cache as an image only.
        *("--cache-from", cache, "--cache-to", f"{cache},mode=max,image-manifest=true,oci-mediatypes=true"),
        # One manifest for one processor: its digest is copied, deployed and recorded in every transcript.
        *("--provenance=false", "--tag", f"{repository}:{commit}", "--push", "."),
        environ=deployed.environ(),
    )
    if digest := find(deployed, commit):
        return digest
    raise Refused(f"image: got none tagged {commit} in {deployed.name}'s registry, expected the one just pushed")


def _base(deployed: DeployedEnvironment) -> str:
    """The image that the service's begins with, by digest, from the account's own copies; empty for the Dockerfile's."""
    plan, uri = deployed.environment.commits, deployed.outputs("Registry").get("BaseUri")
    if not (plan and plan.base and uri):
        return ""
    if "@" in plan.base:
        return f"{uri}@{plan.base.rpartition('@')[2]}"
    inspect = ("docker", "buildx", "imagetools", "inspect", "--format", "{{.Manifest.Digest}}")
    printed = "".join(lines(*inspect, f"{uri}:{plan.base.rpartition(':')[2]}", environ=deployed.environ())).strip()
    if not re.fullmatch(DIGEST, printed):
        raise Refused(f"base: got {printed!r} for {plan.base}, expected a digest")
    say(f"The base, {plan.base}, is {printed}.")
    return f"{uri}@{printed}"


def verify(deployed: DeployedEnvironment, commit: str, environ: Mapping[str, str]) -> str:
    """Refuse a release before it changes anything; the digest of the commit's image."""
    plan = deployed.environment.releases
    if not plan:
        raise Refused(f"{deployed.name}.releases: got none, expected a plan")
    run("git", "fetch", "--quiet", "--force", "--tags", "origin", environ=environ)
    tags = lines("git", "tag", "--points-at", commit, "--list", *plan.tags, environ=environ)
    if not tags:
        raise Refused(f"tag: got none like {' or '.join(plan.tags)} on {commit}, expected one, which makes a release")
    source = DeployedEnvironment.named(plan.images_from, environ)
    digest = find(source, commit)
    if not digest:
        expected = f"the one that the pipeline of {source.name} builds for each commit on its branch"
        raise Refused(f"image: got none tagged {commit} in {source.name}'s registry, expected {expected}")
    deployed.stack("Registry")
    say(f"{', '.join(tags)} is {commit}, whose image is {digest}.")
    if plan.onward and plan.account is None and not plan.source.identity:
        away = f"what is deployed to {deployed.name} could release to {', '.join(plan.onward)}, approved or not"
        say(f"The pipeline stands in the account of {deployed.name}: {away}; docs/stacks/delivery.md#separation")
    return digest


def promote(deployed: DeployedEnvironment, commit: str, digest: str, environ: Mapping[str, str]) -> None:
    """Copy an image from the environment that built or tried it, byte by byte, so that its digest stays the same."""
    if not deployed.environment.images_from:
        raise Refused(f"{deployed.name}: got no environment to take images from, expected releases or released_by")
    source = DeployedEnvironment.named(deployed.environment.images_from, environ)
    there = find(deployed, commit)
    if there == digest:
        say(f"{digest} is in {deployed.name}'s registry already.")
        return
    if there:
        raise Refused(f"image: got {there} tagged {commit} in {deployed.name}'s registry, expected {digest} or none")
    if not commit_of(source, digest):
        raise Refused(f"image: got none with {digest} in {source.name}'s registry, expected it")
    # Docker keeps one login per host. If both repositories share a host, the second role may read the first repository.
    for at in (source, deployed):
        _log_in(at)
    copy = ("docker", "buildx", "imagetools", "create", "--prefer-index=false")
    references = ("--tag", f"{deployed.repository}:{commit}", f"{source.repository}@{digest}")
    run(*copy, *references, environ=deployed.environ())
    if (there := find(deployed, commit)) != digest:
        raise Refused(f"image: got {there} in {deployed.name}'s registry after the copy, expected {digest}")


def take(deployed: DeployedEnvironment, commit: str, reference: str) -> str:
    """Copy an image from any registry that this machine's Docker may read, as the image of a commit; its digest.

    Raises:
        Refused: it is for another processor, or cannot be read.
    """
    wanted = ARCHITECTURES[deployed.environment.processor]
    inspect = ("docker", "buildx", "imagetools", "inspect", "--format", "{{json .Image}}")
    described = json.loads("\n".join(lines(*inspect, reference, environ=deployed.environ())))
    # An index describes an image for each platform, such as linux/amd64.
    one = described.get("architecture")
    found = [one] if one else sorted({platform.split("/")[1] for platform in described})
    if wanted not in found:
        expected = f"one for {wanted}, the processor of {deployed.name}"
        raise Refused(f"image: got {reference} for {', '.join(found)}, expected {expected}")
    _log_in(deployed)
    copy = ("docker", "buildx", "imagetools", "create", "--prefer-index=false")
    run(*copy, "--tag", f"{deployed.repository}:{commit}", reference, environ=deployed.environ())
    if digest := find(deployed, commit):
        return digest
    raise Refused(f"image: got none tagged {commit} in {deployed.name}'s registry, expected the one just copied")


def find(deployed: DeployedEnvironment, tag: str) -> str:
    """Digest of the image with a tag; empty if there is none."""
    return str(_describe(deployed, imageTag=tag).get("imageDigest", ""))


def commit_of(deployed: DeployedEnvironment, digest: str) -> str:
    """The commit that an image is tagged with; empty if the registry has no such tag."""
    tags = _describe(deployed, imageDigest=digest).get("imageTags", [])
    return next((str(tag) for tag in tags if re.fullmatch(COMMIT, tag)), "")


def _describe(deployed: DeployedEnvironment, **image: str) -> dict[str, Any]:
    repository = deployed.repository.partition("/")[2]
    try:
        found = deployed.client("ecr").describe_images(repositoryName=repository, imageIds=[image])
    except ClientError as error:
        if error.response["Error"]["Code"] == "ImageNotFoundException":
            return {}
        raise Refused(f"{deployed.repository}: cannot be read ({error})") from None
    return next(iter(found["imageDetails"]), {})


def _log_in(deployed: DeployedEnvironment) -> None:
    token = deployed.client("ecr").get_authorization_token()["authorizationData"][0]["authorizationToken"]
    user, _, password = base64.b64decode(token).decode().partition(":")
    host = deployed.repository.partition("/")[0]
    run("docker", "login", "--username", user, "--password-stdin", host, environ=deployed.environ(), given=password)
