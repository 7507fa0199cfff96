"""The CDK command line comes with the project: pinned, and on the packaged Node."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_cdk_runs_pinned_version_without_system_node() -> None:
    """`.venv/bin/cdk` needs no Node on the system, no activated environment and no home folder."""
    program = Path(sys.executable).with_name("cdk")
    ended = subprocess.run([program, "--version"], env={"PATH": "/nowhere"}, capture_output=True, text=True, check=True)
    pinned = json.loads((ROOT / "package.json").read_text())["devDependencies"]["aws-cdk"]
    assert ended.stdout.split()[0] == pinned
    assert not ended.stderr


def test_package_lock_names_hashes_but_no_registry() -> None:
    """Every package is installed by its hash, from the registry that npm is configured with."""
    packages = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    installed = [package for path, package in packages.items() if path]
    assert installed
    assert all("integrity" in package and "resolved" not in package for package in installed)
