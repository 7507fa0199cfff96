"""The account of the engine's CPU seconds: each part has its own, and the rest is named."""

from benchmarks.speed.parts import REST, Parts


class Outer:
    """Works for 2 s, and lets another work for 3 s."""

    def __init__(self, now: list[float], inner: "Inner") -> None:
        self._now, self._inner = now, inner

    def work(self, *, more: float) -> str:
        """Moves the clock."""
        self._now[0] += 2 + more
        return self._inner.work()


class Inner:
    """Works for 3 s."""

    def __init__(self, now: list[float]) -> None:
        self._now = now

    def work(self) -> str:
        """Moves the clock."""
        self._now[0] += 3
        return "done"


def test_time_of_a_measured_method_is_not_its_callers() -> None:
    """The parts add up to the time that passed; what none of them took is the rest."""
    now = [0.0]
    inner = Inner(now)
    outer, parts = Outer(now, inner), Parts(clock=lambda: now[0])
    parts.measure(inner, "work", "inner")
    parts.measure(outer, "work", "outer")
    assert [outer.work(more=1), outer.work(more=0), inner.work()] == ["done"] * 3
    assert parts.seconds == {"inner": 9, "outer": 5}
    assert parts.times == {"inner": 3, "outer": 2}
    rows = [[cell.strip() for cell in row.split("|")[1:-1]] for row in parts.table(20).splitlines()[2:]]
    assert rows == [
        ["inner", "9.0", "45%", "3"],
        [REST, "6.0", "30%", ""],
        ["outer", "5.0", "25%", "2"],
        ["all", "20.0", "100%", ""],
    ]
