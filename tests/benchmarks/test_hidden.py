"""Processor features that are hidden from a process."""

import platform
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.speed import hidden
from benchmarks.speed.hidden import CannotHide

# Prints the flags, and EBX of leaf 7, by a function that consists of the instruction.
SEEN = """
import ctypes, mmap, sys
from pathlib import Path
from benchmarks.speed import hidden
if sys.argv[1]:
    hidden.hide(sys.argv[1], Path(sys.argv[2]))
page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
page.write(bytes.fromhex("53b80700000031c90fa289d85bc3"))
ebx = ctypes.CFUNCTYPE(ctypes.c_uint32)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()
print(ebx, *hidden.CPUINFO.read_text().partition("flags")[2].partition("\\n")[0].split())
"""


@pytest.mark.parametrize("level", hidden.LEVELS)
def test_a_flag_of_each_level_hides_one_bit(level: str) -> None:
    """Every hidden flag has a bit of its own, so that CPUID and /proc/cpuinfo agree."""
    bits = sum(bits.bit_count() for _, _, registers in hidden.masks(level) for bits in registers)
    assert bits == len(hidden.LEVELS[level]) == len(set(hidden.LEVELS[level]))


def test_older_levels_hide_more() -> None:
    """Each level lacks everything that the newer ones lack."""
    newer, older, oldest = (set(flags) for flags in hidden.LEVELS.values())
    assert newer < older < oldest


@pytest.mark.skipif(platform.machine() != "x86_64", reason="other processors have no CPUID instruction")
def test_a_process_sees_neither_bit_nor_flag(tmp_path: Path) -> None:
    """CPUID and /proc/cpuinfo lose AVX-512 and keep AVX2 in the process, and nothing changes outside."""
    try:
        library = hidden.build(tmp_path)
    except CannotHide as error:
        pytest.skip(str(error))
    before = hidden.CPUINFO.read_text()
    ran = subprocess.run(
        [sys.executable, "-c", SEEN, "AVX2", str(library)], capture_output=True, text=True, check=False
    )
    if "CannotHide" in ran.stderr:
        pytest.skip(ran.stderr.strip().splitlines()[-1])
    register, *flags = ran.stdout.split()
    assert int(register) >> 16 & 1 == 0, "AVX-512 is hidden"
    assert (int(register) >> 5 & 1 == 1) == ("avx2" in before.split()), "AVX2 is not"
    assert not [flag for flag in flags if flag.startswith(("avx512", "amx"))]
    assert ("avx2" in flags) == ("avx2" in before.split())
    assert hidden.CPUINFO.read_text().partition("flags")[2].split()[1:9] == before.partition("flags")[2].split()[1:9]
