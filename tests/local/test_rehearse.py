"""`make rehearse`: the longest of all tests, so that it has a file, and with that a test process, of its own."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from local.deploy import ROOT
from local.report import Report
from tests.local.leftovers import left_behind
from tests.standin import CALLS, MODEL

# Kinds of events that the rehearsal prints: seen in the buckets and on the queue, and played by the rehearsal itself.
SEEN = {"deployed", "started", "scaled", "uploaded", "received", "transcribed", "latest", "refused", "deleted"}
PLAYED = {"repeated", "killed", "interrupted", "stopped", "answered", "blocked", "shortage", "canary"}


@pytest.mark.verify
@pytest.mark.timeout(900)
def test_rehearsal_loses_nothing_and_does_nothing_twice(tmp_path: Path) -> None:
    """Every promise is kept, the golden call's words are those that were spoken, and no process is left."""
    golden = tmp_path / "golden"
    golden.mkdir()
    call = CALLS["voicemail.wav"]
    turns = [{"channel": turn.channel, "text": turn.text} for turn in call.turns]
    listed = {"audio": str(call.path), "language": call.language, "turns": turns}
    (golden / "manifest.json").write_text(json.dumps({"recordings": [listed]}))
    done = subprocess.run(
        [
            *(sys.executable, "-m", "local", "--folder", str(tmp_path), "rehearse"),
            *("--model", str(MODEL), "--golden", str(golden)),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=800,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "  0 lost\n" in done.stdout
    assert "  0 duplicate\n" in done.stdout
    assert "BROKEN" not in done.stdout
    told = {line.split()[2] for line in done.stdout.splitlines() if " s  " in line[:12]}
    assert told == SEEN | PLAYED
    assert ", attempt 2\n" in done.stdout
    assert not left_behind(tmp_path)


def test_report_with_a_broken_promise_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    """One broken promise is enough."""
    report = Report()
    report.check("nothing is lost", "0 lost", kept=True)
    assert report.kept
    report.check("nothing is done twice", "1 duplicate", kept=False)
    assert not report.kept
    report.print()
    kept, broken = capsys.readouterr().out.splitlines()
    assert kept.split() == ["ok", "nothing", "is", "lost", "0", "lost"]
    assert broken.startswith("  BROKEN  nothing is done twice ")
