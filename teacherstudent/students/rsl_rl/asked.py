"""The tasks of one round that are asked for in the step in which slots are free."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from teacherstudent.contract.types import Array, IntArray

Take: TypeAlias = Callable[[int], tuple[IntArray, Array, Tensor]]
"""Gives ids and tasks of so many episodes on the host, and their environment seeds on the device."""


class AskedTasks:
    """The tasks of one round as a table that grows; slots that finish get new rows.

    Every `draw` looks on the host which slots are free, and so waits for the device once a step.

    Attributes:
        rows: ``(n,)`` int64 on the device: the row of the table that each slot plays.

    Args:
        ids: ``(n,)``, what the slots play now.
        tasks: ``(n, *space.shape)``, likewise.
        take: where the next tasks come from.
        device: where the slots are.
    """

    def __init__(self, ids: IntArray, tasks: Array, take: Take, device: torch.device) -> None:
        self.rows = torch.arange(len(ids), device=device)
        self._take = take
        self._device = device
        # The table in pieces: it is put together only where somebody reads it.
        self._ids = [ids]
        self._tasks = [tasks]
        self._count = len(ids)
        # What each slot plays, and the seed of its episode.
        self._now = torch.from_numpy(tasks.copy()).to(device)
        self._seeds = torch.zeros(len(ids), dtype=torch.int64, device=device)

    @property
    def ids(self) -> IntArray:
        """``(rows,)`` on the host; -1 where a task is played again."""
        self._ids = [np.concatenate(self._ids)]
        return self._ids[0]

    @property
    def tasks(self) -> Array:
        """``(rows, *space.shape)`` on the host."""
        self._tasks = [np.concatenate(self._tasks)]
        return self._tasks[0]

    def draw(self, done: Tensor) -> tuple[Tensor, Tensor]:
        """Give every slot of ``done`` the next task, lower slots first.

        Returns:
            Tasks ``(n, *space.shape)`` and seeds ``(n,)`` of all slots; those outside ``done`` mean nothing.
        """
        # The size of this tensor is known to the host only when the device is there.
        slots = torch.nonzero(done).flatten()
        free = len(slots)
        if free == 0:
            return self._now, self._seeds
        ids, tasks, seeds = self._take(free)
        self._ids.append(ids)
        self._tasks.append(tasks)
        # New tensors, as environments may keep what they were given before.
        numbers = torch.arange(self._count, self._count + free, device=self._device)
        self.rows = self.rows.index_copy(0, slots, numbers)
        fresh = torch.from_numpy(np.ascontiguousarray(tasks)).to(self._device)
        self._now = self._now.index_copy(0, slots, fresh)
        self._seeds = self._seeds.index_copy(0, slots, seeds)
        self._count += free
        return self._now, self._seeds
