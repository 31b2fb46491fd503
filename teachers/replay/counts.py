"""How many rows of which kind were handed out, and how many came back without a completed episode."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from teacherstudent.contract.checks import check_names
from teacherstudent.contract.stored.saved import saved_array
from teacherstudent.contract.types import Outcomes, State
from teacherstudent.teachers.replay.buffer.rows import NEW, Rows
from teacherstudent.teachers.replay.buffer.scores import EPISODES
from teacherstudent.teachers.signals import signal

NAMES = ("asked", "told")
"""Entries of the state."""


class Counts:
    """Counts of rows for the metrics of teachers of levels.

    Attributes:
        asked: rows handed out, over all kinds.
    """

    def __init__(self) -> None:
        # Rows handed out, by kind.
        self._asked = np.zeros(3, np.int64)
        # Rows told of, and those of them without a completed episode.
        self._told = np.zeros(2, np.int64)

    @property
    def asked(self) -> int:
        """Rows handed out, over all kinds."""
        return int(self._asked.sum())

    @property
    def new(self) -> int:
        """Generated rows handed out."""
        return int(self._asked[NEW])

    def hand_out(self, parts: Sequence[Rows]) -> None:
        """Count rows that are handed out."""
        for part in parts:
            self._asked[part.kind] += len(part.tasks)

    def tell(self, outcomes: Outcomes) -> None:
        """Count rows that have come back, where they say how many episodes they completed.

        Raises:
            ValueError: if the signal is not one number a row; nothing is counted then.
        """
        if EPISODES in outcomes.signals:
            unfinished = int((signal(outcomes, EPISODES) == 0).sum())
            self._told += [len(outcomes), unfinished]

    def metrics(self) -> dict[str, float]:
        """Return the shares of new, replayed and edited rows, and of rows without a completed episode.

        Where the last is near 1, hardly anything is scored: the student's rollouts are shorter than its
        episodes.
        """
        shares = self._asked / max(1, self.asked)
        found = dict(zip(("new_share", "replay_share", "edit_share"), shares.tolist(), strict=True))
        found["unfinished_share"] = float(self._told[1] / max(1, self._told[0]))
        return found

    def state(self) -> State:
        """Return the counts as plain data; a copy."""
        return {"asked": self._asked.copy(), "told": self._told.copy()}

    def load(self, state: State) -> None:
        """Continue from `state`.

        Raises:
            ValueError: if it is damaged.
        """
        check_names("counts of rows", NAMES, state)
        asked = saved_array("counts of rows: asked", state["asked"], np.int64, (3,), low=0)
        self._told = saved_array("counts of rows: told", state["told"], np.int64, (2,), low=0)
        self._asked = asked
