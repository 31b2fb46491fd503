import numpy as np
import pytest

from teacherstudent.contract.spaces import Discrete
from teacherstudent.teachers.goals.blocks import BLOCK, Blocks


class Counting:
    def __init__(self):
        self.asked = []

    def __call__(self, n):
        start = sum(self.asked)
        self.asked.append(n)
        return np.arange(start, start + n)


def test_a_block_serves_several_asks_and_a_large_ask_is_one_block():
    blocks, draw = Blocks(Discrete(10_000)), Counting()
    parts = [blocks.take(n, draw) for n in (1, 5, 58, 1, 500, 30)]
    assert draw.asked == [BLOCK, BLOCK, 500 - (BLOCK - 1), BLOCK]
    assert np.concatenate(parts).tolist() == list(range(595))


def test_what_is_left_is_saved_and_can_be_forgotten():
    blocks, draw = Blocks(Discrete(10_000)), Counting()
    blocks.take(60, draw)
    other = Blocks(Discrete(10_000))
    other.load("x", blocks.state())
    assert other.take(4, draw).tolist() == blocks.take(4, draw).tolist() == [60, 61, 62, 63]
    other.load("x", np.array([3, 4]))
    other.clear()
    assert other.take(1, draw).tolist() == [64]
    with pytest.raises(ValueError, match="x: row 1"):
        other.load("x", np.array([3, 10_000]))
