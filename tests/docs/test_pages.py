"""Pages lead to each other, and agree with the facts that they repeat."""

import re
import tomllib
from datetime import date
from pathlib import Path

import pytest

import service
from stacks.environments.regions import WITHOUT_BUDGETS, WITHOUT_BUILDS
from tests.docs.blocks import PAGES, ROOT

LINK = re.compile(r"\]\(([^)\s#]*)(?:#([^)\s]+))?\)")


def without_blocks(page: Path) -> str:
    """A page without its fenced blocks."""
    return re.sub(r"^ *```.*?^ *```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub and GitLab give a page's headings."""
    headings = re.findall(r"^#+ (.+)$", without_blocks(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken(page: Path, text: str) -> list[str]:
    """The links of a text on a page that lead nowhere."""
    found = []
    for path, anchor in LINK.findall(text):
        if "://" in path:
            continue
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            found.append(f"{path}#{anchor}")
    return found


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CHANGELOG.md"], ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Each linked file and heading is there."""
    assert not broken(page, without_blocks(page))


def test_broken_links_are_found() -> None:
    """The test above would pass if no link were found."""
    text = "[a](README.md) [b](docs/none.md) [c](docs/audio.md#channels) [d](docs/audio.md#none)"
    assert broken(ROOT / "README.md", text) == ["docs/none.md#", "docs/audio.md#none"]


def test_readme_leads_to_every_page() -> None:
    """A reader finds each page by its task."""
    linked = {(ROOT / path).resolve() for path, _ in LINK.findall((ROOT / "README.md").read_text())}
    pages = {*(ROOT / "docs").glob("*"), ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", ROOT / "LICENSE"}
    assert pages <= linked


def test_readme_begins_with_a_transcript() -> None:
    """Its first screen has one command, which needs no account, and a part of its output."""
    screen = "".join((ROOT / "README.md").read_text().splitlines(keepends=True)[:40])
    assert re.findall(r"^```sh\b.*\n(.*)\n```", screen, re.MULTILINE) == ["make demo"]
    assert "Thank you for calling" in screen


def test_version_has_one_home() -> None:
    """The package, the changelog and the notes for upgrades name the same version."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["project"]["dynamic"] == ["version"]
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "service.__version__"}
    heads = re.findall(r"^## \[(.+?)\](?: - (.+))?$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert heads[0] == ("Unreleased", "")
    assert heads[1][0] == service.__version__
    assert all(date.fromisoformat(day) for _, day in heads[1:])
    upgrades = re.findall(r"^## To (.+)$", (ROOT / "docs" / "upgrading.md").read_text(), re.MULTILINE)
    assert upgrades == [version for version, _ in heads[1:]]
    assert f"Version {service.__version__}." in (ROOT / "README.md").read_text()


def test_support_names_what_ci_and_the_stacks_do() -> None:
    """Versions of Python and exceptions of regions are those of the code."""
    page = (ROOT / "docs" / "support.md").read_text()
    python = re.search(r"^\| Python \| ([\d., ]+) \| ([\d., ]+) \| ([\d.]+) and older", page, re.MULTILINE)
    assert python
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    oldest, *_ = tested = python[1].split(", ")
    assert project["requires-python"] == f">={oldest}"
    assert int(python[3].split(".")[1]) + 1 == int(oldest.split(".")[1])
    for workflow in (".github/workflows/ci.yml", ".gitlab-ci.yml", "service/Dockerfile"):
        assert set(re.findall(r"python(?:-version)?: ?\"?(\d\.\d+)", (ROOT / workflow).read_text())) <= {*tested}
    assert all(f"`{region}`" in page for region in WITHOUT_BUILDS)
    assert "eu-north-1" in WITHOUT_BUDGETS
