"""The words of the page, in every language, and the contrast of its colours."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.http import page

FOLDER = Path(page.__file__).parent
LANGUAGES = ("en", "fr")
ENTRY = re.compile(r'^  "([\w.]+)":\s*"((?:[^"\\]|\\.)*)",$', re.MULTILINE)
# Keys that are put together from a code or a state.
FAMILIES = ("error.", "state.", "batch.", "call.")
# The smallest contrast of a text, and of the border of a control, by WCAG 2.2 AA.
TEXT, CONTROL = 4.5, 3.0
SOFT = ("accent", "agent", "customer", "warn")
PAIRS = [
    *((front, back, TEXT) for front in ("ink", "quiet", *SOFT) for back in ("background", "surface")),
    *((front, f"{name}-soft", TEXT) for name in SOFT for front in ("ink", name)),
    *((f"on-{name}", name, TEXT) for name in ("accent", "mark")),
    *((front, back, CONTROL) for front in ("edge", "focus") for back in ("background", "surface")),
]


def texts(language: str) -> dict[str, str]:
    """The table of a language."""
    return dict(ENTRY.findall((FOLDER / "texts" / f"{language}.js").read_text()))


def used() -> Iterator[str]:
    """The keys that the page's modules and its document name as they are."""
    for path in (*FOLDER.rglob("*.js"), FOLDER / page.DOCUMENT):
        if path.parent.name != "texts":
            yield from re.findall(r'"([a-z_]+(?:\.[a-z_]+)+)"', path.read_text())
            yield from re.findall(r'data-(?:text|label)="([\w.]+)"', path.read_text())


def placeholders(text: str) -> set[str]:
    """The names of the values in a text."""
    return set(re.findall(r"\{(\w+)\}", text))


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_languages_have_the_same_keys_and_values(language: str) -> None:
    """A text that is missing in one language would be shown in another; a value that is missing would be lost."""
    english, other = texts("en"), texts(language)
    assert set(other) == set(english)
    for key, text in english.items():
        if not key.endswith(".one"):
            assert placeholders(other[key]) <= placeholders(text), key


def test_every_key_has_a_text_and_every_text_is_used() -> None:
    """No key without a text, and no text that nobody reads."""
    tables = texts("en")
    named = {key for key in used() if not key.endswith(".js")}
    plural = {key.removesuffix(".one") for key in tables if key.endswith(".one")}
    plain = plural | {key for key in tables if key.rpartition(".")[0] not in plural}
    sources = "".join(path.read_text() for path in FOLDER.rglob("*.js") if path.parent.name != "texts")
    built = {key for key in plain if key.startswith(FAMILIES)}
    assert {key for key in named if key.startswith(tuple(key.split(".")[0] + "." for key in plain))} <= plain
    assert {key for key in plain - built if f'"{key}"' not in sources} <= named


def test_every_line_of_a_table_is_read_by_these_tests() -> None:
    """A line of another form would be missed by the comparison."""
    for language in LANGUAGES:
        lines = [
            line for line in (FOLDER / "texts" / f"{language}.js").read_text().splitlines() if line.startswith("  ")
        ]
        assert len(lines) == len(texts(language))


def luminance(colour: str) -> float:
    """The relative luminance of a colour such as #0b6a66."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("front", "back", "least"), PAIRS)
def test_colours_have_contrast(scheme: str, front: str, back: str, least: float) -> None:
    """Every text on every background that it may have."""
    light, dark = (FOLDER / "page.css").read_text().split("@media (prefers-color-scheme: dark)")
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", light if scheme == "light" else dark))
    one, other = sorted((luminance(colours[front]), luminance(colours[back])))
    assert (other + 0.05) / (one + 0.05) >= least
