"""Random numbers by counter, in kernels: equal seed, episode and draw give equal numbers on any device.

`teacherstudent.simulation.counters` is the same for arrays.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from teacherstudent.contract.stored.hashes import FIRST, GOLDEN, ONE, S27, S30, S31, SECOND
from teacherstudent.simulation.kernels import kernel

_S40 = np.uint64(40)
_UNIT = np.float32(2.0**-24)
_TWO_PI = np.float32(2 * math.pi)
_MINUS_TWO = np.float32(-2)


@kernel
def mix(bits: Any, counter: Any) -> Any:
    """Return the hash of 64 bits and a counter, by splitmix64's finaliser."""
    # One more than the counter, so that 0 changes the bits too.
    bits = bits + GOLDEN * (np.uint64(counter) + ONE)
    bits = (bits ^ (bits >> S30)) * FIRST
    bits = (bits ^ (bits >> S27)) * SECOND
    return bits ^ (bits >> S31)


@kernel
def stream_of(seed: Any, episode: Any) -> Any:
    """Return the stream of one episode."""
    return mix(np.uint64(seed), episode)


@kernel
def uniform(stream: Any, draw: Any) -> Any:
    """Return a float32 in [0, 1): number ``draw`` of a stream."""
    # The upper 24 bits are what a float32 holds exactly.
    return np.float32(mix(stream, draw) >> _S40) * _UNIT


@kernel
def normal(stream: Any, draw: Any) -> Any:
    """Return a standard normal float32, from draws ``draw`` and ``draw + 1`` of a stream (Box and Muller)."""
    # The smallest step is added, since 0 has no logarithm.
    radius = math.sqrt(_MINUS_TWO * math.log(uniform(stream, draw) + _UNIT))
    return radius * math.cos(_TWO_PI * uniform(stream, draw + 1))
