"""`make audit`: what is known against the locked packages, asked by pip-audit.

pip-audit passes a package that its source of data does not answer for. So it is first asked for a release that is known
to be vulnerable: whoever knows nothing of that one could not be asked, which is no pass.
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
    "demo/training/requirements.txt",
    "tests/policy/requirements.txt",
)
CONTROL = "urllib3==1.26.4"

Answer = Mapping[str, Any]
Ask = Callable[[Path], Answer]


class NotAsked(Exception):
    """Nothing is known, because nobody could be asked; says why in one line."""


def ask(requirements: Path) -> Answer:
    """pip-audit's answer for the packages that a file pins; installs nothing.

    Raises:
        NotAsked: it gave none.
    """
    program = Path(sys.executable).with_name("pip-audit")
    options = ["--disable-pip", "--no-deps", "--progress-spinner=off", "--format=json", f"--requirement={requirements}"]
    done = subprocess.run([program, *options], capture_output=True, text=True, check=False)
    try:
        answer: Answer = json.loads(done.stdout)
    except ValueError:
        raise NotAsked((done.stderr.strip().splitlines() or ["pip-audit said nothing"])[-1]) from None
    return answer


def known(answer: Answer) -> list[str]:
    """A line for each vulnerability in an answer.

    Raises:
        NotAsked: a package was passed over.
    """
    for package in answer["dependencies"]:
        if "skip_reason" in package:
            raise NotAsked(package["skip_reason"])
    return [
        f"{package['name']} {package['version']}: {found['id']}, mended in {', '.join(found['fix_versions']) or 'none yet'}"
        for package in answer["dependencies"]
        for found in package["vulns"]
    ]


def _expect_something(known: Sequence[str]) -> None:
    if not known:
        raise NotAsked(f"nothing is known against {CONTROL}, which is known to be vulnerable")


def main(locks: Sequence[str] = LOCKS, *, ask: Ask = ask) -> int:
    """Print what is known; 0 for nothing, 1 for something, 2 where it could not be asked."""
    try:
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as control:
            control.write(CONTROL + "\n")
            control.flush()
            _expect_something(known(ask(Path(control.name))))
        found = {lock: known(ask(ROOT / lock)) for lock in locks}
    except NotAsked as reason:
        print(f"audit: not asked, which is no pass: {reason}", file=sys.stderr)
        return 2
    for lock, lines in found.items():
        print(f"{lock}: {len(lines)} known")
        for line in lines:
            print(f"  {line}")
    return 1 if any(found.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
