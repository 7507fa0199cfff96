"""A `model.bin` in CTranslate2's format, with whatever variables a test needs."""

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
    binary: int = BINARY_VERSION,
    specification: tuple[str, int] = SPECIFICATION,
) -> Path:
    """Write the file as CTranslate2's `model_spec.py` does."""
    name, version = specification
    parts = [struct.pack("<I", binary), _text(name), struct.pack("<II", version, len(variables))]
    for key, array in variables.items():
        parts += [_text(key), struct.pack("<B", array.ndim), struct.pack(f"<{array.ndim}I", *array.shape)]
        parts += [struct.pack("<BI", NUMBERS[array.dtype], array.nbytes), array.tobytes()]
    file.write_bytes(b"".join(parts))
    return file


def _text(text: str) -> bytes:
    return struct.pack("<H", len(text) + 1) + text.encode() + b"\0"
