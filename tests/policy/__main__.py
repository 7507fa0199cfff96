"""`python -m tests.policy` runs every pack on every environment and prints a table of the findings."""

import sys
import tempfile
from pathlib import Path

from stacks.environments import emulated, environments
from tests.policy.exceptions import EXCEPTIONS
from tests.policy.findings import CHECKOV, Pack, examine
from tests.policy.verdict import judge


def main() -> int:
    """Print the table and the errors; return 1 if there is an error."""
    if not CHECKOV.exists():
        sys.exit(f"{CHECKOV} is missing; `make policy` installs it")
    everything = (*environments(), emulated())
    with tempfile.TemporaryDirectory() as folder:
        examination = examine(everything, tuple(Pack), Path(folder))
    verdict = judge(examination.findings, EXCEPTIONS, everything)
    print(verdict.table(tuple(Pack), tuple(environment.name for environment in everything)))
    wrong = [
        *(f"unexpected: {f.pack} {f.control} at {f.environment}/{f.resource}" for f in verdict.unexpected),
        *(f"exception no longer needed: {line}" for line in verdict.unneeded),
        *(f"acknowledgement no longer needed: {line}" for line in examination.acknowledged.unneeded),
    ]
    print("\n".join(wrong) if wrong else "No unexpected finding, and every exception is needed.")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
