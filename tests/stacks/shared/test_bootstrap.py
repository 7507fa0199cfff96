"""The bootstrap whose roles deploy the stacks."""

from pathlib import Path

from aws_cdk import DefaultStackSynthesizer

from tests.stacks.factory import LINE
from tests.stacks.synthesis import synthesize

OWN = "team1"


def test_another_qualifier_reaches_every_role(tmp_path: Path) -> None:
    """An account with a bootstrap of its own deploys with it: no policy names a role of the default one."""
    templates = synthesize(LINE, tmp_path, {"@aws-cdk/core:bootstrapQualifier": OWN})
    assert {template.qualifier for template in templates.values()} == {OWN}
    texts = {name: template.path.read_text() for name, template in templates.items()}
    assert not [name for name, text in texts.items() if DefaultStackSynthesizer.DEFAULT_QUALIFIER in text]
    # The roles of deployers, of a pipeline of commits and of releases.
    naming = {name for name, text in texts.items() if f"role/cdk-{OWN}-deploy-role-" in text}
    assert {"forge/People", "forge/Delivery", "live/Delivery"} <= naming
