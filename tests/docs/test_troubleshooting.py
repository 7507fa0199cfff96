"""Every message on the page about trouble exists in the program that prints it."""

import ast
import errno
import os
import re
from functools import cache
from pathlib import Path

import botocore
import pip
import pytest

from tests.docs.blocks import ROOT

PAGE = ROOT / "docs" / "troubleshooting.md"
OWN = ("service", "local", "delivery", "stacks")
# Between the parts of a message that are written in one piece.
SEAMS = re.compile(r"…|: got |, expected |: ")


def rows() -> list[str]:
    """The first cell of each row."""
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    return [line.split(" | ")[0].removeprefix("| ") for line in lines if not line.startswith("| message ")]


@cache
def own() -> str:
    """The strings of the project's programs; `…` stands for the values that a program fills in."""
    files = [path for folder in OWN for path in sorted((ROOT / folder).rglob("*.py"))]
    nodes = [node for path in files for node in ast.walk(ast.parse(path.read_text()))]
    texts = [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return "\n".join([re.sub(r"\{\w[^{}]*\}", "…", "\n".join(texts)), (ROOT / "Makefile").read_text()])


@cache
def foreign(program: str) -> str:
    """The text of another program that prints messages."""
    match program:
        case "CDK":
            return (ROOT / "node_modules" / "aws-cdk" / "lib" / "index.js").read_text()
        case "botocore":
            return Path(botocore.__file__).with_name("exceptions.py").read_text()
        case "pip":
            return (Path(pip.__file__).parent / "_internal" / "exceptions" / "hashes.py").read_text()
        case "curl":
            return os.strerror(errno.ECONNREFUSED)
    raise AssertionError(f"got {program!r}, expected a program whose text is known")


def missing(cell: str) -> list[str]:
    """The parts of a cell's messages that no program prints."""
    found = []
    for _, message, program in re.findall(r"(`+) ?(.+?) ?\1(?: …)?(?: \(from (?:the )?(\w+)\))?", cell):
        text = foreign(program) if program else own()
        found += [part for part in SEAMS.split(message) if part.strip() and part.strip() not in text]
    return found


@pytest.mark.parametrize("cell", rows())
def test_message_exists(cell: str) -> None:
    """A reader searches the page for the words of the screen."""
    assert not missing(cell)


def test_messages_that_do_not_exist_are_found() -> None:
    """The test above would pass if no message were found."""
    assert len(rows()) > 40
    assert missing("`no message says so`, or `this is unheard of` (from the CDK)") == [
        "no message says so",
        "this is unheard of",
    ]
    assert not missing("`port: got …, expected a port of … that is free (0 takes any)`")
