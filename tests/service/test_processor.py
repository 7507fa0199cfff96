"""CPUs and number format of the processor."""

import platform
import re
from pathlib import Path

import pytest

from service import processor


@pytest.mark.parametrize(
    ("machine", "flags", "expected"),
    [
        ("x86_64", "fpu avx2 avx512f avx512_vnni", "int8"),
        ("x86_64", "fpu avx2 avx_vnni", "int8"),
        ("x86_64", "fpu avx2 avx512f", "float32"),
        ("x86_64", "fpu avx2", "float32"),
        ("aarch64", "", "int8"),
    ],
)
def test_auto_is_int8_only_if_it_does_not_overflow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, machine: str, flags: str, expected: str
) -> None:
    """Without 32-bit sums of 8-bit products, `auto` computes in float32: speed is not worth wrong words."""
    monkeypatch.setattr(platform, "machine", lambda: machine)
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"processor\t: 0\nmodel name\t: avx512_vnni\nflags\t\t: {flags}\nbugs\t\t: sysret\n")
    assert processor.number_format("auto", cpuinfo) == expected


@pytest.mark.parametrize(
    ("machine", "flags", "expected"),
    [
        ("x86_64", "fpu avx2 avx512_vnni amx_bf16 amx_int8", "AMX"),
        ("x86_64", "fpu avx2 avx512_vnni", "VNNI"),
        ("x86_64", "fpu avx2 avx512f", "AVX-512"),
        ("x86_64", "fpu avx2", "AVX2"),
        ("x86_64", "fpu", "x86_64"),
        ("aarch64", "\nCPU part\t: 0xd0c", "Neoverse-N1"),
        ("aarch64", "\nCPU part\t: 0xd40", "Neoverse-V1"),
        ("aarch64", "", "aarch64"),
    ],
)
def test_kind_of_processor_follows_its_instructions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, machine: str, flags: str, expected: str
) -> None:
    """Measurements of one kind hold for another machine of that kind."""
    monkeypatch.setattr(platform, "machine", lambda: machine)
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"processor\t: 0\nflags\t\t: {flags}\n")
    assert processor.kind(cpuinfo) == expected


def test_named_format_overrides_the_processor() -> None:
    """Benchmarks measure a format on any processor."""
    assert [processor.number_format(name) for name in ("int8", "float32")] == ["int8", "float32"]


@pytest.mark.parametrize(
    ("files", "quota"),
    [
        ({"cpu.max": "200000 100000\n"}, 2.0),
        ({"cpu.max": "50000 100000\n"}, 0.5),
        ({"cpu.max": "max 100000\n"}, None),
        ({"cpu/cpu.cfs_quota_us": "400000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 4.0),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None),
        ({}, None),
    ],
)
def test_cpu_quota_follows_the_control_group(tmp_path: Path, files: dict[str, str], quota: float | None) -> None:
    """Limits of cgroup v2 and v1, none, and no cgroup at all."""
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert processor.cpu_quota(tmp_path) == quota


def test_half_a_cpu_still_gives_one_thread(tmp_path: Path) -> None:
    """A quota is rounded down to whole CPUs, but not to zero."""
    (tmp_path / "cpu.max").write_text("50000 100000\n")
    assert processor.available_cpus(tmp_path) == 1


@pytest.mark.parametrize(
    ("files", "limit"),
    [
        ({"memory.max": "1073741824\n"}, 1 << 30),
        ({"memory/memory.limit_in_bytes": "1073741824\n"}, 1 << 30),
        ({"memory.max": "max\n"}, None),
        ({"memory/memory.limit_in_bytes": "9223372036854771712\n"}, None),
        ({}, None),
    ],
)
def test_memory_limit_is_that_of_the_control_group_or_the_machine(
    tmp_path: Path, files: dict[str, str], limit: int | None
) -> None:
    """Without a limit, cgroup v1 writes a number beyond any machine."""
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    total = re.search(r"^MemTotal: +(\d+) kB", Path("/proc/meminfo").read_text(), re.MULTILINE)
    assert total
    assert processor.memory_limit(tmp_path) == (limit or int(total[1]) * 1024)
