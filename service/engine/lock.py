"""The lock of models: the revision and the files of each, held by size and SHA-256 whatever source serves them."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

LOCK = Path(__file__).with_name("models.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedFile:
    """One file of a model: its size in bytes, and its SHA-256 in hex."""

    bytes: int
    sha256: str

    @classmethod
    def of(cls, path: Path) -> Self:
        """The size and digest of a file on disk."""
        with path.open("rb") as file:
            return cls(bytes=path.stat().st_size, sha256=hashlib.file_digest(file, "sha256").hexdigest())


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedModel:
    """A model whose every byte is known.

    Attributes:
        repository: on the model hub; empty for a folder of our own.
        revision: the commit in that repository.
        files: by name.
        packages: SHA-256 of wheels in the package registry that contain the files, by requirement (`NAME==VERSION`).
        members: for each file, the members of these wheels that make it up, in order.
    """

    repository: str
    revision: str
    files: Mapping[str, LockedFile]
    packages: Mapping[str, str] = field(default_factory=dict)
    members: Mapping[str, list[str]] = field(default_factory=dict)

    def difference(self, folder: Path) -> str:
        """How a folder differs from the lock, in a few words; empty if every locked file is there, unchanged."""
        for name, locked in self.files.items():
            path = folder / name
            if not path.is_file():
                return f"{name} is missing"
            if (size := path.stat().st_size) != locked.bytes:
                return f"{name} has {size} bytes, expected {locked.bytes}"
            if (actual := LockedFile.of(path).sha256) != locked.sha256:
                return f"{name} has SHA-256 {actual}, expected {locked.sha256}"
        return ""

    @property
    def digest(self) -> str:
        """One SHA-256 for all files, as `sha256sum * | sha256sum` prints it in C locale."""
        lines = "".join(f"{file.sha256}  {name}\n" for name, file in sorted(self.files.items()))
        return hashlib.sha256(lines.encode()).hexdigest()


def locked(file: Path = LOCK) -> dict[str, LockedModel]:
    """The locked models, by name."""
    return {name: _read(entry) for name, entry in json.loads(file.read_text()).items()}


def describe(folder: Path, *, repository: str = "", revision: str = "") -> LockedModel:
    """The lock of the files that are in a folder now."""
    files = {path.name: LockedFile.of(path) for path in sorted(folder.iterdir()) if _is_model_file(path)}
    return LockedModel(repository=repository, revision=revision, files=files)


def write(models: Mapping[str, LockedModel], file: Path = LOCK) -> None:
    """Write the lock."""
    plain = {name: {key: value for key, value in asdict(model).items() if value} for name, model in models.items()}
    file.write_text(json.dumps(dict(sorted(plain.items())), indent=2) + "\n")


def _is_model_file(path: Path) -> bool:
    return path.is_file() and not path.name.startswith(".")


def _read(entry: Mapping[str, Any]) -> LockedModel:
    files = {name: LockedFile(**file) for name, file in entry["files"].items()}
    return LockedModel(
        repository=entry.get("repository", ""),
        revision=entry.get("revision", ""),
        files=files,
        packages=entry.get("packages", {}),
        members=entry.get("members", {}),
    )
