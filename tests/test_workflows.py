"""The workflows of GitHub and GitLab run what anyone can run, and no more."""

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
    """The commands of GitHub's jobs."""
    return [step["run"] for job in GITHUB["jobs"].values() for step in job["steps"] if "run" in step]


def gitlab_commands() -> list[str]:
    """The commands of GitLab's jobs."""
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
def test_workflow_runs_the_one_script(commands: list[str]) -> None:
    """The same command reproduces a failed run on any machine."""
    assert commands == ["bash .ci/run"]


def test_ci_checks_tests_and_builds_the_image() -> None:
    """The script calls these targets of make, in this order."""
    called = re.findall(r"(?m)^[^#\n]*\bmake ([a-z-]+)$", (ROOT / ".ci/run").read_text())
    assert called == ["check", "test", "image"]
    assert set(called) <= TARGETS


def test_github_grants_read_access_only() -> None:
    """A malicious dependency in CI can neither push nor use the checkout's credentials."""
    assert GITHUB["permissions"] == {"contents": "read"}
    assert all("permissions" not in job for job in GITHUB["jobs"].values())
    steps = [step for job in GITHUB["jobs"].values() for step in job["steps"]]
    assert all(step["with"]["persist-credentials"] is False for step in steps if "checkout" in step.get("uses", ""))
    assert not [text for text in values(GITHUB) if "secrets." in text]


def test_workflows_use_pinned_parts() -> None:
    """Each action has a major version or a commit, each image a version."""
    used = [step["uses"] for job in GITHUB["jobs"].values() for step in job["steps"] if "uses" in step]
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@(v\d+|[0-9a-f]{40})", name) for name in used)
    images = [job["image"] for job in GITLAB.values() if "image" in job]
    assert images
    assert all(re.fullmatch(r"python:3\.1[1-9]-\w+", image) for image in images)


def test_workflows_end() -> None:
    """Every job has a timeout, and a newer push to a branch cancels the older run."""
    assert all(job["timeout-minutes"] <= 30 for job in GITHUB["jobs"].values())
    assert GITHUB["concurrency"]["cancel-in-progress"]
    assert GITLAB["workflow"]["auto_cancel"]["on_new_commit"] == "interruptible"
    assert all("timeout" in job for job in GITLAB.values() if "script" in job)


def test_caches_follow_the_locks() -> None:
    """The key of a cache is a hash of the lock file that filled it."""
    (npm,) = [step["with"]["key"] for step in GITHUB["jobs"]["ci"]["steps"] if "actions/cache@" in step.get("uses", "")]
    assert "hashFiles('package-lock.json')" in npm
    for lock in GITLAB["ci"]["cache"]["key"]["files"]:
        assert (ROOT / lock).is_file()
