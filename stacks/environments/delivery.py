"""How commits and releases reach an environment."""

import re
from dataclasses import dataclass
from enum import StrEnum

from stacks.capacity import InvalidEnvironment, typed
from stacks.environments.checks import listed

BRANCH = r"\w[\w./-]{0,249}"
# `*` is the only wildcard that CodePipeline and EventBridge share. A trigger takes eight patterns at most.
TAG, MAX_TAGS = r"[\w.*-][\w./*-]{0,126}", 8


class Source(StrEnum):
    """The repository that pipelines build and deploy from."""

    CONNECTION = "connection"  # GitHub, GitLab or Bitbucket, through the account's connection to it
    CODECOMMIT = "codecommit"  # CodeCommit, in the pipeline's own account


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitPlan:
    """A pipeline that deploys each commit on a branch to the environment, and builds the image that releases promote.

    Attributes:
        source: where the source is kept.
        branch: the branch that the pipeline follows.
        locked_model: build with the model in the lock file, and fail without one. A release takes the image unchanged,
            so that without the lock its weights would be unknown.
    """

    source: Source = Source.CONNECTION
    branch: str = "main"
    locked_model: bool = True

    def __post_init__(self) -> None:
        typed(self, "commits")
        _check_branch("commits.branch", self.branch)


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
    """

    images_from: str
    onward: tuple[str, ...] = ()
    source: Source = Source.CONNECTION
    branch: str = "main"
    tags: tuple[str, ...] = ("v*",)
    gate: bool = True

    def __post_init__(self) -> None:
        typed(self, "releases")
        _check_branch("releases.branch", self.branch)
        if not 1 <= len(self.tags) <= MAX_TAGS:
            raise InvalidEnvironment("releases.tags", listed(self.tags), f"one to {MAX_TAGS} patterns")
        for tag in self.tags:
            if not re.fullmatch(TAG, tag, re.ASCII):
                raise InvalidEnvironment("releases.tags", tag, "a pattern such as v* of letters, digits, . _ - / and *")
        if len({self.images_from, *self.onward}) <= len(self.onward):
            raise InvalidEnvironment("releases.onward", listed(self.onward), f"different names, {self.images_from} not")


def _check_branch(name: str, branch: str) -> None:
    if not re.fullmatch(BRANCH, branch, re.ASCII):
        raise InvalidEnvironment(name, branch, "a branch such as main, of letters, digits, . _ - and /")
