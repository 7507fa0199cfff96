"""The weights that an image contains, checked against the lock.

The image's build runs `python -m service.engine.weights MODEL` in a layer that holds only the modules it needs, so
that a change of any other module does not download the model again.
"""

import argparse
import sys
from pathlib import Path

from service.contract import S3_SCHEME
from service.engine import model
from service.engine.lock import LOCK, describe, locked, write
from service.engine.model import Found
from service.engine.sources import Download
from service.errors import LockMismatch, ModelError, ModelNotLocked, NoImageModelFromS3


def lock(name: str, *, file: Path = LOCK) -> str:
    """Lock a model's files as they are now: a folder's, or those of a named model, which may be downloaded.

    Returns:
        The digest of all files.

    Raises:
        ModelError: the model is neither a folder nor a known name, is incomplete, or no source serves it.
    """
    models = locked(file)
    found = model.find(name)
    if name not in models:
        # The hub's client keeps a revision in `models--OWNER--NAME/snapshots/REVISION`.
        snapshot = found.folder if found.folder.parent.name == "snapshots" else None
        repository = snapshot.parents[1].name.removeprefix("models--").replace("--", "/") if snapshot else ""
        revision = snapshot.name if snapshot else ""
        models[name] = describe(found.folder, repository=repository, revision=revision)
    elif found.source == "folder":
        models[name] = describe(found.folder)
    write(models, file)
    return models[name].digest


def fetch(name: str, *, release: bool, mirror: str = "", download: Download | None = None, file: Path = LOCK) -> Found:
    """Make a model available locally: check a folder, or bring a named model into the service's cache.

    Raises:
        ModelError: no source serves the model as it is locked, or, for a release, it is not locked.
    """
    lock = locked(file).get(name)
    # Before the download, which may take minutes.
    if release and not lock:
        raise ModelNotLocked(model=name, lock=file.name)
    found = model.find(name, mirror=mirror, download=download)
    # The sources of a named model are held to the lock already; a folder is not.
    if lock and Path(name).is_dir() and (difference := lock.difference(found.folder)):
        raise LockMismatch(model=name, lock=file.name, difference=difference)
    return found


def main() -> None:
    """The command line of the image's build."""
    parser = argparse.ArgumentParser(
        prog="python -m service.engine.weights", description="Make a model available locally."
    )
    parser.add_argument("name", metavar="MODEL", help="a folder, or the name of a model")
    parser.add_argument("--release", action="store_true", help="refuse a model that is not locked")
    options = parser.parse_args()
    try:
        if options.name.startswith(S3_SCHEME):
            raise NoImageModelFromS3(url=options.name)
        found = fetch(options.name, release=options.release)
    except ModelError as error:
        sys.exit(f"whisper-fargate: {error}")
    sys.stderr.write(f"{options.name}: {found.folder}, from the {found.source}\n")


if __name__ == "__main__":
    main()
