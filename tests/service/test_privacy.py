"""Libraries report nothing about the service to their makers."""

import os
import subprocess
import sys
from pathlib import Path

from demo.server import ROOT
from tests.standin import MODEL, VOICEMAIL

# ONNX Runtime disables its telemetry itself if one of these variables is set.
QUIET = {"CI", "ORT_DISABLE_TELEMETRY", "ORT_RUNNING_UNIT_TESTS", "GITHUB_ACTIONS"}


def files_after(tmp_path: Path, *command: str) -> list[str]:
    """The files that a process leaves in its folder for temporary files."""
    inherited = {name: value for name, value in os.environ.items() if name not in QUIET}
    environ = inherited | {"WHISPER_MODEL": str(MODEL), "TMPDIR": str(tmp_path), "HOME": str(tmp_path)}
    subprocess.run([sys.executable, *command], cwd=ROOT, env=environ, check=True, capture_output=True)
    return [path.name for path in tmp_path.rglob("*") if path.is_file()]


def test_service_starts_no_telemetry_session(tmp_path: Path) -> None:
    """Neither inference nor the model hub's client keeps a file about its use."""
    assert files_after(tmp_path, "-m", "service", "transcribe", str(VOICEMAIL)) == []


def test_telemetry_session_would_leave_a_file(tmp_path: Path) -> None:
    """The test above can fail: ONNX Runtime, which the service does not use, leaves a file with its session's id."""
    assert ".ses" in files_after(tmp_path, "-c", "import faster_whisper.vad as v; v.get_vad_model()")
