"""Given tasks that the slots of a vector environment play in turn, each with a seed of its own."""

from __future__ import annotations

import numpy as np

from teacherstudent.contract.types import Array, IntArray, Seed, generator


class FixedTasks:
    """Deals ``m`` tasks to ``n`` slots in blocks; a slot that has played its block begins it again.

    Slot i has (m + i) // n tasks: as many episodes as stable-baselines3's ``evaluate_policy`` counts of it
    when it is asked for m episodes, so that each task counts once. A slot without tasks of its own plays the
    first ones, which count for nothing. A task's seed depends on its place in the list alone.

    Args:
        tasks: ``(m, *space.shape)``, m at least 1.
        slots: n, at least 1.
        seed: the environment seeds are drawn from it.
    """

    def __init__(self, tasks: Array, slots: int, *, seed: Seed) -> None:
        self._tasks = tasks.copy()
        self._seeds = generator(seed).integers(2**31, size=len(tasks))
        # The same split as `evaluate_policy` makes: the last slots take the remainder.
        self._sizes = (len(tasks) + np.arange(slots)) // slots
        self._starts = np.cumsum(self._sizes) - self._sizes
        self._played = np.zeros(slots, np.int64)

    def take(self, slots: IntArray) -> tuple[IntArray, Array]:
        """Return the next task of each of these slots: its place in the list, and the task."""
        # A slot goes round its own block; slots without one start at 0 and stay within the list.
        sizes = np.where(self._sizes == 0, len(self._tasks), self._sizes)[slots]
        starts = np.where(self._sizes == 0, 0, self._starts)[slots]
        places = starts + self._played[slots] % sizes
        self._played[slots] += 1
        return places, self._tasks[places]

    def seeds(self, places: IntArray) -> IntArray:
        """Return the environment seed of the tasks at these places."""
        return self._seeds[places]

    def rewind(self) -> None:
        """Begin every block again."""
        self._played[:] = 0
