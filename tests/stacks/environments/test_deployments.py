"""What a pipeline cannot deploy in time is refused before it is synthesized."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from stacks.environments import ApiPlan, Environment, InvalidEnvironment, Strategy
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


def test_limit_is_that_of_the_pipelines(templates: Mapping[str, Template], environment: Environment) -> None:
    """The build that deploys commits, and the session of the role that deploys releases, end then."""
    template = templates.get(f"{environment.name}/Delivery")
    if template is None:  # a person deploys it
        return
    deploying = [
        project["TimeoutInMinutes"] * 60
        for project in template.properties("AWS::CodeBuild::Project")
        if f"delivery deploy {environment.name}" in str(project["Source"]["BuildSpec"])
    ]
    sessions = [
        role["MaxSessionDuration"]
        for role in template.properties("AWS::IAM::Role")
        if "MaxSessionDuration" in role and "releases" in role.get("Description", "")
    ]
    assert deploying or sessions
    assert {*deploying, *sessions} == {PIPELINE_SECONDS}
