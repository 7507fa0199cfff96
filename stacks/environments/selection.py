"""The environments that a program works on, after the checks that compare them with each other."""

from collections.abc import Iterable, Mapping

from stacks.capacity import InvalidEnvironment
from stacks.environments.checks import apart, listed
from stacks.environments.delivery import ReleasePlan
from stacks.environments.emulator import EMULATED, emulated
from stacks.environments.environment import Environment
from stacks.environments.reading import environments
from stacks.environments.tasks import Weights


def select(name: str | None, known: Iterable[Environment] | None = None) -> tuple[Environment, ...]:
    """The environment called `name`; without a name, all. `local` is the emulator's, and selected only by its name.

    Raises:
        InvalidEnvironment: the name is unknown, two environments share a name or addresses, or a release names
            an environment that does not admit it or needs another image.
    """
    known = tuple(environments() if known is None else known)
    by_name = {environment.name: environment for environment in known}
    if len(by_name) < len(known):
        raise InvalidEnvironment("name", ", ".join(e.name for e in known), "a different name for each environment")
    if EMULATED in by_name:
        raise InvalidEnvironment("name", EMULATED, "another name: this is the emulator's")
    # Environments are peered with the same office networks, so their addresses must not collide. Several may share one
    # network that exists.
    networks = {(e.network.vpc_id or e.name, e.network.cidr): f"{e.name}.network.cidr" for e in known}
    apart([(name, cidr) for (_, cidr), name in networks.items()])
    for environment in known:
        _check_release(environment, by_name)
    if name is None:
        return known
    if name == EMULATED:
        return (emulated(),)
    if name not in by_name:
        raise InvalidEnvironment("environment", name, f"one of {listed((*by_name, EMULATED))}")
    return (by_name[name],)


def _check_release(environment: Environment, known: Mapping[str, Environment]) -> None:
    """Every environment that a release names admits it, and can run its one image."""
    releases = environment.releases
    if not releases:
        return
    for name in (releases.images_from, *releases.onward):
        others = [other for other in known if other != environment.name]
        if name not in others:
            raise InvalidEnvironment(f"{environment.name}.releases", name, f"one of {listed(others)}")
        _check_admission(environment, releases, known[name])
    builder = known[releases.images_from]
    if not builder.commits:
        raise InvalidEnvironment(f"{builder.name}.commits", None, f"a plan, since {environment.name} takes its images")
    for other in (environment, *(known[name] for name in releases.onward)):
        if other.processor != builder.processor:
            expected = f"{builder.processor}, for which {builder.name} builds the image"
            raise InvalidEnvironment(f"{other.name}.processor", other.processor, expected)
        if other.weights is Weights.IMAGE and other.settings.model != builder.settings.model:
            expected = f"{builder.settings.model}, which is in the image of {builder.name}"
            raise InvalidEnvironment(f"{other.name}.settings.model", other.settings.model, expected)


def _check_admission(environment: Environment, releases: ReleasePlan, other: Environment) -> None:
    """Another environment lets the releases of this one in, and their pipeline stands apart from both."""
    if other.released_by != environment.name:
        expected = f"{environment.name}, whose releases name {other.name}"
        raise InvalidEnvironment(f"{other.name}.released_by", other.released_by, expected)
    if other.released_with is not releases.source:
        expected = f"{releases.source}, the source of the releases of {environment.name}"
        raise InvalidEnvironment(f"{other.name}.released_with", other.released_with, expected)
    if releases.account is not None and releases.account in (other.account, environment.account):
        expected = f"an account that neither {environment.name} nor {other.name} is deployed to"
        raise InvalidEnvironment(f"{environment.name}.releases.account", releases.account, expected)
