"""Small task spaces that tests of all teachers share."""

import numpy as np

from teacherstudent import teachers
from teacherstudent.contract.spaces import Box, Levels, Parameters
from teacherstudent.teachers.stages.paths import OpenLoop

KNOBS = Parameters(
    bandwidth=(2, 8),
    magnitude=(0, 1),
    lr_spread=(0, 5),
    smoothing=(0, 1),
    data_fraction=(0.1, 1),
    self_distillation=(0, 1),
    lr_scale=(1e-6, 1),
)
"""For teachers that know their knobs by name."""


def spaces_for(name, spaces):
    """Return those of a mapping of spaces on which a teacher is tried; a schedule has its knobs."""
    kind = teachers.get(name)
    if issubclass(kind, OpenLoop):
        return {"knobs": KNOBS}
    if name == "constant":
        return {"knobs": KNOBS, "discrete": spaces["discrete"]}
    found = {label: space for label, space in spaces.items() if isinstance(space, kind.accepts)}
    # It refuses whole numbers, which its cuts would tear apart.
    if name == "rugged":
        found = {label: space for label, space in found.items() if space.dtype.kind == "f"}
    return found


def easy_tasks(space):
    """Return the lowest and the highest task of a box, which are called easy; None of others."""
    return np.stack([space.low, space.high]) if isinstance(space, Box) else None


class Bits(Levels):
    """Levels of six bits."""

    def __init__(self):
        super().__init__((6,), np.uint8)

    def draw(self, rng, n):
        return rng.integers(0, 2, (n, 6), dtype=np.uint8)

    def mutate(self, rng, tasks, edits=1):
        tasks = tasks.copy()
        tasks[np.arange(len(tasks)), rng.integers(0, 6, len(tasks))] ^= 1
        return tasks

    def key(self, tasks):
        return tasks.astype(np.int64) @ (1 << np.arange(6))

    def contains_each(self, tasks):
        return (tasks <= 1).all(axis=1)

    def builder(self):
        return BitsBuilder()


class BitsBuilder:
    """Sets one bit after the other."""

    steps, n_actions, observation_shape = 6, 2, (6,)

    def empty(self, n):
        return np.zeros((n, 6), np.uint8)

    def apply(self, partial, step, actions, rng):
        after = partial.copy()
        after[:, step] = actions
        return after

    def observe(self, partial):
        return partial.astype(np.float32)

    def finish(self, partial):
        return partial
