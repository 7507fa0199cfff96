"""Reads samples block by block: of a long recording, which is mapped from a file, hardly anything stays in memory."""

import mmap
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.int16]


def blocks(samples: Samples, length: int) -> Iterator[Samples]:
    """One channel's samples, shape (frames,), in blocks of `length` frames; the last may be shorter."""
    for start in range(0, len(samples), length):
        yield samples[start : start + length]
        forget(samples)


def forget(samples: Samples) -> None:
    """Give back the memory of samples that are mapped from a file; whoever needs them again finds them in it."""
    owner: object = samples
    while isinstance(owner, np.ndarray):
        owner = owner.base
    if isinstance(owner, mmap.mmap):
        owner.madvise(mmap.MADV_DONTNEED)
