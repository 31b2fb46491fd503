"""Promotion by mastery: tasks in their order, the next one when the present ones are mastered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np

from teacherstudent.contract.checks import check_names, check_numbers, check_whole
from teacherstudent.contract.registry import TEACHERS
from teacherstudent.contract.spaces import Discrete
from teacherstudent.contract.stored.saved import saved_fifo, saved_whole
from teacherstudent.contract.teacher import Teacher
from teacherstudent.contract.types import Array, Assignment, FloatArray, IntArray, Outcomes, Seed, State, Wait
from teacherstudent.teachers.bandits.arms import push


@TEACHERS.register("mastery")
class MasteryTeacher(Teacher[Discrete]):
    """Goes through tasks in their order, one on whenever those at hand are mastered.

    The curricula of Khajehabdollahi et al. 2024, "Emergent mechanisms for long timescales depend on training
    curriculum and affect performance in memory tasks", ICLR, https://arxiv.org/abs/2309.12927. At hand are
    the newest task and those before it, as many as ``window`` says: 1 is the paper's single-head curriculum,
    None (all tasks from the first one on) the cumulative multi-head, a number between them the sliding one.

    Rows of an ask go round the tasks at hand; every row told is an episode. A task's level is the mean score
    of its last ``lookback`` episodes. Whenever as many episodes of tasks at hand have been told since the
    last time, at the end of a tell, they are assessed: passed if the newest task's level is above its line
    ``mastered`` and the mean of all levels above that of their lines. After ``patience`` passes in a row the
    next task joins, and with a full window the oldest one leaves. Nothing passes before every task at hand
    has ``lookback`` episodes, however many or few come in a tell.

    With ``demoted``, an assessment in which the newest task's level is below that line fails; after
    ``patience`` failures in a row the task leaves and the one before is the newest again. Both forget their
    scores: the way on is earned anew.

    The paper's rule has ``lookback`` and ``patience`` 1, for an accuracy over many sequences above 0.98,
    assessed after each epoch; scores as noisy as an episode's return or success need more.

    With ``least``, no assessment passes before the newest task has had as many episodes since it last became
    the newest. Episodes that fail count as well, so a task that is soon lost again waits for no one.

    A task keeps its scores when it stops being the newest. After the last task nothing moves on any more.

    Args:
        space: the tasks, in order of difficulty.
        seed: an integer of at least 0 or a ``SeedSequence``; nothing is drawn from it.
        mastered: the line, in raw scores, for all tasks or one for each; the family's if it has one.
        window: how many tasks are at hand at most, at least 1; None for no limit.
        lookback: episodes in a task's level, at least 1.
        patience: assessments in a row that must pass, or fail, at least 1.
        demoted: the line below which a task is lost again, for all or one for each; at most ``mastered``.
            None: no task is ever lost.
        least: episodes of the newest task before it can pass, at least 0, for all tasks or one for each.

    Raises:
        TypeError: if the space is not discrete, or the seed is no integer.
        ValueError: if ``mastered`` is missing, a line is not finite, there is not one for each task,
            ``demoted`` is above ``mastered``, ``least`` is no whole number, or another option is below 1.
    """

    accepts: ClassVar[tuple[type[gym.Space[Any]], ...]] = (Discrete,)

    def __init__(
        self,
        space: Discrete,
        *,
        seed: Seed,
        mastered: float | Sequence[float] | None = None,
        window: int | None = 1,
        lookback: int = 20,
        patience: int = 1,
        demoted: float | Sequence[float] | None = None,
        least: int | Sequence[int] = 0,
    ) -> None:
        super().__init__(space, seed=seed)
        if mastered is None:
            raise ValueError("mastery: mastered: expected a score above which a task is mastered, got None")
        for name, value in (("window", window), ("lookback", lookback), ("patience", patience)):
            # Only the window may be None, which is no limit.
            if not (name == "window" and value is None):
                check_whole(f"mastery: {name}", value, 1, 10**6)
        k = int(space.n)
        self.mastered = _lines("mastered", mastered, k)
        self.patience = patience
        self.lookback = lookback
        self.demoted = np.full(k, -np.inf)
        if demoted is not None:
            self.demoted = _lines("demoted", demoted, k)
        if (self.demoted > self.mastered).any():
            task = int((self.demoted > self.mastered).argmax())
            raise ValueError(
                f"mastery: demoted: expected at most mastered, {self.mastered[task]} for task {task}, "
                f"got {self.demoted[task]}"
            )
        self.window = window or k
        self.least = _counts("least", least, k)
        self._newest = self._turn = 0
        # Passes and failures in a row, and episodes since the last assessment.
        self._passes = self._fails = self._episodes = 0
        # Episodes of the newest task since it became the newest.
        self._stay = 0
        # The newest score of each task stands last.
        self._scores = np.full((k, lookback), np.nan)

    def first_action(self) -> Wait | None:
        """Return how many outcomes the first step to another task waits for; None once it was made."""
        if self.space.n == 1 or self._newest > 0:
            return None
        # The first assessment that can pass comes when the first task has had its least episodes. Each of the
        # others in a row waits for as many episodes as a level has.
        first = max(1, -(-int(self.least[0]) // self.lookback))
        rows = self.lookback * (first + self.patience - 1)
        return Wait(rows, "the second task", "a smaller lookback, patience or least")

    def _at_hand(self) -> IntArray:
        return np.arange(max(0, self._newest - self.window + 1), self._newest + 1)

    def _ask(self, ids: IntArray, progress: float) -> Assignment:
        hand = self._at_hand()
        # The turn goes on from ask to ask, so that small asks leave no task out.
        rows = hand[(self._turn + np.arange(len(ids))) % len(hand)]
        self._turn = (self._turn + len(ids)) % len(hand)
        return Assignment(ids=ids, tasks=(rows + self.space.start).astype(self.space.dtype))

    def _tell(self, outcomes: Outcomes) -> None:
        task = outcomes.tasks.astype(np.int64) - int(self.space.start)
        push(self._scores, task, outcomes.score)
        hand = self._at_hand()
        # Late episodes of tasks that are no longer at hand bring no assessment nearer.
        self._episodes += int(((task >= hand[0]) & (task <= hand[-1])).sum())
        self._stay += int((task == self._newest).sum())
        if self._episodes >= self.lookback:
            self._episodes = 0
            self._assess(hand)

    def _assess(self, hand: IntArray) -> None:
        """Count a pass or a failure, and move when there were enough in a row."""
        # A task with too few scores has a level of NaN, which is above and below nothing.
        levels = self._scores[hand].mean(axis=1)
        newest = levels[-1]
        lines = self.mastered[hand]
        stayed = self._stay >= self.least[self._newest]
        passed = stayed and newest > lines[-1] and levels.mean() > lines.mean()
        self._passes = self._passes + 1 if passed else 0
        self._fails = self._fails + 1 if newest < self.demoted[self._newest] else 0
        # A demotion is only looked at where nothing moves on, so one assessment never does both.
        if self._passes >= self.patience and self._newest < self.space.n - 1:
            self._move(1)
        elif self._fails >= self.patience and self._newest > 0:
            # Both tasks forget their scores, so that the way on is earned anew.
            self._scores[self._newest - 1 : self._newest + 1] = np.nan
            self._move(-1)

    def _move(self, step: int) -> None:
        self._newest += step
        # Other tasks are at hand now, so everything counted in a row begins again.
        self._turn = self._passes = self._fails = self._episodes = self._stay = 0

    def metrics(self) -> dict[str, float]:
        """Return the newest and the oldest task at hand, and the newest one's level where there is one."""
        hand = self._at_hand() + int(self.space.start)
        found = {"newest": float(hand[-1]), "oldest": float(hand[0])}
        level = float(self._scores[self._newest].mean())
        if np.isfinite(level):
            found["level"] = level
        return found

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
            "fails": self._fails,
            "episodes": self._episodes,
            "stay": self._stay,
            "scores": self._scores.copy(),
        }

    def _load(self, state: State) -> None:
        counts = ("newest", "turn", "passes", "fails", "episodes", "stay")
        check_names("mastery: state", (*counts, "scores"), state)
        newest, turn, passes, fails, episodes, stay = (saved_whole(f"mastery: {x}", state[x]) for x in counts)
        scores = saved_fifo("mastery: scores", state["scores"], self._scores.shape)
        if newest >= self.space.n:
            raise ValueError(f"mastery: newest: expected a task below {self.space.n}, got {newest}")
        self._newest = newest
        # The tasks at hand depend on `newest`, so it is set before the turn is checked.
        if turn >= len(self._at_hand()):
            raise ValueError(f"mastery: turn: expected one of {len(self._at_hand())} tasks, got {turn}")
        if episodes >= self.lookback:
            raise ValueError(f"mastery: episodes: expected fewer than {self.lookback}, got {episodes}")
        self._turn = turn
        self._episodes = episodes
        self._scores = scores
        self._passes = passes
        self._fails = fails
        self._stay = stay


def _lines(name: str, value: float | Sequence[float], k: int) -> FloatArray:
    """Return a line for each task; raise ValueError unless it is one finite number or ``k`` of them."""
    what = f"mastery: {name}"
    expected = f"a score as the line, or one for each of {k} tasks"
    given = check_numbers(what, expected, value)
    if given.shape not in ((), (k,)):
        raise ValueError(f"{what}: expected {expected}, got {value!r}")
    return np.array(np.broadcast_to(given, k))


def _counts(name: str, value: int | Sequence[int], k: int) -> IntArray:
    """Return a count for each task; raise ValueError unless it is one whole number or ``k`` of them."""
    what = f"mastery: {name}"
    expected = f"a whole number of at least 0, or one for each of {k} tasks"
    given = check_numbers(what, expected, value)
    wrong = (given < 0) | (given > 10**9) | (given != np.rint(given))
    if given.shape not in ((), (k,)) or wrong.any():
        raise ValueError(f"{what}: expected {expected}, got {value!r}")
    return np.array(np.broadcast_to(given, k), np.int64)
