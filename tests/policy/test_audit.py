"""An audit that could not ask is no pass."""

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
PASSED_OVER = {"name": "starlette", "skip_reason": "Dependency not found on PyPI and could not be audited"}


def source(control: dict[str, Any], locked: dict[str, Any]) -> audit.Ask:
    """A source of data that answers so for the control and for every lock."""

    def answer(requirements: Path) -> audit.Answer:
        pinned = requirements.read_text()
        return {"dependencies": [control if pinned.startswith(audit.CONTROL) else locked], "fixes": []}

    return answer


@pytest.mark.parametrize(
    ("control", "locked", "code", "said"),
    [
        (VULNERABLE, SOUND, 0, "requirements.txt: 0 known"),
        (VULNERABLE, VULNERABLE, 1, "urllib3 1.26.4: PYSEC-2021-108, mended in 1.26.5"),
        (VULNERABLE, PASSED_OVER, 2, "not asked, which is no pass: Dependency not found on PyPI"),
        (PASSED_OVER, SOUND, 2, "not asked, which is no pass: Dependency not found on PyPI"),
        (SOUND, SOUND, 2, f"nothing is known against {audit.CONTROL}"),
    ],
)
def test_audit_tells_none_known_from_not_asked(
    control: dict[str, Any], locked: dict[str, Any], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """0 only where a source that knows of vulnerabilities knows of none here."""
    assert audit.main(["requirements.txt"], ask=source(control, locked)) == code
    assert said in "".join(capsys.readouterr())


def test_every_lock_is_audited() -> None:
    """A new lock file is added to the list."""
    locks = {path.relative_to(audit.ROOT).as_posix() for path in audit.ROOT.rglob("requirements*.txt")}
    locks = {lock for lock in locks if lock.split("/")[0] not in {".venv", "build", "cdk.out", "node_modules"}}
    assert locks == set(audit.LOCKS)


def test_pip_audit_answers_in_the_form_that_is_read(tmp_path: Path) -> None:
    """An empty list needs no source of data: the real program is run, and its answer understood."""
    nothing = tmp_path / "nothing.txt"
    nothing.touch()
    assert audit.known(audit.ask(nothing)) == []


def test_failure_of_pip_audit_is_no_answer(tmp_path: Path) -> None:
    """The last line of what it said is the reason."""
    with pytest.raises(audit.NotAsked, match=r"missing\.txt"):
        audit.ask(tmp_path / "missing.txt")
