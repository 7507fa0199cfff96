"""Choices in combination: every pair synthesizes, lints and keeps the promises; `make matrix` tests every three."""

import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from itertools import combinations, product
from pathlib import Path

import pytest
from allpairspy import AllPairs

from stacks.environments import Egress, Environment, NetworkPlan, Processor, Routing, Source, Strategy, WebAcl, Weights
from tests.stacks.factory import APART, CLUSTER, REGION, SHARED, TRIAL, by_workflow, existing_network
from tests.stacks.promises import PROMISES, Stacks
from tests.stacks.synthesis import Template, synthesize


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One value of each choice that an environment has.

    Attributes:
        existing: network and cluster are someone else's.
        guarded: with rules of AWS WAF, with TLS by a certificate that ACM issues, with webhooks if they reach anyone, and
            without relief on demand.
        shared: data under the account's own key, from writers elsewhere, through a key filter; alarms to an endpoint and a
            chat; further tags.
        people: with roles for people, and with tasks of a given size; of a chosen one otherwise.
        workflow: built and released by the workflow of a repository, on GitHub if there are people, else on GitLab; by
            pipelines otherwise, with that of releases in an account of its own.
    """

    egress: Egress
    routing: Routing
    weights: Weights
    tls: bool
    processor: Processor
    strategy: Strategy
    existing: bool
    guarded: bool
    shared: bool
    people: bool
    workflow: bool

    @property
    def environment(self) -> Environment:
        """An environment with these choices."""
        return replace(
            TRIAL,
            name="matrix",
            network=(
                existing_network(self.egress)
                if self.existing
                else NetworkPlan(cidr="10.1.0.0/20", zones=("a", "b", "c"), egress=self.egress)
            ),
            cluster=CLUSTER if self.existing else "",
            tls=self.tls,
            processor=self.processor,
            api=replace(
                TRIAL.api,
                routing=self.routing,
                strategy=self.strategy,
                subdomain="speech" if self.guarded else "",
                issue_certificate=self.guarded and self.tls,
                web_acl=WebAcl() if self.guarded else None,
                webhooks=self.guarded and self.egress is not Egress.ENDPOINTS,
            ),
            weights=self.weights,
            people=self.people,
            size=TRIAL.size if self.people else None,
            relief=not self.guarded,
            **(SHARED if self.shared else {}),
            **(by_workflow(Source.GITHUB if self.people else Source.GITLAB) if self.workflow else APART),
        )

    def __str__(self) -> str:
        """The id of the choice's test."""
        return "-".join(str(getattr(self, field.name)) for field in fields(self))


VALUES = (
    [*Egress],
    [*Routing],
    [*Weights],
    [True, False],
    [*Processor],
    [*Strategy],
    [True, False],
    [True, False],
    [True, False],
    [True, False],
    [True, False],
)


def choices(values: Iterable[Iterable[object]]) -> tuple[Choice, ...]:
    """Choices from rows of values in the order of the fields."""
    names = [field.name for field in fields(Choice)]
    return tuple(Choice(**dict(zip(names, row, strict=True))) for row in values)  # type: ignore[arg-type]


PAIRWISE = choices(AllPairs(VALUES))


def together(size: int) -> Iterator[tuple[object, ...]]:
    """Rows that hold every `size` values of different choices; AllPairs leaves some out if it is asked for three."""
    rows = {row: frozenset(combinations(enumerate(row), size)) for row in product(*VALUES)}
    missing = set().union(*rows.values())
    while missing:
        row = max(rows, key=lambda row: len(rows[row] & missing))
        missing -= rows[row]
        yield row


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> Mapping[Choice, Stacks]:
    """The stacks of the pairwise choices."""
    return {choice: stacks(choice, tmp_path_factory.mktemp("cdk.out")) for choice in PAIRWISE}


def stacks(choice: Choice, folder: Path) -> Stacks:
    """The stacks of an environment with this choice."""
    return {name.removeprefix("matrix/"): t for name, t in synthesize([choice.environment], folder).items()}


def lint(templates: Iterable[Template]) -> str:
    """The findings of cfn-lint; empty if there are none. A template that several choices share is linted once."""
    distinct = {template.path.read_bytes(): str(template.path) for template in templates}
    command = [str(Path(sys.executable).with_name("cfn-lint")), "--regions", REGION, "--", *distinct.values()]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def test_pairwise_choices_are_few_and_hold_every_pair() -> None:
    """A dozen at most, and every two values of different choices meet in one of them."""
    assert len(PAIRWISE) <= 12
    names = [field.name for field in fields(Choice)]
    met = {pair for c in PAIRWISE for pair in combinations([(name, getattr(c, name)) for name in names], 2)}
    for (a, first), (b, second) in combinations(zip(names, VALUES, strict=True), 2):
        assert {((a, x), (b, y)) for x, y in product(first, second)} <= met


@pytest.mark.parametrize("choice", PAIRWISE, ids=str)
def test_choices_together_keep_their_promises(choice: Choice, matrix: Mapping[Choice, Stacks]) -> None:
    """No choice breaks another."""
    for promise in PROMISES:
        promise(choice.environment, matrix[choice])


@pytest.mark.verify
def test_choices_together_lint(matrix: Mapping[Choice, Stacks]) -> None:
    """Every template of every pair is free of errors and warnings."""
    assert lint(template for templates in matrix.values() for template in templates.values()) == ""


@pytest.mark.verify
@pytest.mark.timeout(3600)
def test_every_three_choices_lint_and_keep_their_promises(tmp_path: Path) -> None:
    """In case three choices interact. The full product would take hours, and twice as long with each further choice."""
    templates: list[Template] = []
    for number, choice in enumerate(choices(together(3))):
        made = stacks(choice, tmp_path / str(number))
        for promise in PROMISES:
            promise(choice.environment, made)
        templates += made.values()
    assert lint(templates) == ""
