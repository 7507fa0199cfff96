"""Runs a function in a child process that may crash, hang or exhaust its memory without harm to the service.

FFmpeg reads files of strangers. Therefore it runs with limits on memory, time and disk, and cannot open a file or a
socket. The function reads one file, writes another and answers in JSON: the parent unpickles nothing of the child's.
"""

import errno
import fcntl
import json
import multiprocessing
import os
import resource
import signal
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.reduction import DupFd
from pathlib import Path
from typing import Any, BinaryIO

from service import errors
from service.errors import DecoderFailed, DecoderMemory, DecoderTimeout, DiskFull, RequestError, ServiceError

# The parent kills a child that is late; if the parent is gone, the kernel does, this much later.
GRACE_SECONDS = 5
MAX_REPLY_BYTES = 1 << 20

# Children fork from a small server that has imported the function's module: that takes milliseconds, and they inherit
# neither threads nor model weights.
_processes = multiprocessing.get_context("forkserver")

# Reads its first argument and writes its second; the answer that it returns must be JSON.
ChildFunction = Callable[[BinaryIO, BinaryIO, Any], dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits on a child: bytes of memory beyond the bare process, seconds of clock and of CPU, bytes written."""

    memory_bytes: int
    seconds: int
    file_bytes: int


def run(
    function: ChildFunction, *, source: BinaryIO, target: BinaryIO, argument: Any, limits: Limits
) -> dict[str, Any]:
    """Run `function(source, target, argument)` in a child process and return its answer; blocks.

    Raises:
        RequestError: the function raised it.
        DecoderFailed, DecoderTimeout, DecoderMemory: the child crashed or reached a limit.
        DiskFull: the child ran out of disk space.
    """
    _processes.set_forkserver_preload([__name__, function.__module__])
    receiver, sender = multiprocessing.Pipe(duplex=False)
    files = (_Handover(source.fileno()), _Handover(target.fileno()))
    child = _processes.Process(target=_child, args=(function, *files, argument, sender, limits), daemon=True)
    with receiver:
        with sender:
            child.start()
        try:
            if not receiver.poll(limits.seconds):
                raise DecoderTimeout(limit=limits.seconds)
            reply = json.loads(receiver.recv_bytes(MAX_REPLY_BYTES))
        except EOFError:
            child.join(GRACE_SECONDS)
            raise _death(child.exitcode, limits) from None
        finally:
            child.kill()
            child.join()
            child.close()
    if "failure" in reply:
        raise _rebuilt(reply["failure"], limits)
    answer: dict[str, Any] = reply["answer"]
    return answer


def _death(exit_code: int | None, limits: Limits) -> ServiceError:
    """The error for a child that ended without an answer."""
    if exit_code in (-signal.SIGXCPU, -signal.SIGALRM):
        return DecoderTimeout(limit=limits.seconds)
    return DecoderFailed(exit_code=exit_code)


def _rebuilt(failure: dict[str, Any], limits: Limits) -> ServiceError:
    """The error that a child reports."""
    match failure["kind"]:
        case "MemoryError":
            return DecoderMemory(limit=limits.memory_bytes)
        case "OSError":
            # Not the recording's fault: the same request works once there is space again.
            return DiskFull(purpose="decode")
        case kind:
            error: ServiceError = getattr(errors, kind)(**failure["arguments"])
            return error


class _Handover:
    """Passes an open file to a child process, where it arrives as a descriptor."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def __reduce__(self) -> tuple[Callable[[Any], int], tuple[Any]]:
        return _take, (DupFd(self._descriptor),)


def _take(handed: Any) -> int:
    return int(handed.detach())


def _child(
    function: ChildFunction, source: int, target: int, argument: Any, sender: Connection, limits: Limits
) -> None:
    _confine(limits)
    reply: dict[str, Any]
    try:
        with os.fdopen(source, "rb") as source_file, os.fdopen(target, "wb") as target_file:
            reply = {"answer": function(source_file, target_file, argument)}
    except RequestError as error:
        reply = {"failure": {"kind": type(error).__name__, "arguments": error.arguments}}
    except MemoryError:
        reply = {"failure": {"kind": "MemoryError"}}
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        reply = {"failure": {"kind": "OSError"}}
    sender.send_bytes(json.dumps(reply).encode())


def _confine(limits: Limits) -> None:
    """Apply the limits to this process, and forbid it to open files and sockets."""
    os.setsid()
    parent = multiprocessing.parent_process()
    if parent is not None:
        # The kernel ends this process when the pipe to its parent breaks, whatever the function is doing.
        fcntl.fcntl(parent.sentinel, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(parent.sentinel, fcntl.F_SETFL, fcntl.fcntl(parent.sentinel, fcntl.F_GETFL) | os.O_ASYNC)
    signal.setitimer(signal.ITIMER_REAL, limits.seconds + GRACE_SECONDS)
    mapped_pages = int(Path("/proc/self/statm").read_text().split()[0])
    for kind, wanted in (
        (resource.RLIMIT_AS, mapped_pages * resource.getpagesize() + limits.memory_bytes),
        (resource.RLIMIT_CPU, limits.seconds),
        (resource.RLIMIT_FSIZE, limits.file_bytes),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_NOFILE, 0),  # descriptors that are open stay open
    ):
        hard = resource.getrlimit(kind)[1]
        limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(kind, (limit, limit))
