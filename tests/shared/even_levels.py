"""A small space of levels with an option."""

import numpy as np

from teacherstudent.contract.spaces import Levels


class Even(Levels):
    """Levels of three digits with an even sum."""

    def __init__(self, top=9):
        super().__init__((3,), np.int8)
        self.top = top

    def options(self):
        return {"top": self.top}

    def draw(self, rng, n):
        levels = rng.integers(0, 10, (n, 3), dtype=np.int8)
        levels[:, 0] ^= levels.sum(axis=1, dtype=np.int8) & 1
        return levels

    def mutate(self, rng, tasks):
        return self.draw(rng, len(tasks))

    def key(self, tasks):
        return tasks.astype(np.int64) @ np.array([1, 10, 100])

    def contains_each(self, tasks):
        return (tasks.sum(axis=1) % 2 == 0) & (tasks >= 0).all(axis=1)
