"""Random numbers by counter, as arrays: equal seed, episode and draw give equal numbers, in any batch."""

from __future__ import annotations

import numpy as np

from teacherstudent.contract.stored.hashes import GOLDEN, ONE, UIntArray, mixed
from teacherstudent.contract.types import FloatArray, IntArray


def uniform_array(seeds: UIntArray, episodes: IntArray, draws: IntArray) -> FloatArray:
    """Return one number in [0, 1) for each seed, episode and draw; equal arguments give equal numbers.

    A counter-based generator: splitmix64's finaliser over the three, one after the other. Its counterpart in
    compiled kernels is `teacherstudent.simulation.draws`.
    """
    bits = seeds
    # The products wrap around, as hashes do.
    for counter in (episodes, draws):
        # One more than the counter, so that 0 changes the bits too.
        bits = mixed(bits + GOLDEN * (counter.astype(np.uint64) + ONE))
    # The upper 53 bits are what a double holds exactly.
    return np.asarray((bits >> np.uint64(11)) * 2.0**-53)
