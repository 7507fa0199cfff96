"""The fenced blocks of the pages, and how they are marked.

The first word after the fence is the language. The words after it say how a reader comes to run the block; browsers do not
show them. CONTRIBUTING.md explains them.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = (
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "demo/README.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
)
LANGUAGES = {"sh", "text", "json", "python", "mermaid"}
# A block with one of these words is checked, but not run.
NOT_RUN = {
    "aws": "needs an AWS account",
    "ci": "runs these tests",
    "docker": "needs a container engine",
    "fork": "needs a repository of the reader's own",
    "hub": "needs the model hub, or a package index with every version",
    "long": "takes more than ten minutes",
    "root": "needs root",
}
# `slow` blocks run in `make verify` only; a `server` runs until the next one or the page's end; `fails` ends with an error.
RUN = {"slow", "server", "fails"}
WORDS = RUN | NOT_RUN.keys()
# A block that follows a command, and is its output.
OUTPUT = "output"


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A fenced block of a page."""

    page: Path
    line: int
    language: str
    words: frozenset[str]
    text: str

    @property
    def place(self) -> str:
        """Page and line, for messages."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def runs(self) -> bool:
        """Whether the tests run it."""
        return self.language == "sh" and not self.words & NOT_RUN.keys()

    @property
    def slow(self) -> bool:
        """Whether only `make verify` runs it."""
        return "slow" in self.words

    @property
    def is_output(self) -> bool:
        """Whether it is the output of the block before it."""
        return OUTPUT in self.words


@cache
def blocks_of(page: Path) -> tuple[Block, ...]:
    """The blocks of a page, in order."""
    return tuple(_parse(page, page.read_text()))


def all_blocks() -> list[Block]:
    """The blocks of every page."""
    return [block for page in PAGES for block in blocks_of(page)]


def outputs_of(page: Path) -> dict[int, Block]:
    """The outputs that a page shows, by the line of the command before them."""
    return {before.line: block for before, block in pairwise(blocks_of(page)) if block.is_output}


def _parse(page: Path, text: str) -> Iterator[Block]:
    for found in re.finditer(r"^( *)```([^\n`]*)\n(.*?)^\1```$", text, re.MULTILINE | re.DOTALL):
        indent, info, body = found.groups()
        language, *words = info.split() or [""]
        yield Block(
            page=page,
            line=text.count("\n", 0, found.start()) + 1,
            language=language,
            words=frozenset(words),
            text=re.sub(f"^{indent}", "", body, flags=re.MULTILINE),
        )
