"""What a pipeline cannot deploy in time is refused before it is synthesized."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from stacks.environments import ApiPlan, InvalidEnvironment, Strategy
from stacks.environments.deployments import PIPELINE_SECONDS
from tests.stacks.factory import FORGE, TRIAL
from tests.stacks.synthesis import Template


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: replace(FORGE, settings=replace(FORGE.settings, session_seconds=7200)),
            "forge.settings.session_seconds: got '7200', expected less: a deployment takes up to 9480 s (1320 s for the",
        ),
        (
            lambda: replace(TRIAL, api=ApiPlan(strategy=Strategy.BLUE_GREEN, bake_minutes=60)),
            "trial.settings.session_seconds: got '900', expected less: a deployment takes up to 6165 s (4620 s for the",
        ),
    ],
)
def test_deployment_that_outlasts_its_pipeline_is_refused_with_the_sum(
    make: Callable[[], object], message: str
) -> None:
    """One line has the limit, the whole and the parts, by the names of what can be changed."""
    with pytest.raises(InvalidEnvironment, match=r"^[^\n]+$") as refusal:
        make()
    assert str(refusal.value).startswith(message)
    assert str(refusal.value).endswith(f"the pipeline has {PIPELINE_SECONDS} s")


def test_person_may_deploy_for_longer() -> None:
    """An environment without a pipeline has no such limit."""
    alone = replace(FORGE, commits=None, released_by="")
    assert replace(alone, settings=replace(FORGE.settings, session_seconds=7200)).settings.session_seconds == 7200


def test_limit_is_that_of_the_pipeline(line: Mapping[str, Template]) -> None:
    """The build that deploys commits ends then; no step of a release ends sooner."""
    (deploying,) = [
        project["TimeoutInMinutes"] * 60
        for project in line["forge/Delivery"].properties("AWS::CodeBuild::Project")
        if "delivery deploy forge" in str(project["Source"]["BuildSpec"])
    ]
    releasing = [
        project["TimeoutInMinutes"] * 60 for project in line["trial/Releases"].properties("AWS::CodeBuild::Project")
    ]
    assert deploying >= PIPELINE_SECONDS
    assert min(releasing) >= PIPELINE_SECONDS
