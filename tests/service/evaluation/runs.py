"""Golden data in a folder, and storage without S3."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from service.evaluation.storage import Bucket, Storage

PLAIN: dict[str, Any] = {
    "recordings": [{"audio": "a.wav", "language": "en", "turns": [{"channel": 0, "text": "One, two three."}]}]
}


def put(folder: Path, manifest: Mapping[str, Any] | str = PLAIN, *, audio: bytes = b"sound") -> None:
    """Write a manifest, as JSON or as it is, with one recording beside it."""
    content = manifest if isinstance(manifest, str) else json.dumps(manifest)
    (folder / "manifest.json").write_text(content)
    (folder / "a.wav").write_bytes(audio)


def _no_bucket(url: str) -> tuple[Bucket, str]:
    raise AssertionError(f"{url}: expected no access to S3")


FILES = Storage(locate=_no_bucket)
