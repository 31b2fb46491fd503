"""Random numbers by counter: equal seed, episode and draw give equal numbers, in any batch, on any device."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from teacherstudent.simulation.kernels import kernel
from teacherstudent.types import FloatArray, IntArray

UIntArray = npt.NDArray[np.uint64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31, _S40 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(40)
_ONE = np.uint64(1)
_UNIT = np.float32(2.0**-24)
_TWO_PI = np.float32(2 * math.pi)
_MINUS_TWO = np.float32(-2)


def uniform_array(seeds: UIntArray, episodes: IntArray, draws: IntArray) -> FloatArray:
    """Return one number in [0, 1) for each seed, episode and draw; equal arguments give equal numbers.

    A counter-based generator: splitmix64's finaliser over the three, one after the other.
    """
    bits = seeds
    for counter in (episodes, draws):  # wraps around, as hashes do
        bits = bits + _GOLDEN * (counter.astype(np.uint64) + _ONE)
        bits = (bits ^ (bits >> _S30)) * _FIRST
        bits = (bits ^ (bits >> _S27)) * _SECOND
        bits = bits ^ (bits >> _S31)
    return np.asarray((bits >> np.uint64(11)) * 2.0**-53)


@kernel
def mix(bits: Any, counter: Any) -> Any:
    """Return the hash of 64 bits and a counter, by splitmix64's finaliser."""
    bits = bits + _GOLDEN * (np.uint64(counter) + _ONE)
    bits = (bits ^ (bits >> _S30)) * _FIRST
    bits = (bits ^ (bits >> _S27)) * _SECOND
    return bits ^ (bits >> _S31)


@kernel
def stream_of(seed: Any, episode: Any) -> Any:
    """Return the stream of one episode."""
    return mix(np.uint64(seed), episode)


@kernel
def uniform(stream: Any, draw: Any) -> Any:
    """Return a float32 in [0, 1): number ``draw`` of a stream."""
    return np.float32(mix(stream, draw) >> _S40) * _UNIT


@kernel
def normal(stream: Any, draw: Any) -> Any:
    """Return a standard normal float32, from draws ``draw`` and ``draw + 1`` of a stream (Box and Muller)."""
    radius = math.sqrt(_MINUS_TWO * math.log(uniform(stream, draw) + _UNIT))
    return radius * math.cos(_TWO_PI * uniform(stream, draw + 1))
