"""Keys of rows: 64-bit hashes of whole batches, and SplitMix64's finaliser, of which they are made.

Keys are logged and stand in buffers that are saved, so that none of them may change. The hash of a maze is a
kernel of its own family (`teacherstudent.simulation.draws.mix` is the same finaliser there).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from teacherstudent.contract.types import Array, IntArray

UIntArray = npt.NDArray[np.uint64]

# SplitMix64's increment, factors and shifts.
GOLDEN = np.uint64(0x9E3779B97F4A7C15)
FIRST = np.uint64(0xBF58476D1CE4E5B9)
SECOND = np.uint64(0x94D049BB133111EB)
S30 = np.uint64(30)
S27 = np.uint64(27)
S31 = np.uint64(31)
ONE = np.uint64(1)


def mixed(bits: UIntArray) -> UIntArray:
    """Return 64-bit words scrambled, one to one (the finaliser of SplitMix64)."""
    # The products wrap around, as hashes do.
    bits = (bits ^ (bits >> S30)) * FIRST
    bits = (bits ^ (bits >> S27)) * SECOND
    return bits ^ (bits >> S31)


def row_keys(rows: Array) -> IntArray:
    """Return ``(n,)`` keys of ``(n, ...)`` numbers: equal rows of one dtype have equal keys."""
    # Adding 0 turns -0.0 into 0.0: equal tasks must have equal bytes.
    flat = _flat(rows, rows.dtype) + np.zeros((), rows.dtype)
    raw = flat.view(np.uint8)
    # Bytes are padded to whole words of 64 bits. The golden-ratio steps make equal words at different places
    # differ, since the sum alone would not tell swapped words apart.
    words = np.pad(raw, ((0, 0), (0, -raw.shape[1] % 8))).view(np.uint64)
    steps = np.arange(1, words.shape[1] + 1, dtype=np.uint64) * GOLDEN
    return np.asarray(mixed(mixed(words + steps).sum(axis=1, dtype=np.uint64)).view(np.int64))


def terrain_keys(rows: Array) -> IntArray:
    """Return ``(n,)`` keys of ``(n, k)`` numbers, made column by column: those of terrain in all logs."""
    bits = (_flat(rows, np.float64) + 0.0).view(np.uint64)
    keys = np.zeros(len(bits), np.uint64)
    for column in bits.T:
        keys = (keys ^ column) * GOLDEN
        keys = (keys ^ (keys >> np.uint64(29))) * FIRST
        keys = keys ^ (keys >> np.uint64(32))
    return keys.view(np.int64)


def _flat(rows: Array, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    # The size is named, since it cannot be worked out of no rows.
    size = int(np.prod(rows.shape[1:]))
    return np.ascontiguousarray(rows, dtype).reshape(len(rows), size)
