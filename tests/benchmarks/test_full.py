"""The long benchmark: its calls, and how an interrupted run goes on."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from benchmarks.speed import full, grid, preparation, report
from benchmarks.speed.cells import Results
from benchmarks.speed.full import Part
from benchmarks.speed.grid import Model
from benchmarks.speed.processes import PeerFailed
from service.errors import UnknownModel
from tests.benchmarks.echo import echo
from tests.benchmarks.test_report import CASE, FACTS


@pytest.fixture
def parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Part]:
    """Two parts with engines of no weight, in the place of hours."""
    found = [Part(section="one", contestants=[echo("a"), echo("b")], calls=["call"])]
    found.append(Part(section="two", contestants=[echo("a")], calls=["call"]))

    def model(size: str) -> None:
        if size == "small":
            raise UnknownModel(model=size, files=(), known=[])

    def all_parts(*_: object, **__: object) -> Iterator[Part]:
        yield from found

    monkeypatch.setattr(full, "FILE", tmp_path / "full.json")
    monkeypatch.setattr(full, "_parts", all_parts)
    monkeypatch.setattr(preparation, "calls", list)
    monkeypatch.setattr(preparation, "find_model", model)
    monkeypatch.setattr(report, "facts", lambda *_, **__: dict(FACTS))
    return found


def test_an_interrupted_run_goes_on(parts: list[Part], capsys: pytest.CaptureFixture[str]) -> None:
    """A finished pass is not repeated, a failed one is, and a model that is not here is left out."""
    complete = parts[0]
    parts[0] = Part(section="one", contestants=[echo("a"), echo("b", fail=True)], calls=["call"])
    assert full.main(["--rounds", "1"]) == 0
    before = Results.read(full.FILE).cells
    parts[0] = complete
    assert full.main(["--rounds", "1"]) == 0
    cells = Results.read(full.FILE).cells
    assert cells[: len(before)] == before
    assert [(cell.section, cell.contestant) for cell in cells[len(before) :]] == [("one", "b")]
    printed = capsys.readouterr()
    assert "small is left out" in printed.err
    assert "### two" in printed.out
    day = time.strftime("%Y-%m-%d")
    assert f"`make bench-full`, {FACTS['date']} to {day}:" in printed.out


def test_long_calls_repeat_the_others(tmp_path: Path) -> None:
    """The calls follow each other until the length is reached, and begin again."""
    preparation.keep("call", np.arange(20, dtype=np.int16).reshape(2, 10))
    long = preparation.joined([CASE], minutes=25 / 60 / 16_000)
    assert long.shape == (2, 25)
    np.testing.assert_array_equal(long[0], [*range(10), *range(10), *range(5)])
    assert full._call([CASE], "part", seconds=4 / 16_000, start=8 / 16_000) == "part"
    np.testing.assert_array_equal(np.load(tmp_path / "part.npy")[0], [8, 9, 0, 1])


def test_without_pytorch_its_peers_are_left_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The article's table then has the others, with a beam of 5 and in both number formats."""

    def missing(_: object) -> None:
        raise PeerFailed("no PyTorch")

    monkeypatch.setattr(preparation, "torch_forms", missing)
    names = [one.name for one in full._article(Model(size="small", folder=tmp_path, forms=tmp_path))]
    assert not [name for name in names if name.startswith("openai")]
    assert sum(name.endswith(", float32") for name in names) == sum(name.endswith(", int8") for name in names) == 3
    assert all("beam 5" in name for name in names if not name.startswith("whisper-fargate"))


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], dict[str, list[str]]]:
    """The names of the engines that hear each part, for a model."""
    monkeypatch.setattr(full, "_call", lambda _cases, name, **_: name)
    monkeypatch.setattr(preparation, "torch_forms", lambda _: None)

    def parts(size: str) -> dict[str, list[str]]:
        model = Model(size=size, folder=tmp_path, forms=tmp_path)
        found = full._parts(model, [CASE], longest=max(full.MINUTES))
        return {part.section.partition(": ")[2]: [one.name for one in part.contestants] for part in found}

    return parts


@pytest.mark.parametrize(
    ("size", "of_all"),
    [
        ("base", ["50 calls of 20 s at once", *(f"one call of {minutes} minutes" for minutes in (1, 5, 30))]),
        ("small", [f"one call of {minutes} minutes" for minutes in (1, 5)]),
    ],
)
def test_slow_engines_hear_what_takes_them_minutes(
    measured: Callable[[str], dict[str, list[str]]], size: str, of_all: list[str]
) -> None:
    """Every length is heard by ours and by the fastest batched form, the others leave out what only repeats."""
    lengths = {section: names for section, names in measured(size).items() if "beam 5" not in section}
    assert len(lengths) == 1 + len(full.MINUTES)
    fast = [grid.OURS, "faster-whisper, batched 16, beam 1, 1 at once"]
    every = [grid.OURS, grid.ORIGINAL, fast[1], "faster-whisper, batched 16, beam 5, 1 at once"]
    assert {section: names == every for section, names in lengths.items()} == {
        section: section in of_all for section in lengths
    }
    assert all(names in (every, fast) for names in lengths.values())


def test_table_of_the_article_is_of_its_model(measured: Callable[[str], dict[str, list[str]]]) -> None:
    """Number formats of ours and of faster-whisper, and one form of each other peer; `base` is not in the article."""
    (table,) = [names for section, names in measured("small-widened").items() if "beam 5" in section]
    peers = [name for name in table if "whisper.cpp" in name or "openai" in name]
    assert peers == ["whisper.cpp, f16, beam 5", "openai/whisper, beam 5"]
    assert not [section for section in measured("base") if "beam 5" in section]
