"""Random numbers by counter, as arrays: equal seed, episode and draw give equal numbers, in any batch."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from teacherstudent.contract.types import FloatArray, IntArray

UIntArray = npt.NDArray[np.uint64]

# splitmix64's increment, factors and shifts.
GOLDEN = np.uint64(0x9E3779B97F4A7C15)
FIRST = np.uint64(0xBF58476D1CE4E5B9)
SECOND = np.uint64(0x94D049BB133111EB)
S30 = np.uint64(30)
S27 = np.uint64(27)
S31 = np.uint64(31)
ONE = np.uint64(1)


def uniform_array(seeds: UIntArray, episodes: IntArray, draws: IntArray) -> FloatArray:
    """Return one number in [0, 1) for each seed, episode and draw; equal arguments give equal numbers.

    A counter-based generator: splitmix64's finaliser over the three, one after the other. Its counterpart in
    compiled kernels is `teacherstudent.simulation.draws`.
    """
    bits = seeds
    # The products wrap around, as hashes do.
    for counter in (episodes, draws):
        # One more than the counter, so that 0 changes the bits too.
        bits = bits + GOLDEN * (counter.astype(np.uint64) + ONE)
        bits = (bits ^ (bits >> S30)) * FIRST
        bits = (bits ^ (bits >> S27)) * SECOND
        bits = bits ^ (bits >> S31)
    # The upper 53 bits are what a double holds exactly.
    return np.asarray((bits >> np.uint64(11)) * 2.0**-53)
