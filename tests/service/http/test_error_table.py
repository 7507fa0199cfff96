"""The table of errors in docs/http.md has every error that the API answers with, and no other."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from service import errors
from service.errors import ModelError, ServiceError
from service.http.responses import BAD_REQUEST, HTTP_CODES, INTERNAL_ERROR
from service.settings import LANGUAGES

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "http.md"
# The rooms through which a call over HTTP passes; their other errors are those of the start, about models.
ROOMS = ("http", "recording", "engine")
# Starlette and the server raise these, without a class of the service.
OWN = {(status, code) for status, code in HTTP_CODES.items()} | {(400, BAD_REQUEST), (500, INTERNAL_ERROR)}

RAISED = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, ServiceError) and kind.code and not issubclass(kind, ModelError)
]

Row = tuple[int, str]


def answered() -> Iterator[type[ServiceError]]:
    """Every error that these rooms name, except the branches of the tree."""
    for path in (path for room in ROOMS for path in (ROOT / "service" / room).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module == "service.errors":
                for name in node.names:
                    yield from (kind for kind in RAISED if kind.__name__ == name.name)


def meanings() -> dict[Row, str]:
    """What the service says about each status and code; `…` stands for what differs from call to call."""
    found: dict[Row, set[str]] = {}
    for kind in answered():
        found.setdefault((kind.status, kind.code), set()).add(re.sub(r"\{.*?\}", "…", kind.message))
    return {row: "; ".join(sorted(told)) for row, told in found.items()}


def documented() -> dict[Row, str]:
    """The page's rows of one status and one code, with their meanings."""
    rows = re.findall(r"^\| (\d{3}) \| `(\w+)` \| (.+?) \|", PAGE.read_text(), re.MULTILINE)
    assert len(rows) == len({(status, code) for status, code, _ in rows})
    return {(int(status), code): meaning for status, code, meaning in rows}


def test_table_has_every_error_and_no_other() -> None:
    """With its status, and with the words in which the service tells it."""
    table = documented()
    assert table.keys() == meanings().keys() | OWN
    assert {row: table[row] for row in meanings()} == meanings()


def test_errors_are_found_where_they_are_raised() -> None:
    """The test above would pass if no error were found on either side."""
    assert {"BadForm", "NoAudioTrack", "UnknownLanguage", "Busy", "DiskFull"} <= {kind.__name__ for kind in answered()}
    assert not {"NoDeadLetters", "UnknownModel"} & {kind.__name__ for kind in answered()}


def test_page_lists_every_language() -> None:
    """The error about an unknown one refers to the list."""
    section = PAGE.read_text().partition("## Languages\n")[2].partition("\n## ")[0]
    assert set(re.findall(r"`([a-z]{2,3})`", section)) == LANGUAGES
    assert errors.UnknownLanguage(language="xx", known=sorted(LANGUAGES)).expected.count("docs/http.md#languages") == 1
