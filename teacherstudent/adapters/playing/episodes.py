"""Which task each slot plays, what its episode has brought so far, and which task it starts next."""

from __future__ import annotations

import numpy as np

from teacherstudent.adapters.playing.sources import Source
from teacherstudent.contract.types import Array, BoolArray, FloatArray, IntArray, Outcomes
from teacherstudent.students.rollouts.play import check_rewards

_NOTHING = -1
"""The id of a slot that plays nothing, or has no next task yet."""


class Episodes:
    """The episodes of ``n`` slots.

    A slot's next task is taken (`prepare`), brought to the slot by whoever owns it, and begun when the slot
    starts it (`begin`). Where slots start by themselves within the step in which they end, it is taken one
    episode ahead.

    Attributes:
        ids: ``(n,)`` of the tasks being played, or played last.
        tasks: ``(n, *space.shape)``; None before the first start. A new array whenever one changes, so that
            infos may hold it.
        coming: ``(n, *space.shape)``: what each slot starts next, where that is known.
        open: ``(n,)`` which slots have an episode under way.

    Args:
        source: of tasks.
        n: number of slots.
    """

    def __init__(self, source: Source, n: int) -> None:
        self.source = source
        self.ids = np.full(n, _NOTHING, np.int64)
        self.tasks: Array | None = None
        self.coming: Array | None = None
        self.open = np.zeros(n, np.bool_)
        self._coming_ids = np.full(n, _NOTHING, np.int64)
        self._returns = np.zeros(n)
        self._lengths = np.zeros(n, np.int64)

    def forget(self) -> None:
        """Let go of all tasks without a word: they are another's."""
        self.ids[:] = _NOTHING
        self._coming_ids[:] = _NOTHING
        self.open[:] = False
        self.tasks = None

    def give_up(self, mask: BoolArray, *, anew: bool = False) -> None:
        """End the episodes under way in the slots of the mask without a result.

        Args:
            mask: ``(n,)``.
            anew: whether tasks of a list begin with the first again.
        """
        ids = self.ids[mask & self.open]
        # Closed first: if `drop` raises, nothing is dropped a second time.
        self.open = self.open & ~mask
        if len(ids):
            self.source.drop(ids)
        if anew and self.source.rewind():
            self._coming_ids[:] = _NOTHING

    def prepare(self, mask: BoolArray) -> None:
        """Take a next task for the slots of the mask that have none."""
        slots = np.flatnonzero(mask & (self._coming_ids == _NOTHING))
        if len(slots) == 0:
            return
        ids, tasks = self.source.take(slots)
        # Only the first tasks tell shape and dtype.
        if self.coming is None:
            self.coming = np.zeros((len(self.ids), *tasks.shape[1:]), tasks.dtype)
        self.coming[slots] = tasks
        self._coming_ids[slots] = ids

    def begin(self, mask: BoolArray) -> None:
        """Note that the slots of the mask have started their next task."""
        assert self.coming is not None
        if self.tasks is None:
            self.tasks = np.zeros_like(self.coming)
        # New arrays, as infos of earlier steps hold the old ones.
        self.tasks = self.tasks.copy()
        self.ids = self.ids.copy()
        self.tasks[mask] = self.coming[mask]
        self.ids[mask] = self._coming_ids[mask]
        self._coming_ids[mask] = _NOTHING
        self._returns[mask] = 0.0
        self._lengths[mask] = 0
        self.open = self.open | mask

    def add(self, rewards: FloatArray) -> None:
        """Take in one step of the slots that have an episode under way.

        Raises:
            EpisodeError: if one of their rewards is not finite.
        """
        # A slot that has ended may show anything until it is started.
        own = np.where(self.open, rewards, 0.0)
        check_rewards(own, self.tasks)
        self._returns += own
        self._lengths += self.open

    def returns(self, slots: IntArray) -> FloatArray:
        """Return what the slots' episodes have brought so far."""
        return self._returns[slots]

    def lengths(self, slots: IntArray) -> IntArray:
        """Return how many steps the slots' episodes have had."""
        return self._lengths[slots]

    def finish(self, slots: IntArray, success: BoolArray | None) -> None:
        """End the episodes of these slots and tell of them.

        Args:
            slots: ``(k,)``, all with an episode under way.
            success: ``(k,)`` whether they succeeded; None if that is not known.
        """
        if len(slots) == 0:
            return
        assert self.tasks is not None
        lengths = self._lengths[slots]
        signals: dict[str, Array] = {"length": lengths}
        if success is not None:
            signals["success"] = success
        told = Outcomes(
            ids=self.ids[slots],
            tasks=self.tasks[slots],
            score=self._returns[slots],
            cost=lengths.astype(np.float64),
            signals=signals,
        )
        # Closed first: if `tell` raises, the episodes must not be told or dropped later.
        self.open = self.open.copy()
        self.open[slots] = False
        self.source.tell(told)
