"""Seeds of episodes by their serial numbers, equal on every device."""

from __future__ import annotations

from torch import Tensor

_MASK = 0xFFFFFFFF


def episode_seeds(serials: Tensor, key: int) -> Tensor:
    """Return an environment seed in [0, 2**31) for each episode's serial number; the same on every device.

    The finaliser of MurmurHash3 (Austin Appleby, public domain) over ``serial + key``, one bit dropped.
    """
    # The mask keeps 32 bits, which are right even where the product overflows int64.
    x = (serials + key) & _MASK
    x = ((x ^ (x >> 16)) * 0x85EBCA6B) & _MASK
    x = ((x ^ (x >> 13)) * 0xC2B2AE35) & _MASK
    return (x ^ (x >> 16)) & 0x7FFFFFFF
