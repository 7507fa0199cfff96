"""How commits and releases reach an environment."""

import re
from dataclasses import dataclass
from enum import StrEnum

from stacks.capacity import InvalidEnvironment, typed
from stacks.environments.checks import listed

# An image of ECR Public by its digest, or by a tag.
BASE = r"[a-z0-9][a-z0-9._/-]{0,200}(:[\w.-]{1,128}|@sha256:[0-9a-f]{64})"
BRANCH = r"\w[\w./-]{0,249}"
# `*` is the only wildcard that CodePipeline and EventBridge share. A trigger takes eight patterns at most.
TAG, MAX_TAGS = r"[\w.*-][\w./*-]{0,126}", 8
TAGS = "v*"


class Source(StrEnum):
    """The repository that is built and deployed from, and what runs the steps: CodePipeline, or a workflow there."""

    CONNECTION = "connection"  # CodePipeline; GitHub, GitLab or Bitbucket, through the account's connection to it
    CODECOMMIT = "codecommit"  # CodePipeline; CodeCommit, in the pipeline's own account
    GITHUB = "github"  # a workflow of GitHub Actions, which takes the roles with its identity
    GITLAB = "gitlab"  # a pipeline of GitLab CI, likewise

    @property
    def identity(self) -> "Identity | None":
        """Whose tokens name a job; None if CodePipeline runs the steps."""
        return IDENTITIES.get(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """An issuer of tokens that name the job of a workflow, and how its tokens spell the subject.

    Attributes:
        issuer: host of the provider in IAM, before which AWS writes `https://`.
        environment: the subject of a job that runs for an environment.
        branch: the subject of a job on a branch.
        tag: the subject of a job for a tag, with `*` for any text.
    """

    issuer: str
    environment: str = ""
    branch: str = ""
    tag: str = ""

    def subject(self, *, repository: str, environment: str, branch: str = "") -> str:
        """The subject that may deploy to an environment: of a job on a branch, or, without one, for a tag."""
        form = self.environment or (self.branch if branch else self.tag)
        return form.format(repository=repository, environment=environment, ref=branch or TAGS)


# A token of GitHub names the environment of its job, if it has one, in place of the branch. One of GitLab never does.
IDENTITIES = {
    Source.GITHUB: Identity(
        issuer="token.actions.githubusercontent.com", environment="repo:{repository}:environment:{environment}"
    ),
    Source.GITLAB: Identity(
        issuer="gitlab.com",
        branch="project_path:{repository}:ref_type:branch:ref:{ref}",
        tag="project_path:{repository}:ref_type:tag:ref:{ref}",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitPlan:
    """A pipeline that deploys each commit on a branch to the environment, and builds the image that releases promote.

    Attributes:
        source: where the source is kept.
        branch: the branch that the pipeline follows.
        locked_model: build with the model in the lock file, and fail without one. A release takes the image unchanged,
            so that without the lock its weights would be unknown.
        base: the image in ECR Public that the service's begins with. By a tag, each build takes the digest that the tag
            has at that time, and says which; by `@sha256:…`, always the same. Empty for that of the Dockerfile.
    """

    source: Source = Source.CONNECTION
    branch: str = "main"
    locked_model: bool = True
    base: str = "docker/library/python:3.12-slim-bookworm"

    def __post_init__(self) -> None:
        typed(self, "commits")
        if self.base and not re.fullmatch(BASE, self.base, re.ASCII):
            raise InvalidEnvironment("commits.base", self.base, "NAME:TAG or NAME@sha256:… of an image in ECR Public")
        _check_branch("commits.branch", self.branch)

    @property
    def base_name(self) -> str:
        """The base without its tag or digest."""
        return re.split("[:@]", self.base)[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasePlan:
    """A pipeline that deploys the image of a tagged commit to the environment, and on to others.

    Attributes:
        images_from: the environment that built it.
        onward: the environments after this one, in this order, once a person has approved.
        source: where the source is kept.
        branch: the branch that tags are set on.
        tags: patterns of the tags that make a release; `*` matches any text.
        gate: measure the image on golden recordings, and stop the release of one that is worse than the last.
        account: the account that the release pipeline stands in, which no environment is deployed to; None for that of
            this environment, in which what is released here could take the rights of the release to the next.
    """

    images_from: str
    onward: tuple[str, ...] = ()
    source: Source = Source.CONNECTION
    branch: str = "main"
    tags: tuple[str, ...] = (TAGS,)
    gate: bool = True
    account: str | None = None

    def __post_init__(self) -> None:
        typed(self, "releases")
        if self.account is not None and not re.fullmatch(r"[0-9]{12}", self.account):
            raise InvalidEnvironment("releases.account", self.account, "12 digits, or None for this environment's own")
        if self.account is not None and self.source.identity:
            raise InvalidEnvironment("releases.account", self.account, f"None when source is {self.source}")
        _check_branch("releases.branch", self.branch)
        if not 1 <= len(self.tags) <= MAX_TAGS:
            raise InvalidEnvironment("releases.tags", listed(self.tags), f"one to {MAX_TAGS} patterns")
        if self.source is Source.GITLAB and self.tags != (TAGS,):
            raise InvalidEnvironment("releases.tags", listed(self.tags), f"{TAGS} when source is gitlab")
        for tag in self.tags:
            if not re.fullmatch(TAG, tag, re.ASCII):
                raise InvalidEnvironment("releases.tags", tag, "a pattern such as v* of letters, digits, . _ - / and *")
        if len({self.images_from, *self.onward}) <= len(self.onward):
            raise InvalidEnvironment("releases.onward", listed(self.onward), f"different names, {self.images_from} not")


def _check_branch(name: str, branch: str) -> None:
    if not re.fullmatch(BRANCH, branch, re.ASCII):
        raise InvalidEnvironment(name, branch, "a branch such as main, of letters, digits, . _ - and /")
