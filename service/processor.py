"""The processor that the service runs on: its CPUs, and the number format that it computes exactly."""

import ctypes
import os
import platform
import re
from pathlib import Path

from service.settings import ANY_EXACT, Settings

CGROUP = Path("/sys/fs/cgroup")
CPUINFO = Path("/proc/cpuinfo")
X86 = {"x86_64", "AMD64"}
# glibc's numbers of M_ARENA_MAX, M_MMAP_THRESHOLD and M_TRIM_THRESHOLD, in malloc.h.
ARENA_MAX, MMAP_THRESHOLD, TRIM_THRESHOLD = -8, -3, -1
# x86's names for instructions that add products of 8-bit numbers in 32 bits.
DOT_PRODUCTS = {"avx512_vnni", "avx_vnni"}
# Arm's numbers of its cores, of which Graviton 2, 3 and 4 consist.
ARM_CORES = {"0xd0c": "Neoverse-N1", "0xd40": "Neoverse-V1", "0xd4f": "Neoverse-V2"}


def number_format(wanted: str, cpuinfo: Path = CPUINFO) -> str:
    """The number format to compute in: the wanted one, or for `auto` the fastest that this processor computes exactly.

    x86 processors without VNNI add pairs of 8-bit products in 16 bits, which overflow: the model then returns wrong
    words. Arm's instructions add in 32 bits.
    """
    if wanted != ANY_EXACT:
        return wanted
    if platform.machine() not in X86:
        return "int8"
    return "int8" if DOT_PRODUCTS & instructions(cpuinfo) else "float32"


def instructions(cpuinfo: Path = CPUINFO) -> frozenset[str]:
    """The names of an x86 processor's features, as Linux lists them; empty on other processors."""
    if platform.machine() not in X86:
        return frozenset()
    flags = re.search(r"^flags\s*:(.*)$", cpuinfo.read_text(), re.MULTILINE)
    return frozenset(flags[1].split()) if flags else frozenset()


def available_cpus(cgroup: Path = CGROUP) -> int:
    """The whole CPUs that this process may use: its affinity, limited by the container's quota; at least one."""
    cpus = len(os.sched_getaffinity(0))
    quota = cpu_quota(cgroup)
    return cpus if quota is None else max(1, min(cpus, int(quota)))


def kind(cpuinfo: Path = CPUINFO) -> str:
    """The kind of processor, by what makes it fast or slow.

    Of x86 the best instructions that the engine uses: `AMX`, `VNNI`, `AVX-512` or `AVX2`; of Arm the core, such as
    `Neoverse-V1`; of others the architecture.
    """
    if platform.machine() not in X86:
        part = re.search(r"^CPU part\s*:\s*(\w+)", cpuinfo.read_text(), re.MULTILINE)
        return ARM_CORES.get(part[1] if part else "", platform.machine())
    found = instructions(cpuinfo)
    if "amx_bf16" in found:
        return "AMX"
    if DOT_PRODUCTS & found:
        return "VNNI"
    return next(
        (kind for flag, kind in (("avx512f", "AVX-512"), ("avx2", "AVX2")) if flag in found), platform.machine()
    )


def name(cpuinfo: Path = CPUINFO) -> str:
    """The processor's model, or its architecture if Linux does not name it."""
    named = re.search(r"^model name\s*:\s*(.*)$", cpuinfo.read_text(), re.MULTILINE)
    return named[1] if named else platform.machine()


def threads(settings: Settings) -> int:
    """The threads that inference may use."""
    return settings.threads or available_cpus()


def workers(settings: Settings) -> int:
    """The batches that run at once: as set, but no more than there are threads."""
    return min(settings.workers or threads(settings), threads(settings))


def share_memory() -> None:
    """Let all threads allocate from one arena: each would keep what it freed in one of its own."""
    _set_allocator(ARENA_MAX, 1)


def reuse_memory() -> None:
    """Let the C library keep freed memory for the next batch instead of returning it to the system and faulting it in.

    It saves a sixth of the decoder's time. Memory from before goes back first: loading a model takes more than using it.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "malloc_trim"):
        libc.malloc_trim(0)
    _set_allocator(MMAP_THRESHOLD, 1 << 30)
    _set_allocator(TRIM_THRESHOLD, 1 << 29)


def _set_allocator(parameter: int, value: int) -> None:
    """Set a parameter of glibc's allocator; other C libraries have none."""
    if mallopt := getattr(ctypes.CDLL(None), "mallopt", None):
        mallopt(parameter, value)


def memory_limit(cgroup: Path = CGROUP) -> int:
    """Bytes of memory that this process may use: the machine's, or less by cgroup v2's `memory.max` or v1's limit."""
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for file in ("memory.max", "memory/memory.limit_in_bytes"):
        try:
            limit = (cgroup / file).read_text().strip()
        except OSError:
            continue
        return machine if limit == "max" else min(machine, int(limit))
    return machine


def cpu_quota(cgroup: Path) -> float | None:
    """The quota in CPUs, from cgroup v2's `cpu.max` or v1's `cpu.cfs_quota_us`; None if there is no quota."""
    try:
        if (v2 := cgroup / "cpu.max").exists():
            limit, period = v2.read_text().split()
        else:
            limit = (cgroup / "cpu/cpu.cfs_quota_us").read_text().strip()
            period = (cgroup / "cpu/cpu.cfs_period_us").read_text()
    except OSError:
        return None
    return None if limit in {"max", "-1"} else int(limit) / int(period)
