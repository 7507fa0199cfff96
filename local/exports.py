"""The commands that direct a shell to a running cloud: the AWS command line, `python -m service jobs` and curl."""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local.cloud import Cloud
from local.emulator import HOST
from local.errors import LocalError

# A profile or a session of a real account would be mixed with the emulator's credentials.
UNSET = ("AWS_PROFILE", "AWS_SESSION_TOKEN")
# Version 1 of the AWS command line ignores AWS_ENDPOINT_URL for SQS.
COMMAND_LINE = 'aws() { command aws --endpoint-url "$AWS_ENDPOINT_URL" "$@"; }'


def exports(cloud: Cloud) -> str:
    """The commands, one a line, for any POSIX shell."""
    named = cloud.operator | {
        # The names that the pages about HTTP and the runbooks use.
        "API": cloud.url,
        "KEY": cloud.key,
        "QUEUE": cloud.queue,
        "DEAD_LETTERS": cloud.dead_letters,
        "NO_PROXY": HOST,
        "no_proxy": HOST,
    }
    variables = (f"export {name}={shlex.quote(value)}" for name, value in named.items())
    return "\n".join((f"unset {' '.join(UNSET)}", *variables, COMMAND_LINE))


@contextmanager
def exported(cloud: Cloud, file: Path) -> Iterator[None]:
    """A file with the commands, for its owner alone; it is deleted at the end of the block, as the cloud is.

    Raises:
        LocalError: the file cannot be written.
    """
    try:
        file.touch(mode=0o600)
        file.write_text(f"{exports(cloud)}\n")
    except OSError as error:
        raise LocalError(f"--exports: got '{file}', expected a file to write to ({error.strerror})") from None
    try:
        yield
    finally:
        file.unlink(missing_ok=True)
