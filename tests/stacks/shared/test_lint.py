"""The templates pass cfn-lint without errors and warnings."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from stacks.environments import emulated, environments
from tests.stacks.synthesis import ROOT, Template


def test_templates_are_free_of_errors_and_warnings(templates: Mapping[str, Template]) -> None:
    """Every template of every environment passes every rule for its region."""
    regions: dict[str, list[str]] = {}
    for environment in (*environments(), emulated()):
        own = [str(t.path) for name, t in templates.items() if name.startswith(f"{environment.name}/")]
        regions.setdefault(environment.region, []).extend(own)
    for region, paths in regions.items():
        command = [str(Path(sys.executable).with_name("cfn-lint")), "--regions", region, "--", *paths]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (result.stdout, result.returncode) == ("", 0)


def test_rules_are_ignored_on_single_resources_only(templates: Mapping[str, Template]) -> None:
    """A rule is never ignored for a template or the project, and an ignored rule has a reason."""
    assert not list(ROOT.glob(".cfnlintrc*"))
    for name, template in templates.items():
        assert "cfn-lint" not in template.body.get("Metadata", {}), name
        for resource in template.body["Resources"].values():
            if "cfn-lint" in resource.get("Metadata", {}):
                assert resource["Metadata"]["cfn-lint"]["reason"]
