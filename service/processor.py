"""The processor that the service runs on: its CPUs, and the number format that it computes exactly."""

import os
import platform
import re
from pathlib import Path

from service.settings import ANY_EXACT

CGROUP = Path("/sys/fs/cgroup")
CPUINFO = Path("/proc/cpuinfo")
# x86's names for instructions that add products of 8-bit numbers in 32 bits.
DOT_PRODUCTS = {"avx512_vnni", "avx_vnni"}


def number_format(wanted: str, cpuinfo: Path = CPUINFO) -> str:
    """The number format to compute in: the wanted one, or for `auto` the fastest that this processor computes exactly.

    x86 processors without VNNI add pairs of 8-bit products in 16 bits, which overflow: the model then returns wrong
    words. Arm's instructions add in 32 bits.
    """
    if wanted != ANY_EXACT:
        return wanted
    if platform.machine() not in {"x86_64", "AMD64"}:
        return "int8"
    flags = re.search(r"^flags\s*:(.*)$", cpuinfo.read_text(), re.MULTILINE)
    return "int8" if flags and DOT_PRODUCTS & set(flags[1].split()) else "float32"


def available_cpus(cgroup: Path = CGROUP) -> int:
    """The whole CPUs that this process may use: its affinity, limited by the container's quota; at least one."""
    cpus = len(os.sched_getaffinity(0))
    quota = cpu_quota(cgroup)
    return cpus if quota is None else max(1, min(cpus, int(quota)))


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
