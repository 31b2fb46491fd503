"""Which tasks of an environment are tested: given ones, or draws from the teachers' space or from another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from teacherstudent.contract import spaces
from teacherstudent.contract.checks import is_whole
from teacherstudent.contract.types import Array, Seed, generator

MOST_DRAWN = 10**6
"""More test tasks than this are never drawn."""


@dataclass(frozen=True, eq=False)
class TestedTasks:
    """The test tasks of a family.

    Attributes:
        tasks: ``(m, *space.shape)``.
        name: what tells them from others in tables.
        space: where they lie; None if it is the teachers' space.
        outside: those of them that lie outside the teachers' space.
    """

    tasks: Array
    name: str
    space: gym.Space[Any] | None
    outside: Array

    @staticmethod
    def of(
        space: gym.Space[Any], tasks: int | npt.ArrayLike, test_space: gym.Space[Any] | None, seed: Seed
    ) -> TestedTasks:
        """Return the given tasks, or that many draws (see `family_from_gymnasium`).

        Raises:
            ValueError: if there is no task, one does not lie in ``test_space``, or that is of another shape.
            TypeError: if ``test_space`` is of another kind, or the tasks are no numbers.
        """
        if test_space is not None:
            spaces.check_like(space, test_space, "test_space")
        # A whole number asks for draws; anything else must be the tasks themselves.
        if is_whole(tasks):
            if not 1 <= tasks <= MOST_DRAWN:
                raise ValueError(
                    f"test_tasks: expected at least one task and at most {MOST_DRAWN}, got {tasks}"
                )
            if test_space is None:
                chosen, name = _draw(space, int(tasks), seed)
            else:
                chosen, name = _draw(test_space, int(tasks), seed)
                name += "_of_test_space"
        else:
            chosen, name = _given(space, tasks, test_space)
        outside = chosen[~spaces.contains_each(space, chosen)]
        # Tasks given from outside widen the space that tests are checked against.
        if test_space is None and len(outside):
            test_space = spaces.around(space, chosen)
        return TestedTasks(chosen, name, test_space, outside)


def _draw(space: gym.Space[Any], n: int, seed: Seed) -> tuple[Array, str]:
    """Return ``n`` tasks (different ones of a list, or all of it) and a name for them."""
    # A seed that is no number has no short name.
    label = f"seed{seed}" if is_whole(seed) else "seeded"
    listed = spaces.numbers(space)
    if listed is None:
        return spaces.sample(space, generator(seed), n), f"uniform{n}_{label}"
    first = listed.start
    size = len(listed)
    # The space holds no more tasks than were asked for: test each once.
    if size <= n:
        return np.arange(first, first + size), "all"
    # Without replacement: a task that is tested twice would count twice.
    chosen = generator(seed).choice(size, n, replace=False)
    return first + np.sort(chosen).astype(np.int64), f"different{n}_{label}"


def _given(
    space: gym.Space[Any], tasks: npt.ArrayLike, test_space: gym.Space[Any] | None
) -> tuple[Array, str]:
    """Return given tasks in the space's dtype, and a name for them; they may lie anywhere near the space."""
    # A space without ends cannot be widened: its tasks are its own.
    if test_space is None and spaces.ends(space) is not None:
        test_space = spaces.around(space, _numbers(space, tasks))
    given = spaces.check_tasks(space if test_space is None else test_space, tasks, "test_tasks")
    if len(given) == 0:
        raise ValueError("test_tasks: expected at least one task, got none")
    return given, f"given{len(given)}"


def _numbers(space: gym.Space[Any], tasks: npt.ArrayLike) -> Array:
    """Return tasks as an array of the space's shape that can be compared with its ends."""
    try:
        given = np.asarray(tasks)
    except ValueError as error:
        raise ValueError(f"test_tasks: expected an array of tasks, got {tasks!r}: {error}") from error
    shape = space.shape or ()
    if given.ndim == 0 or given.shape[1:] != shape:
        raise ValueError(f"test_tasks: expected a number, or tasks of shape (n, {shape}), got {tasks!r}")
    if given.size and (given.dtype.kind not in "biuf" or not np.isfinite(given).all()):
        raise ValueError(f"test_tasks: expected finite numbers, got {tasks!r}")
    return given
