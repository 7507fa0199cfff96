"""The weights that an image contains, checked against their recorded digests.

The image's build runs `python -m service.engine.weights MODEL` in a layer that holds only the modules it needs, so
that a change of any other module does not download the model again.
"""

import argparse
import sys
from pathlib import Path

from service.contract import S3_SCHEME
from service.engine import model
from service.errors import LockMismatch, ModelError, ModelNotLocked, NoImageModelFromS3

# A line per model, as `sha256sum` writes it: digest, two spaces, name.
LOCK = Path(__file__).with_name("models.lock")


def lock(name: str, *, file: Path = LOCK) -> str:
    """Record the digest of a model, which is downloaded if it is not available locally.

    Raises:
        ModelError: the model is neither a folder nor a known name, is incomplete, or is unreachable.
    """
    digests = locked(file) | {name: model.digest(model.find(name))}
    file.write_text("".join(f"{digest}  {name}\n" for name, digest in sorted(digests.items())))
    return digests[name]


def locked(file: Path = LOCK) -> dict[str, str]:
    """The recorded digests, by model name."""
    lines = (line.split("  ", 1) for line in file.read_text().splitlines())
    return {name: digest for digest, name in lines}


def fetch(name: str, *, release: bool, file: Path = LOCK) -> None:
    """Make a model available locally: check a folder, or download a named model into the service's cache.

    Raises:
        ModelError: the model cannot be found, or its digest differs from the recorded one or, for a release, is not
            recorded.
    """
    if name.startswith(S3_SCHEME):
        raise NoImageModelFromS3(url=name)
    expected = locked(file).get(name)
    # Before the download, which may take minutes.
    if release and not expected:
        raise ModelNotLocked(model=name, lock=file.name)
    folder = model.find(name)
    if expected and (actual := model.digest(folder)) != expected:
        raise LockMismatch(model=name, lock=file.name, actual=actual, digest=expected)


def main() -> None:
    """The command line of the image's build."""
    parser = argparse.ArgumentParser(
        prog="python -m service.engine.weights", description="Make a model available locally."
    )
    parser.add_argument("name", metavar="MODEL", help="a folder, or a name that the model hub knows")
    parser.add_argument("--release", action="store_true", help="refuse a model without a recorded digest")
    options = parser.parse_args()
    try:
        fetch(options.name, release=options.release)
    except ModelError as error:
        sys.exit(f"whisper-fargate: {error}")


if __name__ == "__main__":
    main()
