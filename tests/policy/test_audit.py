"""An incomplete audit does not pass."""

from pathlib import Path
from typing import Any

import pytest

from tests.policy import audit

VULNERABLE = {
    "name": "urllib3",
    "version": "1.26.4",
    "vulns": [{"id": "PYSEC-2021-108", "fix_versions": ["1.26.5"], "aliases": [], "description": ""}],
}
SOUND = {"name": "starlette", "version": "1.10.0", "vulns": []}
SKIPPED = {"name": "starlette", "skip_reason": "Dependency not found on PyPI and could not be audited"}


def source(control: dict[str, Any], locked: dict[str, Any]) -> audit.Ask:
    """A vulnerability service with these answers for the control and for every lock."""

    def answer(requirements: Path) -> audit.Answer:
        pinned = requirements.read_text()
        return {"dependencies": [control if pinned.startswith(audit.CONTROL) else locked], "fixes": []}

    return answer


@pytest.mark.parametrize(
    ("control", "locked", "code", "said"),
    [
        (VULNERABLE, SOUND, 0, "requirements.txt: 0 known"),
        (VULNERABLE, VULNERABLE, 1, "urllib3 1.26.4: PYSEC-2021-108, fixed in 1.26.5"),
        (VULNERABLE, SKIPPED, 2, "incomplete, which counts as failure: Dependency not found on PyPI"),
        (SKIPPED, SOUND, 2, "incomplete, which counts as failure: Dependency not found on PyPI"),
        (SOUND, SOUND, 2, f"got no vulnerability of {audit.CONTROL}"),
    ],
)
def test_audit_passes_only_if_it_is_complete_and_finds_nothing(
    control: dict[str, Any], locked: dict[str, Any], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """It returns 0 only if the service knows the control's vulnerability and none of the locked packages."""
    assert audit.main(["requirements.txt"], ask=source(control, locked)) == code
    assert said in "".join(capsys.readouterr())


def test_every_lock_is_audited() -> None:
    """The list contains every lock file."""
    locks = {path.relative_to(audit.ROOT).as_posix() for path in audit.ROOT.rglob("requirements*.txt")}
    locks = {lock for lock in locks if lock.split("/")[0] not in {".venv", "build", "cdk.out", "node_modules"}}
    assert locks == set(audit.LOCKS)


def test_report_of_pip_audit_is_understood(tmp_path: Path) -> None:
    """The real program audits an empty file, which needs no network."""
    nothing = tmp_path / "nothing.txt"
    nothing.touch()
    assert audit.known(audit.ask(nothing)) == []


def test_failure_of_pip_audit_makes_the_audit_incomplete(tmp_path: Path) -> None:
    """The last line that it wrote is the reason."""
    with pytest.raises(audit.AuditIncomplete, match=r"missing\.txt"):
        audit.ask(tmp_path / "missing.txt")
