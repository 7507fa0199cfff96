"""The values of `account.toml` and of the account's SSM parameters: compared, asked for, written."""

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TextIO

from delivery.account_file import AccountFile
from delivery.deployed import DeployedEnvironment
from delivery.programs import Refused, say
from delivery.shapes import shape
from service.settings import WrongValue

# All SSM parameters of this application, of every environment.
ROOT_PATH = "/whisper"
ATTEMPTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A parameter in the file and in the account; empty if it is not there.

    Attributes:
        path: of the SSM parameter.
        given: its value in the file.
        stored: its value in the account.
    """

    path: str
    given: str
    stored: str

    @property
    def kind(self) -> str:
        """Whether writing the file to the account adds it, changes it or leaves it."""
        if not self.given:
            return "kept" if self.stored else "missing"
        if not self.stored:
            return "added"
        return "same" if self.given == self.stored else "changed"

    def __str__(self) -> str:
        """The line for a person."""
        match self.kind:
            case "changed":
                return f"changed  {self.path}  {self.stored} → {self.given}"
            case "kept":
                return f"kept     {self.path}  {self.stored}, which is not in the file"
            case "missing":
                return f"missing  {self.path}  {shape(self.path).purpose}"
        return f"{self.kind:<8} {self.path}  {self.given}"


def stored(deployed: DeployedEnvironment, path: str = ROOT_PATH) -> dict[str, str]:
    """The SSM parameters under a path, with their values."""
    pages = deployed.client("ssm").get_paginator("get_parameters_by_path").paginate(Path=path, Recursive=True)
    return {parameter["Name"]: str(parameter["Value"]) for page in pages for parameter in page["Parameters"]}


def differences(expected: Iterable[str], given: Mapping[str, str], there: Mapping[str, str]) -> list[Difference]:
    """Each expected parameter in the file and in the account, sorted."""
    return [Difference(path=p, given=given.get(p, ""), stored=there.get(p, "")) for p in sorted(expected)]


def write(deployed: DeployedEnvironment, changes: Iterable[Difference]) -> None:
    """Store every value that differs."""
    for change in changes:
        if change.kind in ("added", "changed"):
            deployed.client("ssm").put_parameter(Name=change.path, Value=change.given, Type="String", Overwrite=True)
            say(f"{change.path}: written.")


def apply(
    deployed: DeployedEnvironment, expected: Iterable[str], file: AccountFile, *, confirmed: str, terminal: TextIO
) -> None:
    """Show how the file differs from the account, and write it once that is confirmed.

    Raises:
        Refused: a value is missing or wrong, or the changes were not confirmed.
    """
    expected = set(expected)
    if wrong := list(file.wrong_values(deployed.name, expected)):
        raise Refused("; ".join(map(str, wrong)))
    found = differences(expected, file.values(deployed.name), stored(deployed))
    for each in found:
        say(str(each))
    if missing := [AccountFile.key(deployed.name, each.path) for each in found if each.kind == "missing"]:
        raise Refused(f"{file.path.name}: got no {', '.join(missing)}, expected a value for each")
    if not any(each.kind in ("added", "changed") for each in found):
        say(f"{deployed.environment.parameter('')}: nothing to write.")
        return
    if confirmed != deployed.name and not _agreed(f"Write them to account {deployed.account}? [y/N] ", terminal):
        raise Refused(f"CONFIRM: got {confirmed!r}, expected {deployed.name!r}, or y on a terminal; nothing is written")
    write(deployed, found)


def ask(file: AccountFile, environment: str, missing: Iterable[str], terminal: TextIO) -> AccountFile:
    """Ask for each missing value by name, and add it to the file.

    Without a terminal nothing is asked: the file is returned as it is.

    Raises:
        Refused: a value of the right form was not given.
    """
    missing = sorted(missing)
    if not missing or not terminal.isatty():
        return file
    say(f"{file.path.name} lacks {len(missing)} of the values that only your account knows.")
    for path in missing:
        file = file.with_value(environment, path, _value(AccountFile.key(environment, path), path, terminal))
    return file


def _value(key: str, path: str, terminal: TextIO) -> str:
    form = shape(path.rpartition("/")[2])
    say(f"\n{key}: {form.purpose}")
    given = ""
    for _ in range(ATTEMPTS):
        _prompt(f"{key} = ")
        given = terminal.readline().strip()
        if form.fits(given) and '"' not in given and "\\" not in given:
            return given
        say(str(WrongValue(key, given, form.expected)))
    raise Refused(f"{key}: got {given!r} last, expected {form.expected}")


def _agreed(question: str, terminal: TextIO) -> bool:
    if not terminal.isatty():
        return False
    _prompt(question)
    return terminal.readline().strip().lower() in ("y", "yes")


def _prompt(text: str) -> None:
    print(text, end="", file=sys.stderr, flush=True)


def lacking(differences: Iterable[Difference]) -> Iterator[str]:
    """Paths of the parameters that neither the file nor the account has."""
    return (each.path for each in differences if each.kind == "missing")
