"""The verbs that work on an environment in an account, and the order of its stacks."""

from collections.abc import Callable, Iterator, Mapping

import pytest

from delivery import account, rollout
from delivery.assembly import Assembly
from delivery.deployed import DeployedEnvironment
from local.emulator import Emulator
from tests.delivery.empty import running, variables
from tests.stacks.synthesis import Template

synthesize_with_the_cdk = rollout.synthesize


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """An account with nothing in it."""
    with running(tmp_path_factory.mktemp("account")) as emulator:
        yield emulator


@pytest.fixture(autouse=True)
def synthesized(
    templates: Mapping[str, Template], line: Mapping[str, Template], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read the stacks that the test run has synthesized; one test below runs the CDK."""
    made = {**templates, **line}
    monkeypatch.setattr(
        rollout, "synthesize", lambda deployed: Assembly.read(made[f"{deployed.name}/Network"].path.parent)
    )


@pytest.fixture
def environ(aws: Emulator, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, str]:
    """The variables of a person who works there."""
    own = variables(aws)
    for name, value in own.items():
        monkeypatch.setenv(name, value)
    return own


def test_unknown_environment_is_refused_before_anything_is_asked(capfd: pytest.CaptureFixture[str]) -> None:
    """A typo needs no credentials to be found."""
    assert account.main(["destroy", "lve"], {}) == 1
    assert "environment: got 'lve', expected one of forge, " in capfd.readouterr().err


@pytest.mark.parametrize(("name", "synthesize"), [("local", synthesize_with_the_cdk), ("trial", None)])
def test_what_needs_no_image_comes_first(
    environ: Mapping[str, str], name: str, synthesize: Callable[[DeployedEnvironment], Assembly] | None
) -> None:
    """No stack waits for an image that only a stack after it can make, with the CDK's own synth and with a gate."""
    assembly = (synthesize or rollout.synthesize)(DeployedEnvironment.named(name, environ))
    early = {stack.path for stack in assembly.without_image()}
    assert {f"{name}/{stack}" for stack in ("Registry", "Network", "Delivery", "Recordings")} <= early
    assert not early & {f"{name}/{stack}" for stack in ("Api", "Batch", "Monitoring", "Gate")}
    for path in early:
        assert assembly.stacks[path].needs <= early


def test_accounts_parameters_are_those_that_no_stack_makes(environ: Mapping[str, str]) -> None:
    """The parameters that a person provides are read from the templates."""
    expected = rollout.synthesize(DeployedEnvironment.named("live", environ)).expected
    assert "/whisper/live/certificate-arn" in expected
    assert not {name for name in expected if name.endswith(("-bucket", "queue-name", "repository-name"))}
