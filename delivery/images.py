"""The image of a commit: built once, then copied from registry to registry as it is."""

import base64
import re
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from delivery.places import Place
from delivery.programs import Refused, lines, run, say

COMMIT = r"[0-9a-f]{40}"
DIGEST = r"sha256:[0-9a-f]{64}"


def build(place: Place, commit: str) -> str:
    """Build and push the image of a commit, unless it is there already; its digest."""
    if digest := find(place, commit):
        say(f"The image of {commit} is there already.")
        return digest
    environment, repository = place.environment, place.repository
    _log_in(place)
    arguments = {"MODEL": environment.settings.model, "COMMIT": commit}
    if environment.commits and environment.commits.locked_model:
        arguments["RELEASE"] = "1"
    # The daemon's own builder cannot keep its cache in a registry.
    run("docker", "buildx", "create", "--use", environ=place.environ())
    cache = f"type=registry,ref={repository}:cache"
    run(
        *("docker", "buildx", "build", "--file", "service/Dockerfile"),
        *(part for name, value in arguments.items() for part in ("--build-arg", f"{name}={value}")),
        # ECR stores a cache as an image only.
        *("--cache-from", cache, "--cache-to", f"{cache},mode=max,image-manifest=true,oci-mediatypes=true"),
        # One manifest for one processor: its digest is what is copied, deployed and told in every transcript.
        *("--provenance=false", "--tag", f"{repository}:{commit}", "--push", "."),
        environ=place.environ(),
    )
    if digest := find(place, commit):
        return digest
    raise Refused(f"image: got none tagged {commit} in {place.name}'s registry, expected the one just pushed")


def verify(place: Place, commit: str, environ: Mapping[str, str]) -> str:
    """Refuse a release before it changes anything; the digest of the commit's image."""
    plan = place.environment.releases
    if not plan:
        raise Refused(f"{place.name}.releases: got none, expected a plan")
    run("git", "fetch", "--quiet", "--force", "--tags", "origin", environ=environ)
    tags = lines("git", "tag", "--points-at", commit, "--list", *plan.tags, environ=environ)
    if not tags:
        raise Refused(f"tag: got none like {' or '.join(plan.tags)} on {commit}, expected one, which makes a release")
    source = Place.named(plan.images_from, environ)
    digest = find(source, commit)
    if not digest:
        expected = f"the one that the pipeline of {source.name} builds of each commit on its branch"
        raise Refused(f"image: got none tagged {commit} in {source.name}'s registry, expected {expected}")
    place.stack("Registry")
    say(f"{', '.join(tags)} is {commit}, whose image is {digest}.")
    return digest


def promote(place: Place, commit: str, digest: str, environ: Mapping[str, str]) -> None:
    """Copy an image from where it was built or tried before, byte by byte, so that its digest stays what it is."""
    if not place.environment.images_from:
        raise Refused(f"{place.name}: got no environment to take images from, expected releases or released_by")
    source = Place.named(place.environment.images_from, environ)
    there = find(place, commit)
    if there == digest:
        say(f"{digest} is in {place.name}'s registry already.")
        return
    if there:
        raise Refused(f"image: got {there} tagged {commit} in {place.name}'s registry, expected {digest} or none")
    if not commit_of(source, digest):
        raise Refused(f"image: got none with {digest} in {source.name}'s registry, expected it")
    # One file holds the logins, by host. Where both repositories are on one host, the second role may read the first.
    for at in (source, place):
        _log_in(at)
    copy = ("docker", "buildx", "imagetools", "create", "--prefer-index=false")
    run(*copy, "--tag", f"{place.repository}:{commit}", f"{source.repository}@{digest}", environ=environ)
    if (there := find(place, commit)) != digest:
        raise Refused(f"image: got {there} in {place.name}'s registry after the copy, expected {digest}")


def find(place: Place, tag: str) -> str:
    """Digest of the image with a tag; empty without one."""
    return str(_describe(place, imageTag=tag).get("imageDigest", ""))


def commit_of(place: Place, digest: str) -> str:
    """The commit that an image is tagged with; empty where the registry does not know."""
    tags = _describe(place, imageDigest=digest).get("imageTags", [])
    return next((str(tag) for tag in tags if re.fullmatch(COMMIT, tag)), "")


def _describe(place: Place, **image: str) -> dict[str, Any]:
    repository = place.repository.partition("/")[2]
    try:
        found = place.client("ecr").describe_images(repositoryName=repository, imageIds=[image])
    except ClientError as error:
        if error.response["Error"]["Code"] == "ImageNotFoundException":
            return {}
        raise Refused(f"{place.repository}: cannot be read ({error})") from None
    return next(iter(found["imageDetails"]), {})


def _log_in(place: Place) -> None:
    token = place.client("ecr").get_authorization_token()["authorizationData"][0]["authorizationToken"]
    user, _, password = base64.b64decode(token).decode().partition(":")
    host = place.repository.partition("/")[0]
    run("docker", "login", "--username", user, "--password-stdin", host, environ=place.environ(), given=password)
