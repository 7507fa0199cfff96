"""`make audit`: known vulnerabilities in the locked packages, reported by pip-audit.

pip-audit skips a package if its vulnerability service has no data about it. It is therefore first run on a release with a
known vulnerability: if it does not report that one, the audit is incomplete, which counts as failure.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
LOCKS = (
    "service/requirements.txt",
    "requirements.txt",
    "requirements-dev.txt",
    "demo/recording/requirements.txt",
    "benchmarks/requirements.txt",
    "benchmarks/http/requirements.txt",
    "tests/policy/requirements.txt",
)
CONTROL = "urllib3==1.26.4"

Answer = Mapping[str, Any]
Ask = Callable[[Path], Answer]


class AuditIncomplete(Exception):
    """The vulnerability service did not answer for every package; the message is the reason, in one line."""


def ask(requirements: Path) -> Answer:
    """The report of pip-audit on the packages that a file pins, which it does not install.

    Raises:
        AuditIncomplete: pip-audit wrote no report.
    """
    program = Path(sys.executable).with_name("pip-audit")
    options = ["--disable-pip", "--no-deps", "--progress-spinner=off", "--format=json", f"--requirement={requirements}"]
    done = subprocess.run([program, *options], capture_output=True, text=True, check=False)
    try:
        answer: Answer = json.loads(done.stdout)
    except ValueError:
        raise AuditIncomplete((done.stderr.strip().splitlines() or ["pip-audit wrote nothing"])[-1]) from None
    return answer


def known(answer: Answer) -> list[str]:
    """A line for each vulnerability in a report.

    Raises:
        AuditIncomplete: pip-audit skipped a package.
    """
    for package in answer["dependencies"]:
        if "skip_reason" in package:
            raise AuditIncomplete(package["skip_reason"])
    return [
        f"{package['name']} {package['version']}: {found['id']}, fixed in {', '.join(found['fix_versions']) or 'none yet'}"
        for package in answer["dependencies"]
        for found in package["vulns"]
    ]


def _expect_vulnerabilities(known: Sequence[str]) -> None:
    if not known:
        raise AuditIncomplete(f"got no vulnerability of {CONTROL}, which has known ones")


def main(locks: Sequence[str] = LOCKS, *, ask: Ask = ask) -> int:
    """Print the vulnerabilities; return 0 if there are none, 1 if there are any, 2 if the audit is incomplete."""
    try:
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as control:
            control.write(CONTROL + "\n")
            control.flush()
            _expect_vulnerabilities(known(ask(Path(control.name))))
        found = {lock: known(ask(ROOT / lock)) for lock in locks}
    except AuditIncomplete as reason:
        print(f"audit: incomplete, which counts as failure: {reason}", file=sys.stderr)
        return 2
    for lock, lines in found.items():
        print(f"{lock}: {len(lines)} known")
        for line in lines:
            print(f"  {line}")
    return 1 if any(found.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
