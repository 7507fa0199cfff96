import doctest

import pytest

import local.arithmetic
from local.arithmetic import evaluate
from local.errors import LocalError

MINUTE = {"waiting": 8.0, "tasks": 2.0, "late": None}


def test_examples_are_true() -> None:
    """The examples in the docstrings are correct."""
    result = doctest.testmod(local.arithmetic)
    assert result.attempted > 0
    assert result.failed == 0


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("waiting + tasks * 2", 12),
        ("-waiting - 1", -9),
        ("waiting >= 8 AND tasks < 1", 0),
        ("waiting < 1 OR tasks == 2", 1),
        ("tasks != 2", 0),
        ("tasks <= 2", 1),
        ("IF(tasks > 2, waiting, 0 - waiting)", -8),
        ("FILL(late, 3)", 3),
        ("FILL(tasks, 3)", 2),
        ("CEIL(waiting / 3)", 3),
        ("CEIL(tasks)", 2),
        ("MAX([waiting, late, tasks])", 8),
        ("MIN([waiting, late, tasks])", 2),
        ("SUM([waiting, late, tasks])", 10),
    ],
)
def test_arithmetic_is_cloudwatchs(expression: str, value: float) -> None:
    """Comparisons are 1 or 0, FILL replaces a missing datapoint, and the functions of lists ignore one."""
    assert evaluate(expression, MINUTE) == value


@pytest.mark.parametrize(
    "expression",
    ["late", "late + 1", "late > 0 AND tasks > 0", "IF(late, 1, 0)", "-late", "MAX([late])", "waiting / (tasks - 2)"],
)
def test_minute_without_a_needed_datapoint_has_no_value(expression: str) -> None:
    """A missing datapoint is not zero, and a division by zero has no datapoint."""
    assert evaluate(expression, MINUTE) is None


@pytest.mark.parametrize(
    "expression", ["RATE(waiting)", "other", "1 < tasks < 3", "tasks ** 2", "IF(1, 2)", "waiting +"]
)
def test_arithmetic_that_is_not_simulated_is_refused(expression: str) -> None:
    """A template with other expressions is not simulated wrongly in silence."""
    with pytest.raises(LocalError) as refused:
        evaluate(expression, MINUTE)
    assert str(refused.value).startswith(f"metric arithmetic: got {expression!r}, expected one that is simulated (")
