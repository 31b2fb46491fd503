"""Tables of a level buffer: weights of ranks, ranks of scores, and checked columns."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from teacherstudent.contract.stored.saved import saved_array
from teacherstudent.contract.types import Array, FloatArray, IntArray
from teacherstudent.simulation.counters import uniform_array
from teacherstudent.teachers.replay.buffer.kernels import Ranks, Rule


def rank_table(capacity: int, exponent: float) -> FloatArray:
    """Return ``(2, capacity + 1)``: the weight of each rank from 1, and its sum with those of all after it.

    Sums run from the last rank on, so that those of low ranks, whose weights may be a tiny share of the
    first one's, are as precise as their weights.
    """
    weights = np.zeros(capacity + 1)
    weights[:capacity] = (1.0 / np.arange(1, capacity + 1)) ** exponent
    return np.stack([weights, np.cumsum(weights[::-1])[::-1]])


def no_ranks() -> Ranks:
    """Return the ranks of a buffer that needs none."""
    return Ranks(np.zeros(0, np.int64), np.zeros(0, np.int64))


def ranked(scores: FloatArray, capacity: int, rule: Rule) -> Ranks:
    """Return where levels of these scores stand, in columns of the buffer's capacity."""
    size = len(scores)
    ranks = Ranks(np.zeros(capacity, np.int64), np.ones(capacity, np.int64))
    if not rule.shared:
        down = np.argsort(-scores, kind="stable")
        # jaxued ranks the earlier of two equal levels higher, dcd the later one.
        order = down if rule.jaxued else np.argsort(scores, kind="stable")[::-1]
        ranks.first[order] = np.arange(1, size + 1)
        return ranks
    order = np.argsort(-scores)
    falling = scores[order]
    # a group of equal scores starts wherever a score differs from the one before it
    starts = np.flatnonzero(np.concatenate([[True], falling[1:] != falling[:-1]])[:size])
    sizes = np.diff(np.append(starts, size))
    ranks.first[order] = np.repeat(starts + 1, sizes)
    ranks.equal[order] = np.repeat(sizes, sizes)
    return ranks


def tie_numbers(keys: IntArray, numbers: IntArray) -> FloatArray:
    """Return a number in [0, 1) for each offer, which decides between levels that could give way.

    It is made of the level's key and of when it was met, so that a buffer needs no generator of its own, and
    a batch gives what its rows give one after the other.
    """
    return uniform_array(keys.view(np.uint64), numbers, np.zeros(1, np.int64))


def column(name: str, values: npt.ArrayLike, dtype: type, n: int, *, finite: bool = False) -> Array:
    """Return a copy of ``(n,)`` values.

    Raises:
        ValueError: if they are no numbers of this kind, the shape is another, a value is NaN or infinity, or,
            if all are to be finite, minus infinity.
    """
    # Minus infinity passes here: it says that no return was told.
    found = saved_array(f"level buffer: {name}", values, dtype, (None,), finite=False)
    if found.shape != (n,):
        raise ValueError(f"level buffer: {name}: expected shape ({n},), got {found.shape}")
    if finite and not np.isfinite(found).all():
        raise ValueError(f"level buffer: {name}: expected finite numbers, got {found}")
    if not (found < np.inf).all():
        raise ValueError(f"level buffer: {name}: expected numbers or minus infinity, got {found}")
    return found


def check_kept(kept: Mapping[str, Array], keys: IntArray, clock: int) -> None:
    """Raise ValueError unless columns of a saved buffer can be of levels with these keys."""
    # Keys are computed anew, so levels that were changed in the file are found out.
    if not np.array_equal(kept["key"], keys) or len(np.unique(keys)) < len(keys):
        raise ValueError("level buffer: state: key: expected the keys of its levels, each once, got others")
    if (kept["edits"] < 0).any():
        raise ValueError(
            f"level buffer: state: edits: expected numbers of at least 0, got {kept['edits'].min()}"
        )
    if (kept["stamp"] > clock).any():
        late = kept["stamp"].max()
        raise ValueError(f"level buffer: state: stamp: expected at most the clock, {clock}, got {late}")
