"""Promotion by mastery: tasks in their order, the next one when the present ones are mastered."""

from __future__ import annotations

from typing import Any, ClassVar

import gymnasium as gym
import numpy as np

from teacherstudent.fitting.arms import push
from teacherstudent.registry import TEACHERS
from teacherstudent.spaces import Discrete
from teacherstudent.teacher import Teacher
from teacherstudent.types import (
    Array,
    Assignment,
    FloatArray,
    IntArray,
    Outcomes,
    Seed,
    State,
    Wait,
    check_names,
    check_whole,
    is_finite,
)


@TEACHERS.register("mastery")
class MasteryTeacher(Teacher[Discrete]):
    """Goes through tasks in their order, one on whenever those at hand are mastered.

    The curricula of Khajehabdollahi et al. 2024, "Emergent mechanisms for long timescales depend on training
    curriculum and affect performance in memory tasks", ICLR, https://arxiv.org/abs/2309.12927. At hand are
    the newest task and those before it, as many as ``window`` says: 1 is the paper's single-head curriculum,
    None (all tasks from the first one on) the cumulative multi-head, a number between them the sliding one.

    Rows of an ask go round the tasks at hand. A task's level is the mean of its last ``lookback`` scores.
    Whenever outcomes of tasks at hand are told, they are assessed: passed if the newest task's level and the
    mean of all levels are above ``mastered``. Rows of one task that are told together are one score, their
    mean: a student that learns all rows of a round at once measures a task once. After ``patience`` passes in
    a row the next task joins, and with a full window the oldest one leaves. Nothing passes before every task
    at hand has ``lookback`` scores. The paper's rule has ``lookback`` and ``patience`` 1, for an accuracy
    above 0.98, assessed after each epoch; scores as noisy as an episode's return need more of both.

    A task keeps its scores when it stops being the newest. After the last task nothing moves any more.

    Args:
        space: the tasks, in order of difficulty.
        seed: an integer of at least 0 or a ``SeedSequence``; nothing is drawn from it.
        mastered: the line, in raw scores; the family's if it has one.
        window: how many tasks are at hand at most, at least 1; None for no limit.
        lookback: scores in a task's level, at least 1.
        patience: assessments in a row that must pass, at least 1.

    Raises:
        TypeError: if the space is not discrete, or the seed is no integer.
        ValueError: if ``mastered`` is missing or not finite, or another option is below 1.
    """

    accepts: ClassVar[tuple[type[gym.Space[Any]], ...]] = (Discrete,)

    def __init__(
        self,
        space: Discrete,
        *,
        seed: Seed,
        mastered: float | None = None,
        window: int | None = 1,
        lookback: int = 1,
        patience: int = 1,
    ) -> None:
        super().__init__(space, seed=seed)
        if not is_finite(mastered):
            raise ValueError(
                f"mastery: mastered: expected a score above which a task is mastered, got {mastered!r}"
            )
        for name, value in (("window", window), ("lookback", lookback), ("patience", patience)):
            if not (name == "window" and value is None):
                check_whole(f"mastery: {name}", value, 1, 10**6)
        self.mastered, self.patience = mastered, patience
        self.window = int(space.n) if window is None else window
        self._newest, self._turn, self._passes = 0, 0, 0
        self._scores = np.full((int(space.n), lookback), np.nan)  # newest last

    def first_action(self) -> Wait | None:
        """Return how many outcomes the first step to another task waits for."""
        if self.space.n == 1:
            return None
        rows = self._scores.shape[1] + self.patience - 1
        return Wait(rows, "the second task", "a smaller lookback or patience")

    def _at_hand(self) -> IntArray:
        return np.arange(max(0, self._newest - self.window + 1), self._newest + 1)

    def _ask(self, ids: IntArray, progress: float) -> Assignment:
        hand = self._at_hand()
        rows = hand[(self._turn + np.arange(len(ids))) % len(hand)]
        self._turn = (self._turn + len(ids)) % len(hand)
        return Assignment(ids=ids, tasks=(rows + self.space.start).astype(self.space.dtype))

    def _tell(self, outcomes: Outcomes) -> None:
        task = outcomes.tasks.astype(np.int64) - int(self.space.start)
        told, row = np.unique(task, return_inverse=True)
        push(self._scores, told, np.bincount(row, outcomes.score) / np.bincount(row))
        hand = self._at_hand()
        if not np.isin(task, hand).any():
            return
        levels = self._scores[hand].mean(axis=1)  # NaN, which is above nothing, where scores are missing
        passed = levels[-1] > self.mastered and levels.mean() > self.mastered
        self._passes = self._passes + 1 if passed else 0
        if self._passes >= self.patience and self._newest < self.space.n - 1:
            self._newest, self._turn, self._passes = self._newest + 1, 0, 0

    def metrics(self) -> dict[str, float]:
        """Return the newest and the oldest task at hand, and the newest one's level where there is one."""
        hand = self._at_hand() + int(self.space.start)
        found = {"newest": float(hand[-1]), "oldest": float(hand[0])}
        level = float(self._scores[self._newest].mean())
        return found | ({"level": level} if np.isfinite(level) else {})

    def snapshot(self) -> dict[str, Array]:
        """Return every task, the chance that a row is of it, and its level (NaN without scores); ``(k,)``."""
        chance: FloatArray = np.zeros(int(self.space.n))
        hand = self._at_hand()
        chance[hand] = 1 / len(hand)
        return {
            "tasks": np.arange(int(self.space.n)) + int(self.space.start),
            "probabilities": chance,
            "value": self._scores.mean(axis=1),
        }

    def _state(self) -> State:
        return {
            "newest": self._newest,
            "turn": self._turn,
            "passes": self._passes,
            "scores": self._scores.copy(),
        }

    def _load(self, state: State) -> None:
        check_names("mastery: state", ("newest", "turn", "passes", "scores"), state)
        self._newest, self._turn = int(state["newest"]), int(state["turn"])
        self._passes = int(state["passes"])
        self._scores = np.array(state["scores"], np.float64)
