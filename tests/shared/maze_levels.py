"""Mazes written as rows of symbols."""

from __future__ import annotations

import numpy as np


def level_of(*rows):
    symbols = ".#G>v<^o@"
    return np.array([[symbols.index(symbol) for symbol in row] for row in rows], np.uint8)


def rng():
    return np.random.default_rng(7)
