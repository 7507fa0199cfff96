"""The report of a run: its JSON form is read back, and a file that is not one is refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from demo.truth import DEMO
from service.errors import InvalidField
from service.evaluation.report import Report, read_report
from tests.service.evaluation.runs import FILES

COMMITTED = DEMO / "calls" / "report.json"


def test_report_survives_json() -> None:
    """The committed report, written by an earlier version, keeps its schema and its figures."""
    plain = json.loads(COMMITTED.read_text())
    report = read_report(str(COMMITTED), first_release=False, storage=FILES)
    assert report is not None
    assert json.loads(report.to_json()) == plain
    assert Report.from_dict(json.loads(report.to_json())) == report


def test_fields_of_a_later_version_are_ignored() -> None:
    """After a rollback the last report may be of a later image."""
    plain: dict[str, Any] = json.loads(COMMITTED.read_text())
    later = plain | {"provenance": plain["provenance"] | {"engine": "new"}, "new": 1}
    assert Report.from_dict(later) == Report.from_dict(plain)


@pytest.mark.parametrize(
    "content",
    [
        "{}",
        "[]",
        '{"schema": 1}',
        '{"schema": 2, "machine": {"a": 1}, "recordings": []}',
        json.dumps(json.loads(COMMITTED.read_text()) | {"recordings": []}),
        json.dumps(json.loads(COMMITTED.read_text()) | {"recordings": [{"digest": "d"}]}),
    ],
    ids=["empty", "list", "schema", "machine", "no recordings", "incomplete recording"],
)
def test_file_that_is_not_a_report_is_refused(tmp_path: Path, content: str) -> None:
    """The message names the option and the schema."""
    (tmp_path / "report.json").write_text(content)
    with pytest.raises(InvalidField, match=r"^--against: is not a report; expected a report of schema 2"):
        read_report(str(tmp_path / "report.json"), first_release=False, storage=FILES)


def test_missing_report_is_refused_unless_this_is_the_first_release(tmp_path: Path) -> None:
    """Without a last release there is nothing to compare with."""
    absent = str(tmp_path / "latest.json")
    with pytest.raises(InvalidField, match=r"^--against: is missing or not JSON"):
        read_report(absent, first_release=False, storage=FILES)
    assert read_report(absent, first_release=True, storage=FILES) is None
