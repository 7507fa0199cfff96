"""Promises of the Registry stack."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stacks.environments import CommitPlan, Environment
from tests.stacks.factory import FORGE
from tests.stacks.synthesis import KEPT, Template, synthesize

REPOSITORY = "AWS::ECR::Repository"


def images(template: Template) -> dict[str, Any]:
    """The repository that tasks pull from."""
    (repository,) = [r for r in template.resources(REPOSITORY) if "ImageScanningConfiguration" in r["Properties"]]
    return repository


def rules(repository: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Which images a repository expires, in the order in which ECR applies the rules."""
    text = repository["Properties"]["LifecyclePolicy"]["LifecyclePolicyText"]
    return sorted(json.loads(text)["rules"], key=lambda rule: int(rule["rulePriority"]))


def test_images_are_scanned_and_never_overwritten(templates: Mapping[str, Template], environment: Environment) -> None:
    """Only the tags that follow what runs move from image to image, and images are scanned on push."""
    repository = images(templates[f"{environment.name}/Registry"])["Properties"]
    assert repository["ImageTagMutability"] == "IMMUTABLE_WITH_EXCLUSION"
    assert repository["ImageTagMutabilityExclusionFilters"] == [
        {"ImageTagMutabilityExclusionFilterType": "WILDCARD", "ImageTagMutabilityExclusionFilterValue": "running-*"}
    ]
    assert repository["ImageScanningConfiguration"] == {"ScanOnPush": True}


def test_old_images_are_removed(templates: Mapping[str, Template], environment: Environment) -> None:
    """The newest `images_kept` images are kept, to limit the storage costs."""
    newest = rules(images(templates[f"{environment.name}/Registry"]))[-1]["selection"]
    assert (newest["tagStatus"], newest["countType"]) == ("any", "imageCountMoreThan")
    assert newest["countNumber"] == environment.images_kept


def test_image_that_runs_is_never_removed(templates: Mapping[str, Template], environment: Environment) -> None:
    """ECR expires no image by a rule that an earlier rule selects: the tags of what runs come first, and never too many."""
    first = rules(images(templates[f"{environment.name}/Registry"]))[0]["selection"]
    assert (first["tagStatus"], first["tagPrefixList"]) == ("tagged", ["running-"])
    # Stacks that run an image, and the one that comes, are four.
    assert (first["countType"], first["countNumber"]) == ("imageCountMoreThan", 100)


def test_build_cache_is_apart_from_the_images(line: Mapping[str, Template]) -> None:
    """What every build overwrites is not among what is deployed; an environment that builds nothing has none."""
    forge = line["forge/Registry"]
    assert len(forge.properties(REPOSITORY)) == 3
    assert {"RepositoryUri", "CacheUri", "BaseUri"} == set(forge.body["Outputs"])
    assert [p["ImageTagMutability"] for p in forge.properties(REPOSITORY)].count("MUTABLE") == 2
    for name in ("trial", "live"):
        assert set(line[f"{name}/Registry"].body["Outputs"]) == {"RepositoryUri"}


def test_base_comes_through_a_registry_without_limits_into_a_repository_of_the_stack(
    line: Mapping[str, Template],
) -> None:
    """ECR fetches what it finds under the rule's prefix; the repository goes with the stack, unlike one of ECR's making."""
    rule = line["forge/Registry"].only("AWS::ECR::PullThroughCacheRule")
    (base,) = [p for p in line["forge/Registry"].properties(REPOSITORY) if "RepositoryName" in p]
    assert base["RepositoryName"] == f"{rule['EcrRepositoryPrefix']}/docker/library/python"
    assert base["EmptyOnDelete"]


def test_environment_may_take_the_base_of_the_dockerfile(tmp_path: Path) -> None:
    """Where ECR Public is not to be asked."""
    made = synthesize([replace(FORGE, commits=CommitPlan(base=""))], tmp_path)
    assert "AWS::ECR::PullThroughCacheRule" not in made["forge/Registry"].kinds()
    assert "base-repository-name" not in json.dumps(made["forge/Delivery"].body["Parameters"])


def test_base_is_that_of_the_dockerfile() -> None:
    """A build by hand begins with the same image as one of the pipeline."""
    dockerfile = (Path(__file__).parents[3] / "service/Dockerfile").read_text()
    assert f"ARG BASE={CommitPlan().base.rpartition('/')[2]}\n" in dockerfile


@pytest.mark.parametrize("base", ["docker/library/python", "python@sha256:1", "UPPER/case:1"])
def test_base_without_tag_or_digest_is_refused(base: str) -> None:
    """Such a reference would mean another image tomorrow."""
    with pytest.raises(ValueError, match=f"commits.base: got '{base}', expected NAME:TAG or NAME@sha256:…"):
        CommitPlan(base=base)


def test_production_alone_keeps_its_images(templates: Mapping[str, Template], environment: Environment) -> None:
    """The images are needed to restore production after its stack was deleted."""
    repository = images(templates[f"{environment.name}/Registry"])
    policies = (repository["DeletionPolicy"], repository["UpdateReplacePolicy"])
    assert policies == (KEPT if environment.production else ("Delete", "Delete"))
    assert bool(repository["Properties"].get("EmptyOnDelete")) == (not environment.production)
