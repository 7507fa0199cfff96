"""Lets a process see an older processor than the machine's: without AMX, without VNNI, or without AVX-512.

Two things are hidden: bits that the CPUID instruction returns, which every library reads, and the flags of
`/proc/cpuinfo`, which the service reads. `python -m benchmarks.speed.hidden` shows which kernels the libraries choose.
"""

import ctypes
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SOURCE = Path(__file__).parent / "hide.c"
CPUINFO = Path("/proc/cpuinfo")
_CLONE_NEWNS, _CLONE_NEWUSER = 0x00020000, 0x10000000
_MS_BIND, _MS_REC, _MS_PRIVATE = 0x1000, 0x4000, 0x40000

# Leaf, subleaf, register (EAX, EBX, ECX, EDX) and bit of each flag, under Linux's names.
_BITS = {
    "amx_bf16": (7, 0, 3, 22),
    "amx_tile": (7, 0, 3, 24),
    "amx_int8": (7, 0, 3, 25),
    "amx_fp16": (7, 1, 0, 21),
    "avx10": (7, 1, 3, 19),
    "avx_vnni": (7, 1, 0, 4),
    "avx_vnni_int8": (7, 1, 3, 4),
    "avx512_bf16": (7, 1, 0, 5),
    "avx512_fp16": (7, 0, 3, 23),
    "avx512_vnni": (7, 0, 2, 11),
    "avx512vbmi": (7, 0, 2, 1),
    "avx512_vbmi2": (7, 0, 2, 6),
    "avx512_bitalg": (7, 0, 2, 12),
    "avx512_vpopcntdq": (7, 0, 2, 14),
    "gfni": (7, 0, 2, 8),
    "vaes": (7, 0, 2, 9),
    "vpclmulqdq": (7, 0, 2, 10),
    "avx512ifma": (7, 0, 1, 21),
    "avx512f": (7, 0, 1, 16),
    "avx512dq": (7, 0, 1, 17),
    "avx512cd": (7, 0, 1, 28),
    "avx512bw": (7, 0, 1, 30),
    "avx512vl": (7, 0, 1, 31),
}
_NEWEST = ("amx_bf16", "amx_tile", "amx_int8", "amx_fp16", "avx10", "avx_vnni_int8", "avx512_bf16", "avx512_fp16")
_VNNI = ("avx_vnni", "avx512_vnni", "avx512vbmi", "avx512_vbmi2", "avx512_bitalg", "avx512_vpopcntdq")
# What a process still sees, and the hidden flags.
LEVELS: dict[str, tuple[str, ...]] = {
    "VNNI": (*_NEWEST, "avx_vnni"),
    "AVX-512": (*_NEWEST, *_VNNI, "avx512ifma", "gfni", "vaes", "vpclmulqdq"),
    "AVX2": tuple(_BITS),
}


class CannotHide(Exception):
    """Features cannot be hidden on this machine; the message says why."""


class _Mask(ctypes.Structure):
    _fields_ = (("leaf", ctypes.c_uint32), ("subleaf", ctypes.c_uint32), ("hidden", ctypes.c_uint32 * 4))


def build(folder: Path) -> Path:
    """Compile the library.

    Raises:
        CannotHide: there is no C compiler, or the processor is not an x86 one with Linux.
    """
    library = folder / "hide.so"
    compiler = shutil.which("cc") or shutil.which("gcc")
    if not compiler:
        raise CannotHide("there is no C compiler")
    command = [compiler, "-O2", "-Wall", "-Werror", "-shared", "-fPIC", "-o", str(library), str(SOURCE)]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode:
        raise CannotHide(f"the library does not compile: {made.stderr.strip()}")
    return library


def masks(level: str) -> list[tuple[int, int, list[int]]]:
    """The hidden bits of a level: leaf, subleaf, and the bits of the four registers."""
    found: dict[tuple[int, int], list[int]] = {}
    for flag in LEVELS[level]:
        leaf, subleaf, register, bit = _BITS[flag]
        found.setdefault((leaf, subleaf), [0, 0, 0, 0])[register] |= 1 << bit
    return [(leaf, subleaf, bits) for (leaf, subleaf), bits in found.items()]


def without_flags(cpuinfo: str, level: str) -> str:
    r"""The text of `/proc/cpuinfo` without a level's hidden flags.

    >>> without_flags("flags\t\t: avx2 avx512f\nbugs\t\t: spectre_v1\n", "AVX2")
    'flags\t\t: avx2\nbugs\t\t: spectre_v1\n'
    """
    hidden = set(LEVELS[level])

    def shown(line: re.Match[str]) -> str:
        return line[1] + " ".join(flag for flag in line[2].split() if flag not in hidden)

    return re.sub(r"^(flags\s*: )(.*)$", shown, cpuinfo, flags=re.MULTILINE)


def hide(level: str, library: Path) -> None:
    """Hide features from this process and its threads. Must run before other libraries are loaded.

    Raises:
        CannotHide: the system does not allow it.
    """
    _cover_cpuinfo(level)
    wanted = masks(level)
    array = (_Mask * len(wanted))(
        *(_Mask(leaf, subleaf, (ctypes.c_uint32 * 4)(*bits)) for leaf, subleaf, bits in wanted)
    )
    if ctypes.CDLL(str(library)).hide(array, len(wanted)):
        raise CannotHide("this processor, or its hypervisor, does not let CPUID fault")


def _cover_cpuinfo(level: str) -> None:
    """Put another file over `/proc/cpuinfo`, in a mount namespace of this process's own."""
    libc = ctypes.CDLL(None, use_errno=True)
    user, group = os.getuid(), os.getgid()
    text = without_flags(CPUINFO.read_text(), level)
    if libc.unshare(_CLONE_NEWNS) and libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNS) == 0:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {user} 1")
        Path("/proc/self/gid_map").write_text(f"0 {group} 1")
    with tempfile.NamedTemporaryFile("w", suffix="-cpuinfo") as file:
        file.write(text)
        file.flush()
        failed = libc.mount(b"none", b"/", None, _MS_REC | _MS_PRIVATE, None) or libc.mount(
            file.name.encode(), bytes(CPUINFO), None, _MS_BIND, None
        )
    if failed:
        raise CannotHide(f"/proc/cpuinfo cannot be covered: {os.strerror(ctypes.get_errno())}")


# CTranslate2, MKL and oneDNN tell their choice in a log line, OpenVINO in its compiled model.
_SHOWN = re.compile(r"CPU: |Selected ISA|MKL_VERBOSE oneMKL|onednn_verbose.*,isa:|OpenVINO")
_PROBE = """
import sys
from pathlib import Path
from benchmarks.speed import hidden
level, library = sys.argv[1:]
if level != "all":
    hidden.hide(level, Path(library))
from benchmarks.speed.peers import encoders, roofline
print("OpenVINO:", roofline.kernels(threads=1))
encoders.load(engine="faster-whisper", threads=1, windows=1)([])
"""


def main() -> int:
    """Print, for each level, the kernels that the libraries choose."""
    verbose = {"CT2_VERBOSE": "1", "MKL_VERBOSE": "1", "ONEDNN_VERBOSE": "1"}
    with tempfile.TemporaryDirectory() as folder:
        library = build(Path(folder))
        for level in ("all", *LEVELS):
            command = [sys.executable, "-c", _PROBE, level, str(library)]
            ran = subprocess.run(command, capture_output=True, text=True, env=os.environ | verbose, check=False)
            lines = (ran.stdout + ran.stderr).splitlines()
            shown = [line.strip()[:250] for line in lines if _SHOWN.search(line)] if not ran.returncode else lines[-3:]
            print("\n".join([f"{level}:", *(f"  {line}" for line in dict.fromkeys(shown))]), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
