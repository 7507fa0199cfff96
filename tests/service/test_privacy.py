"""Nothing is told to anybody but the caller."""

import os
import subprocess
import sys
from pathlib import Path

from demo.server import ROOT
from demo.truth import DEMO

# The library keeps quiet by itself where one of these says that nobody is listening.
QUIET = {"CI", "ORT_DISABLE_TELEMETRY", "ORT_RUNNING_UNIT_TESTS", "GITHUB_ACTIONS"}


def files_after(tmp_path: Path, *command: str) -> list[str]:
    """What a process leaves where it keeps temporary files."""
    inherited = {name: value for name, value in os.environ.items() if name not in QUIET}
    environ = inherited | {"TMPDIR": str(tmp_path), "HOME": str(tmp_path)}
    subprocess.run([sys.executable, *command], cwd=ROOT, env=environ, check=True, capture_output=True)
    return [path.name for path in tmp_path.rglob("*") if path.is_file()]


def test_libraries_do_not_report_what_the_service_does(tmp_path: Path) -> None:
    """ONNX Runtime opens a telemetry session, with a file for its identity, unless it is told not to in time."""
    assert files_after(tmp_path, "-m", "service", "transcribe", str(DEMO / "calls" / "voicemail.wav")) == []


def test_session_file_is_what_a_report_would_leave(tmp_path: Path) -> None:
    """The test above can fail: the library by itself leaves the file."""
    assert ".ses" in files_after(tmp_path, "-c", "import faster_whisper.vad as v; v.get_vad_model()")
