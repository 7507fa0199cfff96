"""The weights that an image brings: found as the service finds them, and held against their recorded digests.

The image's build runs this room alone, as `python -m service.engine.weights MODEL`, so that a change of any other room
does not download a model again.
"""

import argparse
import sys
from pathlib import Path

from service.contract import S3_SCHEME
from service.engine import model
from service.errors import LockMismatch, ModelError, ModelNotLocked, NoImageModelFromS3

# A line for each model, as `sha256sum` writes them: its digest and its name.
LOCK = Path(__file__).with_name("models.lock")


def lock(name: str, *, file: Path = LOCK) -> str:
    """Record the digest of a model, which is downloaded where it is not here yet.

    Raises:
        ModelError: neither a folder nor a known name, incomplete, or not reachable.
    """
    digests = locked(file) | {name: model.digest(model.find(name))}
    file.write_text("".join(f"{digest}  {name}\n" for name, digest in sorted(digests.items())))
    return digests[name]


def locked(file: Path = LOCK) -> dict[str, str]:
    """The recorded digests by the model's name."""
    lines = (line.split("  ", 1) for line in file.read_text().splitlines())
    return {name: digest for digest, name in lines}


def fetch(name: str, *, release: bool, file: Path = LOCK) -> None:
    """Have a model's files here: a folder's, or downloaded into the cache that the service looks into.

    Raises:
        ModelError: it cannot be had, has another digest than recorded, or for a release none is recorded.
    """
    if name.startswith(S3_SCHEME):
        raise NoImageModelFromS3(url=name)
    expected = locked(file).get(name)
    # Refused before anything is downloaded.
    if release and not expected:
        raise ModelNotLocked(model=name, lock=file.name)
    folder = model.find(name)
    if expected and (actual := model.digest(folder)) != expected:
        raise LockMismatch(model=name, lock=file.name, actual=actual, digest=expected)


def main() -> None:
    """What the image's build calls."""
    parser = argparse.ArgumentParser(prog="python -m service.engine.weights", description="Have a model's files here.")
    parser.add_argument("name", metavar="MODEL", help="a folder, or a name that the model hub knows")
    parser.add_argument("--release", action="store_true", help="refuse a model without a recorded digest")
    options = parser.parse_args()
    try:
        fetch(options.name, release=options.release)
    except ModelError as error:
        sys.exit(f"whisper-fargate: {error}")


if __name__ == "__main__":
    main()
