"""Functions that hang, crash or take too much memory, in their guarded process."""

import ctypes
import errno
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from service.errors import AudioTooLong, RetryLater, ServiceError, UnusableAudio
from service.recording import guard

LIMITS = guard.Limits(memory_bytes=134_217_728, seconds=20, file_bytes=1_000_000)


def copy(source: BinaryIO, target: BinaryIO, times: int) -> dict[str, Any]:
    """Copy the source so many times."""
    content = source.read()
    target.write(content * times)
    return {"bytes": len(content) * times}


def refuse(source: BinaryIO, target: BinaryIO, argument: Any) -> dict[str, Any]:  # noqa: ARG001
    """Refuse the file."""
    raise AudioTooLong(seconds=9, limit=8)


def crash(source: BinaryIO, target: BinaryIO, argument: Any) -> dict[str, Any]:  # noqa: ARG001
    """Read at address 0."""
    ctypes.string_at(0)
    return {}


def hang(source: BinaryIO, target: BinaryIO, argument: Any) -> dict[str, Any]:  # noqa: ARG001
    """Write the process id, then sleep."""
    target.write(str(os.getpid()).encode())
    target.flush()
    time.sleep(60)
    return {}


def spin(source: BinaryIO, target: BinaryIO, argument: Any) -> dict[str, Any]:  # noqa: ARG001
    """Hold the interpreter lock: no thread and no Python signal handler can run."""
    return {"never": 10 ** (10**9)}


def exhaust_memory(source: BinaryIO, target: BinaryIO, argument: Any) -> dict[str, Any]:  # noqa: ARG001
    """Take a gigabyte."""
    return {"bytes": len(bytearray(1 << 30))}


def open_file_and_socket(source: BinaryIO, target: BinaryIO, argument: Any) -> dict[str, Any]:  # noqa: ARG001
    """Try to open a file and a socket."""
    answer = {}
    for attempt in (Path(__file__).read_bytes, socket.socket):
        try:
            attempt()
        except OSError as error:
            answer[attempt.__name__] = errno.errorcode[error.errno or 0]
    return answer


def run(
    function: guard.ChildFunction, folder: Path, *, argument: Any = None, limits: guard.Limits = LIMITS
) -> dict[str, Any]:
    """Run a function on a file that contains "hello"."""
    (folder / "source").write_bytes(b"hello")
    with (folder / "source").open("rb") as source, (folder / "target").open("wb+") as target:
        return guard.run(function, source=source, target=target, argument=argument, limits=limits)


def test_function_reads_writes_and_answers(tmp_path: Path) -> None:
    """The child uses the files that its parent opened."""
    assert run(copy, tmp_path, argument=3) == {"bytes": 15}
    assert (tmp_path / "target").read_bytes() == b"hello" * 3


def test_error_of_the_child_is_rebuilt_in_the_parent(tmp_path: Path) -> None:
    """The parent raises the same class with the same values."""
    with pytest.raises(AudioTooLong) as refusal:
        run(refuse, tmp_path)
    assert str(refusal.value) == "file: the recording is too long (got '9 s or more'); expected at most 8 s"
    assert (refusal.value.code, refusal.value.status) == ("audio_too_long", 413)


@pytest.mark.parametrize(
    ("function", "limits", "code"),
    [
        (crash, LIMITS, "decoder_failed"),
        (hang, guard.Limits(memory_bytes=134_217_728, seconds=1, file_bytes=1000), "decoder_timeout"),
        (spin, guard.Limits(memory_bytes=1 << 40, seconds=1, file_bytes=1000), "decoder_timeout"),
        (exhaust_memory, LIMITS, "decoder_memory"),
    ],
)
def test_child_dies_and_parent_lives(
    tmp_path: Path, function: guard.ChildFunction, limits: guard.Limits, code: str
) -> None:
    """However the child ends, the caller soon gets a clear error, and the next child works."""
    start = time.monotonic()
    with pytest.raises(UnusableAudio) as refusal:
        run(function, tmp_path, limits=limits)
    assert time.monotonic() - start < 10
    assert (refusal.value.code, refusal.value.field) == (code, "file")
    assert refusal.value.value
    assert refusal.value.expected
    assert run(copy, tmp_path, argument=1) == {"bytes": 5}


def test_hanging_child_is_gone(tmp_path: Path) -> None:
    """The deadline kills the process and does not only stop waiting for it."""
    with pytest.raises(UnusableAudio):
        run(hang, tmp_path, limits=guard.Limits(memory_bytes=1 << 30, seconds=4, file_bytes=1000))
    assert not alive(int((tmp_path / "target").read_text()))


def test_child_can_open_no_file_and_no_socket(tmp_path: Path) -> None:
    """An attacker who takes over the decoder can neither read files nor send data."""
    assert run(open_file_and_socket, tmp_path) == {"read_bytes": "EMFILE", "socket": "EMFILE"}


def test_child_cannot_fill_the_disk(tmp_path: Path) -> None:
    """It can write as many bytes as the longest recording has, and no more."""
    with pytest.raises(UnusableAudio):
        run(copy, tmp_path, argument=1_000_000)
    assert (tmp_path / "target").stat().st_size <= LIMITS.file_bytes


def test_full_disk_is_a_fault_of_the_service(tmp_path: Path) -> None:
    """The caller may repeat the request later."""
    (tmp_path / "source").write_bytes(b"hello")
    with (
        (tmp_path / "source").open("rb") as source,
        Path("/dev/full").open("wb") as target,
        pytest.raises(RetryLater) as refusal,
    ):
        guard.run(copy, source=source, target=target, argument=1, limits=LIMITS)
    assert isinstance(refusal.value, ServiceError)
    assert (refusal.value.code, refusal.value.status) == ("disk_full", 503)


def test_child_dies_with_its_parent(tmp_path: Path) -> None:
    """A service that is killed leaves no decoder running."""
    (tmp_path / "source").touch()
    script = (
        "import sys; from pathlib import Path; from tests.service.recording import test_guard as t\n"
        "folder = Path(sys.argv[1])\n"
        "t.run(t.hang, folder, limits=t.LIMITS)"
    )
    parent = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)])
    child = int(eventually(lambda: (tmp_path / "target").exists() and (tmp_path / "target").read_text()))
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    assert child
    assert eventually(lambda: not alive(child))


def alive(process: int) -> bool:
    """Whether a process is running."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def eventually(condition: Any, *, seconds: float = 10) -> Any:
    """The first true value of the condition; a false one if there is none in time."""
    deadline = time.monotonic() + seconds
    while not (value := condition()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return value
