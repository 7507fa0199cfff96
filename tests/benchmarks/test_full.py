"""The long benchmark: its calls, and how an interrupted run goes on."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from benchmarks.speed import full, preparation, report
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
    monkeypatch.setattr(report, "facts", lambda *_, **__: FACTS)
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


def test_lengths_are_measured_with_each_engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Ours, the original service, and the batched form, greedy and with a beam; the article's table has every format."""
    monkeypatch.setattr(full, "_call", lambda _cases, name, **_: name)
    monkeypatch.setattr(preparation, "torch_forms", lambda _: None)
    model = Model(size="base", folder=tmp_path, forms=tmp_path)
    *lengths, article = full._parts(model, [CASE], longest=13)
    for part in lengths:
        assert [one.name.partition(",")[0] for one in part.contestants] == [
            "whisper-fargate",
            "original service: faster-whisper",
            "faster-whisper",
            "faster-whisper",
        ]
    peers = [one.name for one in article.contestants if one.mixed]
    assert [name for name in peers if "whisper.cpp" in name or "openai" in name] == [
        "whisper.cpp, f16, beam 5",
        "openai/whisper, beam 5",
    ]
