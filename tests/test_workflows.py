"""The workflows of the repository's hosts do what `make` does, and no more."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
GITHUB = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
GITLAB = yaml.safe_load((ROOT / ".gitlab-ci.yml").read_text())
TARGETS = set(re.findall(r"(?m)^([a-z-]+):", (ROOT / "Makefile").read_text()))


def github_commands() -> list[str]:
    """What the steps of GitHub's jobs run."""
    return [step["run"] for job in GITHUB["jobs"].values() for step in job["steps"] if "run" in step]


def gitlab_commands() -> list[str]:
    """What GitLab's jobs run."""
    return [command for job in GITLAB.values() if "script" in job for command in job["script"]]


def values(tree: Any) -> Iterator[str]:
    """Every text in a document."""
    if isinstance(tree, dict):
        for value in tree.values():
            yield from values(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from values(value)
    else:
        yield str(tree)


@pytest.mark.parametrize("commands", [github_commands(), gitlab_commands()], ids=["github", "gitlab"])
def test_workflow_runs_what_everybody_runs(commands: list[str]) -> None:
    """A red run is reproduced by the same command on any machine."""
    assert [command.partition("bash ")[2] for command in commands] == [".ci/run"]


def test_ci_calls_targets_that_exist() -> None:
    """Its script is a list of make's targets."""
    lines = (ROOT / ".ci/run").read_text().splitlines()
    called = [line.split()[1] for line in lines if line.startswith("make ")]
    assert called
    assert set(called) <= TARGETS


def test_github_gives_no_more_than_reading() -> None:
    """Whatever a dependency does in CI, it cannot push, nor use what the checkout left."""
    assert GITHUB["permissions"] == {"contents": "read"}
    assert all("permissions" not in job for job in GITHUB["jobs"].values())
    steps = [step for job in GITHUB["jobs"].values() for step in job["steps"]]
    assert all(step["with"]["persist-credentials"] is False for step in steps if "checkout" in step.get("uses", ""))
    assert not [text for text in values(GITHUB) if "secrets." in text]


def test_workflows_use_pinned_parts() -> None:
    """A major version or a commit for each action, a version for each image."""
    used = [step["uses"] for job in GITHUB["jobs"].values() for step in job["steps"] if "uses" in step]
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@(v\d+|[0-9a-f]{40})", name) for name in used)
    images = [job["image"] for job in GITLAB.values() if "image" in job]
    assert images
    assert all(re.fullmatch(r"python:3\.1[1-9]-\w+", image) for image in images)


def test_workflows_end() -> None:
    """No job runs for hours, and a newer push to a branch ends the older run."""
    assert all(job["timeout-minutes"] <= 30 for job in GITHUB["jobs"].values())
    assert GITHUB["concurrency"]["cancel-in-progress"]
    assert GITLAB["workflow"]["auto_cancel"]["on_new_commit"] == "interruptible"
    assert all("timeout" in job for job in GITLAB.values() if "script" in job)


def test_caches_follow_the_locks() -> None:
    """A cache is kept by a hash of what it was filled from."""
    (npm,) = [step["with"]["key"] for step in GITHUB["jobs"]["ci"]["steps"] if "actions/cache@" in step.get("uses", "")]
    assert "hashFiles('package-lock.json')" in npm
    for lock in GITLAB["ci"]["cache"]["key"]["files"]:
        assert (ROOT / lock).is_file()
