"""The examples in docstrings hold."""

import doctest
from types import ModuleType

import pytest

from benchmarks import tables
from service.evaluation import normalisation, numbers, spacing, turns


@pytest.mark.parametrize("module", [normalisation, numbers, spacing, tables, turns], ids=lambda module: module.__name__)
def test_examples_in_docstrings_hold(module: ModuleType) -> None:
    """They are the shortest description of what is compared."""
    result = doctest.testmod(module)
    assert result.attempted
    assert not result.failed
