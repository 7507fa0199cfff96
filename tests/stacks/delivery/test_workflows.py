"""Promises of the roles that a workflow of GitHub or GitLab takes in place of the pipelines."""

import json
from collections.abc import Mapping
from dataclasses import replace

import pytest

from stacks.environments import CommitPlan, Environment, InvalidEnvironment, ReleasePlan, Source, select
from tests.stacks.delivery.resources import PIPELINE, PROJECT, rights, trust
from tests.stacks.factory import FORGE, LIVE, TRIAL
from tests.stacks.synthesis import Template, synthesize

KINDS = (Source.GITHUB, Source.GITLAB)


def line_of(source: Source) -> list[Environment]:
    """The release line, with a workflow of this kind."""
    return [
        replace(FORGE, commits=CommitPlan(source=source), released_with=source),
        replace(TRIAL, releases=ReleasePlan(images_from="forge", onward=("live",), source=source)),
        replace(LIVE, released_with=source),
    ]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Mapping[Source, Mapping[str, Template]]:
    """The templates of both kinds."""
    return {source: synthesize(line_of(source), tmp_path_factory.mktemp(source)) for source in KINDS}


def subjects(template: Template, role: str) -> tuple[str, dict[str, str]]:
    """Issuer that a role trusts, and the text of each condition by its operator and key."""
    statement = trust(template, role)
    assert statement["Action"] == "sts:AssumeRoleWithWebIdentity"
    found = {
        f"{operator} {key}": json.dumps(value)
        for operator, keys in statement["Condition"].items()
        for key, value in keys.items()
    }
    return json.dumps(statement["Principal"]["Federated"]), found


@pytest.mark.parametrize("source", KINDS)
def test_workflow_needs_no_pipeline_and_no_connection(
    made: Mapping[Source, Mapping[str, Template]], source: Source
) -> None:
    """Neither of AWS's services for pipelines, nor the values that only these need."""
    templates = made[source]
    assert "trial/Releases" not in templates
    for name in ("forge", "trial", "live"):
        template = templates[f"{name}/Delivery"]
        assert not {PIPELINE, PROJECT} & set(template.kinds())
        assert "source-connection-arn" not in json.dumps(template.body["Parameters"])


def test_role_of_github_is_taken_by_the_jobs_of_its_environment_only(
    made: Mapping[Source, Mapping[str, Template]],
) -> None:
    """The subject names repository and environment exactly, so that a pull request or another branch gets nothing."""
    issuer = "token.actions.githubusercontent.com"
    expected = {
        ("forge", "CommitRole"): ["forge"],
        ("forge", "ReleaseRole"): ["trial"],
        ("trial", "ReleaseRole"): ["trial", "live"],
        ("live", "ReleaseRole"): ["live"],
    }
    for (name, role), environments in expected.items():
        provider, found = subjects(made[Source.GITHUB][f"{name}/Delivery"], role)
        assert f":oidc-provider/{issuer}" in provider
        assert set(found) == {f"StringEquals {issuer}:sub", f"StringEquals {issuer}:aud"}
        assert "sts.amazonaws.com" in found[f"StringEquals {issuer}:aud"]
        named = found[f"StringEquals {issuer}:sub"]
        assert named.count(":environment:") == len(environments)
        assert all(f':environment:{environment}"' in named for environment in environments)
        assert "sourcerepository" in named
        assert "*" not in named


def test_role_of_gitlab_is_taken_on_the_branch_or_for_a_tag(made: Mapping[Source, Mapping[str, Template]]) -> None:
    """Its tokens name no environment: each environment that a release reaches names the project that may."""
    templates = made[Source.GITLAB]
    _, commits = subjects(templates["forge/Delivery"], "CommitRole")
    assert ":ref_type:branch:ref:main" in commits["StringEquals gitlab.com:sub"]
    _, releases = subjects(templates["live/Delivery"], "ReleaseRole")
    assert ":ref_type:tag:ref:v*" in releases["StringLike gitlab.com:sub"]
    assert "livesourcerepository" in releases["StringLike gitlab.com:sub"]
    assert "sts.amazonaws.com" in releases["StringEquals gitlab.com:aud"]


@pytest.mark.parametrize("source", KINDS)
def test_workflow_may_do_what_the_pipeline_may(
    made: Mapping[Source, Mapping[str, Template]], line: Mapping[str, Template], source: Source
) -> None:
    """Build and deploy with one role; a release with the same role as from a pipeline."""
    template = made[source]["forge/Delivery"]
    taken = {action for action, _ in rights(template, "CommitRole")}
    pipeline = {a for role in ("CiBuildRole", "CiDeployRole") for a, _ in rights(line["forge/Delivery"], role)}
    of_steps = ("ecr", "sts", "cloudformation", "ecs", "iam")
    assert taken == {a for a in pipeline if a.split(":")[0] in of_steps or a == "logs:GetLogEvents"}
    for name in ("trial", "live"):
        own, other = (
            sorted({a for a, _ in rights(t[f"{name}/Delivery"], "ReleaseRole")}) for t in (made[source], line)
        )
        assert own == other


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            {"live": Source.CONNECTION},
            "live.released_with: got 'connection', expected github, the source of the releases",
        ),
        ({"forge": Source.CODECOMMIT}, "forge.released_with: got 'codecommit', expected github, the source of the"),
    ],
)
def test_environments_of_a_release_agree_on_what_runs_it(change: Mapping[str, Source], says: str) -> None:
    """A role that waits for another visitor would never be taken."""
    known = [
        replace(environment, released_with=change.get(environment.name, environment.released_with))
        for environment in line_of(Source.GITHUB)
    ]
    with pytest.raises(InvalidEnvironment, match=says):
        select(None, known)
