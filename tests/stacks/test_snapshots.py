"""The second net: every template as it was when somebody last looked, asset hashes masked.

`make snapshots` accepts what changed; the diff is for the review.
"""

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.stacks.synthesis import Template

SNAPSHOTS = Path(__file__).parent / "snapshots"
# An asset is named by the hash of what is in it, which changes with every release of the CDK.
HASH = re.compile(r"\b[0-9a-f]{64}\b")


@pytest.mark.parametrize("name", ["dev", "stage", "prod", "local"])
def test_templates_are_as_they_were(templates: Mapping[str, Template], name: str) -> None:
    """A change of a template is seen, whether it was meant or not."""
    bodies = {stack: template.body for stack, template in templates.items() if stack.startswith(f"{name}/")}
    text = HASH.sub("ASSET", json.dumps(bodies, indent=1, sort_keys=True)) + "\n"
    path = SNAPSHOTS / f"{name}.json"
    if "UPDATE_SNAPSHOTS" in os.environ:
        path.write_text(text)
    # Compared as objects: pytest shows the one value that differs, not two files.
    assert json.loads(path.read_text()) == json.loads(text)
