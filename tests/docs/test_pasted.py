"""Every block of every page, pasted in order into a fresh clone, works and prints the output that the page shows."""

import re
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.docs.blocks import PAGES, ROOT, Block, blocks_of, outputs_of
from tests.docs.reader import Unreadable, clone, reader

STANDIN = {"WHISPER_MODEL": str(ROOT / "tests" / "standin" / "model")}
QUICK = [page for page in PAGES if any(block.runs and not block.slow for block in blocks_of(page))]
SLOW = [page for page in PAGES if any(block.runs and block.slow for block in blocks_of(page))]


def name(page: Path) -> str:
    """A page's path in the repository."""
    return str(page.relative_to(ROOT))


def shown(output: str) -> re.Pattern[str]:
    """The outputs that a page's excerpt allows.

    `…` stands for any text, alone on a line for any lines. Times, ports and the lines before and after may differ.
    """
    lines = [".*?" if line.strip() == "…" else _line(line) for line in output.strip("\n").splitlines()]
    return re.compile(r"^" + "\n".join(lines) + r"\s*?$", re.MULTILINE | re.DOTALL)


def _line(line: str) -> str:
    text = re.escape(line.rstrip())
    text = re.sub(r"(?:\\ )*\d+(?:\\\.\d+)?((?:\\ )?s)\b", r" *[0-9.]+\1", text)
    return re.sub(r"127\\\.0\\\.0\\\.1:\d+", r"127\\.0\\.0\\.1:[0-9]+", text).replace("…", "[^\n]*")


def paste(page: Path, blocks: list[Block], folder: Path, *, settings: Mapping[str, str]) -> None:
    """Paste blocks of a page, and compare their outputs with the excerpts that it shows."""
    outputs = outputs_of(page)
    with reader(folder, settings=settings) as reading:
        for block in blocks:
            printed = reading.run(block)
            expected = outputs.get(block.line)
            if expected and not shown(expected.text).search(printed):
                raise Unreadable(f"{block.place} prints\n{printed}\ninstead of\n{expected.text}")


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone to copy."""
    return clone(tmp_path_factory.mktemp("clone") / "original")


@pytest.fixture
def fresh(original: Path, tmp_path: Path) -> Path:
    """A fresh clone."""
    copied: Path = shutil.copytree(original, tmp_path / "whisper-fargate", symlinks=True)
    return copied


@pytest.mark.parametrize("page", QUICK, ids=name)
def test_quick_blocks_of_a_page_can_be_pasted(page: Path, fresh: Path) -> None:
    """The blocks that need neither an account nor much time work in a fresh clone."""
    paste(page, [block for block in blocks_of(page) if block.runs and not block.slow], fresh, settings=STANDIN)


@pytest.mark.verify
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("page", SLOW, ids=name)
def test_all_blocks_of_a_page_can_be_pasted(page: Path, fresh: Path) -> None:
    """With the slow ones and with the real model, whose words the pages show."""
    paste(page, [block for block in blocks_of(page) if block.runs], fresh, settings={})


def test_pages_are_pasted() -> None:
    """The tests above would pass if no block were found."""
    assert {"docs/http.md", "docs/first-hour.md"} <= set(map(name, QUICK))
    assert {"README.md", "docs/first-hour.md"} <= set(map(name, SLOW))


@pytest.mark.parametrize(
    ("excerpt", "printed", "agrees"),
    [
        ("b\nc", "a\nb\nc\nd", True),
        ("b\nd", "a\nb\nc\nd", False),
        ("b\n…\nd", "a\nb\nc\nd", True),
        ("took 1.5 s", "took 23 s", True),
        ("at 127.0.0.1:8000", "at 127.0.0.1:39271", True),
        ("took 1.5 times", "took 2.5 times", False),
        ("b… d", "b c d", True),
        ("b…d", "b\nd", False),
    ],
)
def test_excerpts_are_compared_with_what_is_printed(*, excerpt: str, printed: str, agrees: bool) -> None:
    """Only times, ports and `…` may differ."""
    assert bool(shown(excerpt).search(printed)) == agrees


def test_a_block_that_fails_is_told(fresh: Path) -> None:
    """The message names the page and the line."""
    block = Block(page=ROOT / "README.md", line=7, language="sh", words=frozenset(), text="true\nfalse\ntrue\n")
    with reader(fresh, settings={}) as reading, pytest.raises(Unreadable, match=r"README\.md:7 ends with 1"):
        reading.run(block)


def test_variables_stay_from_block_to_block(fresh: Path) -> None:
    """A reader pastes into one shell."""
    first, second = (
        Block(page=ROOT / "README.md", line=1, language="sh", words=frozenset(), text=text)
        for text in ("NAME='a b'\n", 'echo "<$NAME>"\n')
    )
    with reader(fresh, settings={}) as reading:
        reading.run(first)
        assert reading.run(second) == "<a b>\n"
