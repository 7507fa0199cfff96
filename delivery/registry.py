"""What ECR tells of an image by its digest, without a container engine: its processor; and the tags that keep it."""

import json
import urllib.request
from collections.abc import Mapping
from typing import Any

from delivery.deployed import DeployedEnvironment
from delivery.programs import Refused, say
from stacks.environments import RUNNING, Processor

# The processors, as images name them.
ARCHITECTURES = {Processor.X86_64: "amd64", Processor.ARM64: "arm64"}
MANIFESTS = [
    *("application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json"),
    *("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json"),
]
SECONDS = 30


def check_processor(deployed: DeployedEnvironment, digest: str) -> None:
    """Refuse an image that the environment's tasks cannot run.

    Raises:
        Refused: the registry does not have it, or it is for another processor.
    """
    wanted = ARCHITECTURES[deployed.environment.processor]
    found = _architectures(deployed, digest)
    if wanted not in found:
        expected = f"{wanted}, the processor of {deployed.name}"
        raise Refused(f"image: got {digest} for {', '.join(sorted(found)) or 'none'}, expected {expected}")


def keep(deployed: DeployedEnvironment, digest: str, running: Mapping[str, str]) -> None:
    """Tag a digest that is about to be deployed, and those that stacks run, so that the registry expires none of them.

    Args:
        deployed: the environment.
        digest: the new one.
        running: digest of the image of each stack.
    """
    for name, kept in {**running, "next": digest}.items():
        image = _manifest(deployed, kept)
        if not image:
            say(f"{kept}, which {name} runs, is not in the registry of {deployed.name} any more.")
            continue
        ecr, tag = deployed.client("ecr"), f"{RUNNING}{name.lower()}"
        try:
            ecr.put_image(
                repositoryName=_name(deployed),
                imageTag=tag,
                imageDigest=kept,
                imageManifest=image["imageManifest"],
                imageManifestMediaType=image["imageManifestMediaType"],
            )
        except ecr.exceptions.ImageAlreadyExistsException:
            continue  # it has the tag


def _architectures(deployed: DeployedEnvironment, digest: str) -> set[str]:
    image = _manifest(deployed, digest)
    if not image:
        raise Refused(f"image: got none with {digest} in {deployed.name}'s registry, expected it")
    manifest = json.loads(image["imageManifest"])
    if "manifests" in manifest:
        return {str(each["platform"]["architecture"]) for each in manifest["manifests"] if "platform" in each}
    layer = manifest["config"]["digest"]
    asked = deployed.client("ecr").get_download_url_for_layer(repositoryName=_name(deployed), layerDigest=layer)
    try:
        with urllib.request.urlopen(asked["downloadUrl"], timeout=SECONDS) as answer:  # noqa: S310 -- AWS's own address
            return {str(json.load(answer)["architecture"])}
    except OSError as error:
        raise Refused(f"image: the description of {digest} cannot be read ({error})") from None


def _manifest(deployed: DeployedEnvironment, digest: str) -> dict[str, Any]:
    """An image as the registry describes it; empty if it has none with this digest."""
    found = deployed.client("ecr").batch_get_image(
        repositoryName=_name(deployed), imageIds=[{"imageDigest": digest}], acceptedMediaTypes=MANIFESTS
    )
    return dict(next(iter(found["images"]), {}))


def _name(deployed: DeployedEnvironment) -> str:
    return deployed.repository.partition("/")[2]
