"""Promises of the Registry stack."""

import json
from collections.abc import Mapping

from stacks.environments import Environment
from tests.stacks.synthesis import KEPT, Template


def test_images_are_scanned_and_never_overwritten(templates: Mapping[str, Template], environment: Environment) -> None:
    """Only the tag of the build cache can be overwritten, and images are scanned on push."""
    repository = templates[f"{environment.name}/Registry"].only("AWS::ECR::Repository")
    assert repository["ImageTagMutability"] == "IMMUTABLE_WITH_EXCLUSION"
    assert repository["ImageTagMutabilityExclusionFilters"] == [
        {"ImageTagMutabilityExclusionFilterType": "WILDCARD", "ImageTagMutabilityExclusionFilterValue": "cache"}
    ]
    assert repository["ImageScanningConfiguration"] == {"ScanOnPush": True}


def test_old_images_are_removed(templates: Mapping[str, Template], environment: Environment) -> None:
    """The newest `images_kept` images are kept, to limit the storage costs."""
    repository = templates[f"{environment.name}/Registry"].only("AWS::ECR::Repository")
    rules = json.loads(repository["LifecyclePolicy"]["LifecyclePolicyText"])["rules"]
    counts = [r["selection"]["countNumber"] for r in rules if r["selection"]["countType"] == "imageCountMoreThan"]
    assert counts == [environment.images_kept]
    # Untagged images are old build caches.
    assert [r["selection"]["countNumber"] for r in rules if r["selection"]["tagStatus"] == "untagged"] == [7]


def test_production_alone_keeps_its_images(templates: Mapping[str, Template], environment: Environment) -> None:
    """The images are needed to restore production after its stack was deleted."""
    (repository,) = templates[f"{environment.name}/Registry"].resources("AWS::ECR::Repository")
    policies = (repository["DeletionPolicy"], repository["UpdateReplacePolicy"])
    assert policies == (KEPT if environment.production else ("Delete", "Delete"))
    assert bool(repository["Properties"].get("EmptyOnDelete")) == (not environment.production)
