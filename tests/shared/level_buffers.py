"""Level buffers of numbered levels, as their tests make them."""

import numpy as np

from teacherstudent import LevelBuffer
from teacherstudent.contract.spaces import Discrete

SPACE = Discrete(10**9)


def make(scores=(), levels=None, **options):
    """Return a buffer of discrete levels, numbered from 1 where they are not given."""
    options = {"temperature": 1.0, "staleness": 0.0, "capacity": max(len(scores), 1)} | options
    buffer = LevelBuffer(SPACE, **options)
    buffer.insert(np.arange(1, len(scores) + 1) if levels is None else levels, scores)
    return buffer


def aged(scores, ages, **options):
    """Return a buffer whose levels have the given ages."""
    buffer = make(scores, **options)
    state = buffer.state_dict()
    buffer.load_state_dict(state | {"clock": 100, "stamp": 100 - np.asarray(ages)})
    return buffer
