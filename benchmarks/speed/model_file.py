"""Writes a `model.bin` in CTranslate2's format, as its `model_spec.py` does."""

import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from service.engine.encoders.parameters import BINARY_VERSION, SPECIFICATION, TYPES, Array

NUMBERS = {np.dtype(kind): number for number, kind in TYPES.items()}


def write(
    file: Path,
    variables: Mapping[str, Array],
    *,
    aliases: Mapping[str, str] | None = None,
    binary: int = BINARY_VERSION,
    specification: tuple[str, int] = SPECIFICATION,
) -> Path:
    """Write variables, and further names for some of them; returns the file."""
    name, revision = specification
    with file.open("wb") as out:
        out.write(struct.pack("<I", binary) + _text(name) + struct.pack("<II", revision, len(variables)))
        for key, array in variables.items():
            out.write(_text(key) + struct.pack(f"<B{array.ndim}I", array.ndim, *array.shape))
            out.write(struct.pack("<BI", NUMBERS[array.dtype], array.nbytes) + array.tobytes())
        out.write(struct.pack("<I", len(aliases or {})))
        for alias, key in (aliases or {}).items():
            out.write(_text(alias) + _text(key))
    return file


def _text(text: str) -> bytes:
    return struct.pack("<H", len(text) + 1) + text.encode() + b"\0"
