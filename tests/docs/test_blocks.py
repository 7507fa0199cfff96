"""Every block of every page is marked, and names nothing that the project does not have."""

import re
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from tests.docs.blocks import LANGUAGES, OUTPUT, ROOT, WORDS, Block, all_blocks

SHELL = [block for block in all_blocks() if block.language == "sh"]
# Modules whose arguments are their own: those of a program that takes none, and of tools.
OWN_MODULES = ("service", "local", "delivery", "delivery.account", "demo", "demo.recording", "benchmarks.accuracy")
COMMAND = re.compile(r"^\s*(\$ |make |\.venv/|python |python3 |aws |curl |docker |git |export |cdk )")


def place(block: Block) -> str:
    """The block's page and line."""
    return block.place


def lines(block: Block) -> list[str]:
    """The lines of a block, each with its continuations."""
    return re.sub(r"\\\n\s*", " ", block.text).splitlines()


def words_of(line: str) -> list[str]:
    """The words of a line of shell, without its comment."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    try:
        return list(lexer)
    except ValueError:  # a quotation of several lines
        return line.split()


@cache
def targets() -> set[str]:
    """The targets of the Makefile."""
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


@cache
def help_of(*command: str) -> str:
    """The output of a program's `--help`; empty if it refuses the words before."""
    result = subprocess.run(
        [sys.executable, "-m", *command, "--help"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return result.stdout if result.returncode == 0 else ""


def unknown_in_module(words: list[str]) -> set[str]:
    """The options after `python -m` that the module does not have."""
    module, arguments = words[0], [word.strip("[]…") for word in words[1:]]
    if module not in OWN_MODULES:
        return set()
    command, known = [module], help_of(module)
    assert known, f"python -m {module} has no help"
    deepest = known
    for word in arguments:
        if not re.search(r"(VERB|ACTION|\}) \.\.\.", deepest.partition("\n\n")[0]):
            break  # no verb follows
        if not (deepest := help_of(*command, word)):
            return {word}
        command, known = [*command, word], known + deepest
    return {word for word in arguments if word.startswith("--") and word.partition("=")[0] not in known}


def unknown_in_line(line: str) -> set[str]:
    """Targets, options and paths of a line that the project does not have."""
    words = words_of(line)
    found = set()
    for number, word in enumerate(words):
        after = words[number + 1 :]
        ends = next((n for n, w in enumerate(after) if w in {";", "|", "&&", "||", ">", "&", ")"}), len(after))
        if word == "make":
            found |= {w for w in after[:ends] if "=" not in w} - targets()
        elif word == "-m" and words[number - 1].rpartition("/")[2].startswith("python"):
            found |= unknown_in_module(after[:ends])
        elif re.match(r"(\.venv|docs|demo|service|stacks|local|delivery|benchmarks|tests)/[\w./-]+$", word):
            found |= {word} - {word for _ in [0] if (ROOT / word).exists()}
    return found


@pytest.mark.parametrize("block", all_blocks(), ids=place)
def test_block_is_marked(block: Block) -> None:
    """A fence names the language; a block of commands is `sh`, so that no command escapes these tests."""
    assert block.language in LANGUAGES, f"{block.place}: ```{block.language}, expected one of {sorted(LANGUAGES)}"
    assert block.words <= (WORDS if block.language == "sh" else {OUTPUT}), f"{block.place}: {sorted(block.words)}"
    if block.language == "text" and not block.is_output:
        usage = "[" in block.text or "NAME" in block.text
        assert usage or not any(COMMAND.match(line) for line in block.text.splitlines()), block.place


@pytest.mark.parametrize("block", SHELL, ids=place)
def test_block_is_shell(block: Block) -> None:
    """Bash can read it, and it has no prompt, which a reader would paste, too."""
    subprocess.run(["bash", "-n"], input=block.text, text=True, check=True)
    assert not any(line.startswith("$ ") for line in block.text.splitlines())


@pytest.mark.parametrize("block", SHELL, ids=place)
def test_block_names_only_what_exists(block: Block) -> None:
    """Each target of make, each option of the project's programs and each file is there."""
    for line in lines(block):
        assert not unknown_in_line(line), (block.place, line)


@pytest.mark.parametrize(
    ("line", "unknown"),
    [
        ("make demo MODEL=small", set()),
        ("make demos", {"demos"}),
        ("make check test && make imags", {"imags"}),
        ("python -m service jobs list --json", set()),
        (".venv/bin/python -m service jobs redrive --jsn", {"--jsn"}),
        ("python -m service jbos", {"jbos"}),
        ("python -m service model fetch base", set()),
        ("curl -F audio_file=@demo/calls/billing.wav", set()),
        ("cat docs/no-such.md", {"docs/no-such.md"}),
        ("make demo  # makes a transcript", set()),
    ],
)
def test_unknown_names_are_found(line: str, unknown: set[str]) -> None:
    """The test above would pass if no name were found."""
    assert unknown_in_line(line) == unknown


def test_every_page_is_read() -> None:
    """Pages have many blocks; an extraction that finds none would make every test pass."""
    pages: set[Path] = {block.page for block in SHELL}
    fences = sum(len(re.findall(r"^ *```", page.read_text(), re.MULTILINE)) for page in {b.page for b in all_blocks()})
    assert fences == 2 * len(all_blocks())
    assert len(pages) > 15
