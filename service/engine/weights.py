"""The weights that an image brings: found as the service finds them, and held against their recorded digests.

The image's build runs this room alone, as `python -m service.engine.weights MODEL`, so that a change of any other room
does not download a model again.
"""

import argparse
import sys
from pathlib import Path

from service.contract import S3_SCHEME
from service.engine import model
from service.errors import ModelError

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
        raise _error("an image brings no model from S3", "model_elsewhere", name, "a folder, a name, or nothing")
    expected = locked(file).get(name)
    # Refused before anything is downloaded.
    if release and not expected:
        wanted = f"a digest in {file.name}, which `python -m service model lock NAME` records"
        raise _error("a release brings no model without a recorded digest", "model_not_locked", name, wanted)
    folder = model.find(name)
    if expected and (actual := model.digest(folder)) != expected:
        raise _error(f"the files of {name} are not those of {file.name}", "model_mismatch", actual, expected)


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


def _error(message: str, code: str, value: str, expected: str) -> ModelError:
    return ModelError(message, code=code, field="MODEL", value=value, expected=expected)


if __name__ == "__main__":
    main()
