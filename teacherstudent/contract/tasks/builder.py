"""Building tasks step by step: what a teacher with a learned adversary acts in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, runtime_checkable

import gymnasium as gym
import numpy as np

from teacherstudent.contract import spaces
from teacherstudent.contract.checks import check_keywords, check_mapping
from teacherstudent.contract.spaces import Box
from teacherstudent.contract.types import Array, FloatArray


class Builder(Protocol):
    """Builds tasks of one space, many side by side, with the same number of actions for each.

    A partial task is an array of the builder's own kind; a batch of them has a leading axis. Whatever the
    actions, `finish` gives valid tasks. Arrays that are passed in are left as they are.

    Attributes:
        steps: actions that make a task, at least 1.
        n_actions: discrete actions, the same at every step; 0 if an action is one number in [-1, 1].
        observation_shape: of what `observe` gives for one partial task: ``(d,)``, a vector, or ``(channels,
            rows, columns)``, an image.
    """

    steps: int
    n_actions: int
    observation_shape: tuple[int, ...]

    def empty(self, n: int) -> Array:
        """Return ``n`` partial tasks in which nothing is set."""

    def apply(self, partial: Array, step: int, actions: Array, rng: np.random.Generator) -> Array:
        """Return partial tasks ``(n, ...)`` after one action each.

        Args:
            partial: ``(n, ...)``.
            step: how many actions came before, 0 to ``steps - 1``.
            actions: ``(n,)`` int64 in [0, n_actions), or ``(n,)`` float64 in [-1, 1].
            rng: for what the actions leave open.
        """

    def observe(self, partial: Array) -> Array:
        """Return what the adversary sees of partial tasks, float32 ``(n, *observation_shape)``."""

    def finish(self, partial: Array) -> Array:
        """Return the tasks ``(n, *space.shape)`` that partial ones became after ``steps`` actions each."""


@runtime_checkable
class Buildable(Protocol):
    """A space whose tasks can be built step by step.

    Attributes:
        builder: a method that returns a builder of the space's tasks; its keywords are the space's own.
    """

    builder: Callable[..., Builder]


class BoxBuilder:
    """Builds points of a box, one coordinate with each action, in the order of the box.

    An action of -1 is the lowest value of its coordinate and 1 the highest. What is seen is the point in
    [-1, 1], with 0 for coordinates that are not set yet.

    Args:
        space: a finite box.
    """

    n_actions = 0

    def __init__(self, space: Box) -> None:
        self.steps = int(np.prod(space.shape))
        self.observation_shape: tuple[int, ...] = (self.steps,)
        self._space = space

    def empty(self, n: int) -> FloatArray:
        """Return points at the centre of the box."""
        return np.zeros((n, self.steps))

    def apply(self, partial: Array, step: int, actions: Array, rng: np.random.Generator) -> FloatArray:
        """Set coordinate ``step``."""
        # The coordinate follows from the action alone: nothing is left open for chance.
        del rng
        # The caller may still hold the partial tasks, so the step works on a copy.
        after = np.array(partial, np.float64)
        after[:, step] = actions
        return after

    def observe(self, partial: Array) -> Array:
        """Return the points in [-1, 1] as float32."""
        return partial.astype(np.float32)

    def finish(self, partial: Array) -> Array:
        """Return tasks in the space's shape and dtype."""
        return spaces.from_unit(self._space, (partial + 1) / 2)


def builder_of(space: gym.Space[Any], options: Mapping[str, Any] | None = None) -> Builder:
    """Return a builder of a space's tasks: the space's own, or `BoxBuilder`.

    Args:
        space: a box, or a space that is `Buildable`.
        options: keywords for the space's method ``builder``; a box takes none.

    Raises:
        TypeError: if the space is neither, or takes no such options.
        ValueError: if an option is out of range.
    """
    if isinstance(space, Buildable):
        return space.builder(**check_keywords("builder", options, space.builder))
    box = spaces.box_of(space)
    if box is None:
        raise TypeError(f"expected a space of type Box or with a method builder(), got {space!r}")
    if check_mapping("builder", options):
        raise TypeError(f"builder: expected no options for a box, got {sorted(options or {})}")
    return BoxBuilder(box)
