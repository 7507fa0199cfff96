"""Engines in processes of their own, with a stand-in in the engine's place."""

import time
from pathlib import Path

import pytest

from benchmarks.speed.cells import Results
from benchmarks.speed.processes import Contestant, PeerFailed, Worker
from benchmarks.speed.rounds import Rounds
from tests.benchmarks.echo import echo


def test_a_worker_answers_and_prints_elsewhere() -> None:
    """Output of libraries goes to the log and never into an answer."""
    with Worker(echo(), threads=2) as worker:
        answers = [worker.ask([Path("a"), Path("b")]), worker.ask([Path("c")])]
    assert answers[0].found == [{"threads": 2, "name": "a"}, {"threads": 2, "name": "b"}]
    assert answers[1].found == [{"threads": 2, "name": "c"}]


def test_memory_is_the_highest_so_far() -> None:
    """What an engine keeps counts, at least."""
    with Worker(echo(), threads=1) as lean, Worker(echo("hoarder", hoard=300_000_000), threads=1) as hoarder:
        assert hoarder.ask([]).peak_bytes - lean.ask([]).peak_bytes > 250_000_000


def test_a_broken_engine_is_named_with_its_reason() -> None:
    """Its last line says why there is no figure."""
    with Worker(echo(fail=True), threads=1) as worker, pytest.raises(PeerFailed, match="the engine broke"):
        worker.ask([])


def test_an_engine_that_is_not_installed_is_named() -> None:
    """Without PyTorch, say, its peers are left out."""
    with pytest.raises(PeerFailed, match="No module named"), Worker(Contestant(name="x", module="x"), threads=1):
        pass


def test_rounds_begin_with_another_engine_each_time(tmp_path: Path) -> None:
    """A machine that slows down slows all engines down; a failing one is left out."""
    results = Results(facts={}, file=tmp_path / "results.json")
    engines = [echo("a"), echo("b"), echo("broken", fail=True)]
    Rounds(results=results, threads=1).run("calls", engines, ["call"], rounds=2)
    assert [cell.contestant for cell in results.cells] == ["broken", "a", "b", "b", "a"]
    assert results.cells[0].failure.endswith("the engine broke")
    assert results.cells[1].call_seconds == 2.0
    assert Results.read(tmp_path / "results.json").cells == results.cells


def test_no_round_begins_that_would_pass_the_deadline() -> None:
    """The first round is always measured, a further one only if it fits."""
    results = Results(facts={})
    Rounds(results=results, threads=1, deadline=time.monotonic()).run("calls", [echo()], ["call"], rounds=3)
    assert len(results.cells) == 1


def test_only_the_wanted_sections_are_measured() -> None:
    """A part of a long run can be measured again by a text of its title."""
    results = Results(facts={})
    rounds = Rounds(results=results, threads=1, only=["all"])
    rounds.run("limits", [echo()], [], rounds=1)
    rounds.leave_out("limits", echo(), 0, "not wanted")
    rounds.run("all calls", [echo()], ["call"], rounds=1)
    assert [cell.section for cell in results.cells] == ["all calls"]
