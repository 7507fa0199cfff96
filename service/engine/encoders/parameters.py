"""The encoder's parameters, read from the file that CTranslate2 loads: no second file can differ from it."""

import mmap
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from service.engine.encoders.base import EncoderUnavailable

# CTranslate2's `model_spec.py` writes the format; its numbers of data types, and the versions of both that were read.
TYPES: Mapping[int, type[np.generic]] = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16}
BINARY_VERSION, SPECIFICATION = 6, ("WhisperSpec", 3)
ENCODER = "encoder/"

Array = NDArray[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """A model's parameters by CTranslate2's names, or an encoder's by their names without `encoder/`."""

    arrays: Mapping[str, Array]

    @classmethod
    def read(cls, file: Path, *, prefix: str = ENCODER) -> Self:
        """Read those of a `model.bin` with a prefix; the arrays are views of the file, which is mapped and not copied.

        Raises:
            EncoderUnavailable: the file has another format or is damaged.
        """
        try:
            return cls(arrays=dict(read_variables(file, prefix=prefix)))
        except OSError as error:
            raise EncoderUnavailable(f"{file.name} cannot be read: {error.strerror}") from error
        except (struct.error, ValueError, KeyError) as error:
            raise EncoderUnavailable(f"{file.name} is damaged: {error}") from error

    @property
    def layers(self) -> int:
        """The number of layers."""
        return len({name.partition("/")[0] for name in self.arrays if name.startswith("layer_") and name[6].isdigit()})

    @property
    def heads(self) -> int:
        """The number of attention heads."""
        return int(self.stored("num_heads"))

    @property
    def width(self) -> int:
        """The size of the vector at each position."""
        return int(self.stored("conv1/weight").shape[0])

    @property
    def mels(self) -> int:
        """The number of mel bands of the features."""
        return int(self.stored("conv1/weight").shape[1])

    def floats(self, name: str) -> NDArray[np.float32]:
        """A parameter in float32; if it is stored in 8 bits, it is scaled back.

        Raises:
            EncoderUnavailable: the model has no such parameter, or stores it in a format that this code does not know.
        """
        array = self.stored(name)
        if array.dtype in (np.float32, np.float16):
            return array.astype(np.float32)
        scale = self.arrays.get(f"{name}_scale")
        if array.dtype != np.int8 or scale is None:
            raise EncoderUnavailable(f"the model stores {name} as {array.dtype}")
        return array.astype(np.float32) / scale.astype(np.float32).reshape(-1, *[1] * (array.ndim - 1))

    def stored(self, name: str) -> Array:
        """A parameter as the file has it.

        Raises:
            EncoderUnavailable: the model has no such parameter.
        """
        if name not in self.arrays:
            raise EncoderUnavailable(f"the model has no parameter {name}")
        return self.arrays[name]


def read_variables(file: Path, *, prefix: str = "") -> list[tuple[str, Array]]:
    """The variables of a `model.bin` whose names begin with a prefix, without it; the arrays are views of the file.

    Raises:
        EncoderUnavailable: the file has another format.
    """
    with file.open("rb") as opened:
        data = memoryview(mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ))
    position = 0

    def number(code: str) -> int:
        nonlocal position
        (value,) = struct.unpack_from("<" + code, data, position)
        position += struct.calcsize("<" + code)
        return int(value)

    def text() -> str:
        nonlocal position
        # The length counts a null byte at the end.
        length = number("H")
        position += length
        return bytes(data[position - length : position - 1]).decode()

    if (binary := number("I")) > BINARY_VERSION:
        raise EncoderUnavailable(f"{file.name} has format {binary}, expected at most {BINARY_VERSION}")
    if (specification := (text(), number("I"))) != SPECIFICATION:
        raise EncoderUnavailable(f"{file.name} is {specification}, expected {SPECIFICATION}")
    found = []
    for _ in range(number("I")):
        name = text()
        shape = [number("I") for _ in range(number("B"))]
        kind, size = number("B"), number("I")
        if name.startswith(prefix):
            array = np.frombuffer(data[position : position + size], dtype=TYPES[kind]).reshape(shape)
            found.append((name.removeprefix(prefix), array))
        position += size
    return found
