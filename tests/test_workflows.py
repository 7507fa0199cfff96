"""The workflows of GitHub and GitLab run what anyone can run, and no more."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from delivery import __main__ as program

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
    script = (ROOT / ".ci/run").read_text()
    called = re.findall(r"(?m)^[^#\n]*\bmake ([a-z-]+) ;;$", script)
    assert called == ["check", "test", "image"]
    assert f"set -- {' '.join(called)}\n" in script
    assert set(called) <= TARGETS


def test_ci_refuses_a_step_that_it_does_not_have() -> None:
    """A slip in a pipeline's command is no success."""
    ended = subprocess.run(["bash", ".ci/run", "chekc"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (2, "step: got 'chekc', expected check, test or image\n")


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


DELIVERY = ("github.yml", "gitlab.yml")
# The steps of each environment, in their order, whichever of the two runs them.
STEPS = [
    *("build dev", "deploy dev"),
    *("verify stage", "promote stage", "release stage", "gate stage"),
    *("promote prod", "release prod", "record stage"),
]


def delivering(name: str) -> tuple[str, dict[str, Any]]:
    """The text of a workflow that delivers, and its content."""
    text = (ROOT / "docs" / "ci" / name).read_text()
    return text, yaml.safe_load(text)


@pytest.mark.parametrize("name", DELIVERY)
def test_delivery_runs_the_steps_of_the_pipelines(name: str) -> None:
    """The same commands in the same order; the tests are those of CI."""
    text, _ = delivering(name)
    assert re.findall(r"python -m delivery ([a-z]+ [a-z]+) ", text) == STEPS
    assert {step.split()[0] for step in STEPS} <= set(program.STEPS)
    assert text.count("bash .ci/run check test") == 1


def test_github_gives_a_token_to_the_jobs_of_an_environment_only() -> None:
    """The tests, which run what a dependency brings, get none, and no secret is needed anywhere."""
    text, workflow = delivering("github.yml")
    assert "secrets." not in text
    assert workflow["permissions"] == {"contents": "read"}
    for name, job in workflow["jobs"].items():
        assert ("id-token" in job.get("permissions", {})) == ("environment" in job) == (name != "test")
        assert job["timeout-minutes"] <= 300
    # Nothing of GitHub's checks a subject of a job without its environment.
    assert {job["environment"] for job in workflow["jobs"].values() if "environment" in job} == {"dev", "stage", "prod"}


def test_release_by_github_holds_its_environments_until_it_has_ended() -> None:
    """Its approval included: a second tag waits, and is not cancelled."""
    _, workflow = delivering("github.yml")
    assert "github.ref_type == 'tag' && 'release'" in workflow["concurrency"]["group"]
    assert workflow["concurrency"]["cancel-in-progress"] is False


def test_gitlab_names_its_jobs_to_aws() -> None:
    """By tokens for AWS alone; production is started by a person."""
    _, jobs = delivering("gitlab.yml")
    assert jobs[".delivery"]["id_tokens"] == {"WEB_IDENTITY_TOKEN": {"aud": "sts.amazonaws.com"}}
    assert [rule.get("when") for rule in jobs["prod"]["rules"]] == ["manual"]
    assert {name for name, job in jobs.items() if isinstance(job, dict) and job.get("extends")} == {
        *("dev", "stage", "prod", "record")
    }
