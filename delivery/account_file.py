"""`account.toml`: the values that only the account knows, one table for each environment. It is not committed."""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from delivery.programs import ROOT
from delivery.shapes import shape
from service.settings import WrongValue
from stacks.environments import parameter_name
from stacks.environments.checks import listed, nearest

FILE = ROOT / "account.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountFile:
    """The file as it was read; without a file, it has no tables.

    Attributes:
        path: of the file.
        text: all of it.
        tables: its content.
    """

    path: Path
    text: str
    tables: Mapping[str, Any]

    @classmethod
    def read(cls, path: Path | None = None) -> Self:
        """Read the file, by default the project's.

        Raises:
            WrongValue: it is no TOML.
        """
        path = path or FILE
        text = path.read_text() if path.exists() else ""
        try:
            return cls(path=path, text=text, tables=tomllib.loads(text))
        except tomllib.TOMLDecodeError as error:
            found = re.search(r"line (\d+)", str(error))
            number = int(found[1]) if found else len(text.splitlines())
            line = (text.splitlines() or [""])[number - 1]
            raise WrongValue(f"{path.name}:{number}", line.strip(), f"TOML; {error}") from None

    def values(self, environment: str) -> dict[str, Any]:
        """An environment's values by the path of the SSM parameter, such as `/whisper/dev/alarm-address`.

        A parameter that another environment owns is in a table of its own: `[stage.prod]`. An empty text, as in the
        example, is no value.
        """
        found: dict[str, Any] = {}
        table = self.tables.get(environment, {})
        for key, value in table.items() if isinstance(table, dict) else ():
            if isinstance(value, dict):
                found |= {parameter_name(key, name): each for name, each in value.items()}
            else:
                found[parameter_name(environment, key)] = value
        return {path: value for path, value in found.items() if value != ""}

    def wrong(self, known: Iterable[str]) -> Iterator[WrongValue]:
        """All that is wrong with the file as such, whichever environment is asked about; `known` are the environments."""
        known = list(known)
        for name, table in self.tables.items():
            if not isinstance(table, dict):
                yield WrongValue(f"{self._at(name)}: {name}", table, "a table such as [dev] before it")
            elif name not in known:
                expected = f"an environment, one of {listed(known)}{nearest(name, known)}"
                yield WrongValue(f"{self._at(name)}: table", name, expected)

    def wrong_values(self, environment: str, expected: Iterable[str]) -> Iterator[WrongValue]:
        """The errors in an environment's values: names that no stack reads, and wrong forms.

        Args:
            environment: its name.
            expected: paths of the SSM parameters that its stacks read and no stack of it makes.
        """
        keys = {path: self.key(environment, path) for path in expected}
        for path, value in self.values(environment).items():
            key = self.key(environment, path)
            place = f"{self._at(*key.rpartition('.')[::2])}: {key}"
            form = shape(path.rpartition("/")[2])
            if path not in keys:
                read = f"a name that its stacks read: {listed(sorted(keys.values())) or 'none'}"
                yield WrongValue(place, value, read + nearest(key, keys.values()))
            elif not isinstance(value, str):
                yield WrongValue(place, value, f"{form.expected}, in quotes")
            elif not form.fits(value):
                yield WrongValue(place, value, form.expected)

    def with_value(self, environment: str, path: str, value: str) -> Self:
        """The file with one more value, which is also written; comments and order stay.

        The value has the form of its parameter, so that it needs no escapes in TOML.
        """
        table, _, name = self.key(environment, path).rpartition(".")
        lines, header, entry = self.text.splitlines(), f"[{table}]", f'{name} = "{value}"'
        if empty := self._line(table, name):
            lines[empty - 1] = entry
        elif header in lines:
            lines.insert(lines.index(header) + 1, entry)
        else:
            lines += [*([""] if lines else []), header, entry]
        self.path.write_text("".join(f"{line}\n" for line in lines))
        return type(self).read(self.path)

    @staticmethod
    def key(environment: str, path: str) -> str:
        """The name of an SSM parameter in the file: `dev.alarm-address`, or `stage.prod.release-role-arn`."""
        _, _, owner, name = path.split("/", 3)
        return f"{environment}.{name}" if owner == environment else f"{environment}.{owner}.{name}"

    def _at(self, table: str, name: str = "") -> str:
        """File and line of a table, of a name in it, or of a name outside all tables."""
        line = self._line(table, name)
        return f"{self.path.name}:{line}" if line else self.path.name

    def _line(self, table: str, name: str) -> int:
        """The line of a table or of a name in it, counted from 1; 0 if it is written in a way that is not searched for."""
        current = ""
        for number, line in enumerate(self.text.splitlines(), start=1):
            header = re.match(r"\s*\[([^\]]+)\]", line)
            entry = re.match(r"\s*[\"']?([\w-]+)[\"']?\s*=", line)
            if header:
                current = re.sub(r"[\s\"']", "", header[1])
            if name and current == table and entry and entry[1] == name:
                return number
            if not name and ((header and current == table) or (not current and entry and entry[1] == table)):
                return number
        return 0


def example(expected: Mapping[str, Iterable[str]]) -> str:
    """The text of an example: a table for each environment, with an empty text for each value.

    Args:
        expected: paths of the SSM parameters that each environment's stacks read and no stack of it makes.
    """
    lines = [
        "# The values that only your account knows. Copy this file to account.toml, which git ignores, and keep the tables of",
        "# the environments that you deploy. `make parameters ENV=…` writes them to SSM; docs/deploy.md explains them.",
    ]
    for environment, paths in expected.items():
        # Its own come first: TOML has the values of a table before those of the tables below it.
        ordered = sorted(paths, key=lambda path: (not path.startswith(parameter_name(environment, "")), path))
        keys = {path: AccountFile.key(environment, path).rpartition(".") for path in ordered}
        for path, (table, _, name) in keys.items():
            # Another environment writes it, unless it is in another account or region.
            mark = "" if table == environment else "# "
            if (header := f"{mark}[{table}]") not in lines:
                lines += ["", *(["# Only if that one is in another account or region:"] if mark else []), header]
            lines += [f"# {shape(path.rpartition('/')[2]).purpose}", f'{mark}{name} = ""']
    return "".join(f"{line}\n" for line in lines)
