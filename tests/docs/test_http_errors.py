"""The table of errors in docs/http.md against the code."""

import ast
import re

import service.errors
from service.errors import ModelError, ServiceError
from tests.docs.blocks import ROOT

# The rooms whose errors an HTTP caller may see. A model that cannot be loaded stops the start instead.
ROOMS = ("http", "recording", "engine")
# Answers of the framework, and to a defect, which are no errors of the tree.
FRAMEWORK = {(400, "bad_request"), (404, "not_found"), (405, "method_not_allowed"), (500, "internal_error")}


def raised() -> set[tuple[int, str]]:
    """Status and code of each error that these rooms raise."""
    files = [path for room in ROOMS for path in (ROOT / "service" / room).rglob("*.py")]
    names = {node.id for path in files for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Name)}
    known = [getattr(service.errors, name) for name in names & set(service.errors.__all__)]
    errors = [e for e in known if isinstance(e, type) and issubclass(e, ServiceError) and not issubclass(e, ModelError)]
    return {(error.status, error.code) for error in errors if error.code}


def documented() -> set[tuple[int, str]]:
    """Status and code of each row."""
    page = (ROOT / "docs" / "http.md").read_text().partition("## Errors")[2]
    rows = re.findall(r"^\| ([\d, ]+) \| ([^|]+) \|", page, re.MULTILINE)
    pairs = [(statuses.split(", "), re.findall(r"`(\w+)`", codes)) for statuses, codes in rows]
    # Two statuses in a row belong to two codes, in order.
    return {
        (int(statuses[min(number, len(statuses) - 1)]), code)
        for statuses, codes in pairs
        for number, code in enumerate(codes)
    }


def test_table_lists_every_error_of_a_call() -> None:
    """A client handles each status and code that it may get, and none that does not exist."""
    assert documented() == raised() | FRAMEWORK
