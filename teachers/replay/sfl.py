"""SFL: from many levels that are measured now and then, train on those that are solved half of the time."""

from __future__ import annotations

from typing import Any, ClassVar

import gymnasium as gym
import numpy as np

from teacherstudent.contract import spaces
from teacherstudent.contract.checks import check_names, check_whole, is_number, is_whole
from teacherstudent.contract.purposes import Purpose
from teacherstudent.contract.registry import TEACHERS
from teacherstudent.contract.spaces import Box, Discrete, Levels
from teacherstudent.contract.stored.saved import saved_array, saved_whole
from teacherstudent.contract.teacher import Teacher
from teacherstudent.contract.types import (
    Array,
    Assignment,
    BoolArray,
    FloatArray,
    Granularity,
    IntArray,
    Outcomes,
    Seed,
    State,
    Wait,
)
from teacherstudent.teachers.replay import edits as level_spaces
from teacherstudent.teachers.replay.buffer import repeats as level_repeats
from teacherstudent.teachers.replay.buffer.levels import LevelBuffer
from teacherstudent.teachers.replay.buffer.picture import picture
from teacherstudent.teachers.replay.buffer.rows import NEW, Pending, Rows
from teacherstudent.teachers.replay.buffer.scores import CUT, EPISODES, judged
from teacherstudent.teachers.replay.counts import NAMES, Counts
from teacherstudent.teachers.replay.cycle import buffer_metrics, replayed
from teacherstudent.teachers.signals import share


@TEACHERS.register("sfl")
class SFL(Teacher[gym.Space[Any]]):
    """Trains on the levels of the highest learnability among many (sampling for learnability, SFL).

    Rutherford, Beukman, Willi, Lacerda, Hawes and Foerster 2024, "No regrets: investigating and improving
    regret approximations for curriculum discovery", https://arxiv.org/abs/2408.15099, algorithms 1 and 2.
    Every ``refresh`` asks, ``candidates`` random levels are measured; the learnability of a level is
    p (1 - p), p how often it is solved. The ``keep`` levels of the highest are the set; of equal ones any.
    Until the next refresh a share ``rho`` of the levels trained on is drawn from it uniformly, with
    replacement; the others are new.

    The paper's numbers: in mazes 1 000 of 25 000 levels are kept for 100 updates, for one agent in JaxNav 100
    of 5 000 for 50, each measured in one long rollout of up to 10 episodes. Measuring is charged, and may
    cost more than training.

    Deviations: a student's rollout may complete one episode only, which says nothing of p (1 - p), so every
    candidate is measured in ``attempts`` rollouts. Each of them that completed an episode counts the same: p
    is the mean of their shares of successes. (Episodes are not pooled: a rollout of fixed length holds one
    long failure or many short successes.) A rollout that is shorter than its episode counts as a failure
    where the student judges such rows (signal ``cut``), and else not at all; candidates of which none counts
    are left out. Of candidates that are equal, as in small spaces, one is measured. The defaults make as many
    rollouts as in JaxNav, on a fifth of the levels.
    If an ask ends the measuring in its middle, its other rows are for training.

    ``candidates``, ``keep`` and ``refresh`` follow the length of a run where they are None (`fit_to`): a
    refresh takes a twentieth of the rows. A teacher that is told of no run has
    1 000, 100 and 50.

    Args:
        space: any box, discrete or level space.
        seed: an integer of at least 0 or a ``SeedSequence``.
        refresh: asks for training between two refreshes; None see above.
        candidates: levels drawn at a refresh, to be measured; None see above.
        attempts: rollouts on each.
        keep: size of the set, at most ``candidates``; None for a tenth of them, at most 100.
        rho: share of the rows trained on that comes from the set.

    Raises:
        TypeError: if the space is of another kind, or the seed is no integer.
        ValueError: if the space is empty or unbounded, or an option is out of range.
    """

    accepts: ClassVar[tuple[type[gym.Space[Any]], ...]] = (Box, Discrete, Levels)
    needs: frozenset[str] = frozenset({EPISODES, "success"})
    measures: frozenset[str] = needs
    reads: frozenset[str] = frozenset({CUT})
    granularity: Granularity = "rollout"

    def __init__(
        self,
        space: gym.Space[Any],
        *,
        seed: Seed,
        refresh: int | None = None,
        candidates: int | None = None,
        attempts: int = 5,
        keep: int | None = None,
        rho: float = 0.5,
    ) -> None:
        self._open = {"refresh": refresh is None, "candidates": candidates is None, "keep": keep is None}
        refresh = 50 if refresh is None else refresh
        candidates = 1000 if candidates is None else candidates
        # Whatever the candidates are is checked below.
        if keep is None:
            keep = min(100, candidates) if is_whole(candidates) else 100
        for name, value in (
            ("refresh", refresh),
            ("candidates", candidates),
            ("attempts", attempts),
            ("keep", keep),
        ):
            check_whole(f"sfl: {name}", value, 1, 10**8)
        if keep > candidates:
            raise ValueError(f"sfl: keep: expected at most candidates = {candidates}, got {keep}")
        if not (is_number(rho) and 0 <= rho <= 1):
            raise ValueError(f"sfl: rho: expected a share in [0, 1], got {rho!r}")
        super().__init__(space, seed=seed)
        self._rho = float(rho)
        # Uniform draws from the set: neither score nor staleness plays a role.
        self.buffer = _set_of(space, int(keep))
        self._pending = Pending()
        self._counts = Counts()
        self._refresh, self._candidates = int(refresh), int(candidates)
        self._trial = _Trial(attempts)
        # Asks for training until the next refresh; -1 while candidates are measured.
        self._left = 0

    def first_action(self) -> Wait | None:
        """Return how many rows the first refresh takes, in which nothing is trained on; None after it."""
        if len(self.buffer):
            return None
        levels = int(min(self._candidates, level_spaces.count(self.space)))
        return Wait(levels * self._trial.attempts, "training", "fewer candidates or attempts")

    def decisions(self) -> int:
        """Return how many rows came from the set of the best."""
        return self._counts.asked - self._counts.new

    def steered(self, assignment: Assignment) -> BoolArray:
        """Return ``(n,)`` which rows come from the set of the best: others are as if nothing was told."""
        steered: BoolArray = assignment.notes["kind"] != NEW
        return steered

    def fit_to(self, rows: int, slots: int) -> dict[str, Any]:
        """Choose ``candidates``, ``keep`` and ``refresh`` by the rows of the run where they are None."""
        # A refresh measures every candidate in all attempts: a twentieth of the rows.
        numbers = {
            "candidates": min(1000, max(1, rows // (20 * self._trial.attempts))),
            "refresh": min(50, max(1, rows // (20 * slots))),
        }
        found = {name: value for name, value in numbers.items() if self._open[name]}
        self._candidates = found.get("candidates", self._candidates)
        self._refresh = found.get("refresh", self._refresh)
        # The set is a tenth of the candidates, as in the defaults; a given set may be no greater than they.
        if self._open["keep"]:
            found["keep"] = max(1, min(100, self._candidates // 10))
            self.buffer = _set_of(self.space, found["keep"])
        elif self.buffer.capacity > self._candidates:
            self._candidates = self.buffer.capacity
            found["candidates"] = self._candidates
        return found

    def _ask(self, ids: IntArray, progress: float) -> Assignment:
        parts = self._parts(len(ids))
        self._counts.hand_out(parts)
        return self._pending.hand_out(self.space, ids, parts)

    def _parts(self, n: int) -> list[Rows]:
        """Return the ``n`` rows of an ask, in groups of one kind."""
        # All rows are handed out. Those that have not come back are not waited for.
        if self._left < 0 and self._trial.open == 0:
            self._keep_best()
            self._left = self._refresh
        elif self._left == 0:
            drawn = spaces.sample(self.space, self.rng, self._candidates)
            # Of equal candidates, as in small spaces, one is measured.
            _, first = level_repeats.groups(np.array(level_spaces.keys(self.space, drawn), np.int64))
            self._trial.begin(drawn[first])
            self._left = -1
        if self._left > 0:
            self._left -= 1
            return self._for_training(n)
        tasks, numbers = self._trial.hand_out(n)
        parts = [Rows(tasks=tasks, kind=NEW, purpose=Purpose.MEASURE, numbers=numbers)]
        if len(tasks) < n:
            # The ask ends the measuring in its middle, so its other rows are for training.
            parts += self._for_training(n - len(tasks))
        return parts

    def _for_training(self, n: int) -> list[Rows]:
        """Return ``rho n`` levels of the set, rounded so that it holds over several asks, and new ones."""
        rho = self._rho
        before = self._trial.trained
        parts = []
        self._trial.trained += n
        known = 0
        if len(self.buffer):
            # Differences of rounded totals keep the share over several asks.
            known = int(rho * (before + n)) - int(rho * before)
        if known:
            parts.append(replayed(self.buffer, self.buffer.sample(self.rng, known)))
        if n > known:
            tasks = spaces.sample(self.space, self.rng, n - known)
            parts.append(Rows(tasks=tasks, kind=NEW, purpose=Purpose.TRAIN))
        return parts

    def _keep_best(self) -> None:
        tasks, learnability = self._trial.result()
        if len(tasks):
            # Ties are broken at random: early on most levels have a learnability of 0.
            best = level_repeats.falling(learnability, self.rng)[: self.buffer.capacity]
            self.buffer.clear()
            self.buffer.insert(tasks[best], learnability[best])

    def _tell(self, outcomes: Outcomes) -> None:
        # Shares outside [0, 1] are refused here, before anything changes.
        solved = share(outcomes, "success")
        number = self._pending.look(outcomes.ids)[3]
        self._trial.count(number, judged(outcomes), solved)
        self._counts.tell(outcomes)
        self._pending.close(outcomes.ids)

    def _drop(self, ids: IntArray) -> None:
        self._pending.close(ids)

    def metrics(self) -> dict[str, float]:
        """Return the shares of rows (`Counts.metrics`) and what the set holds (`buffer_metrics`)."""
        return self._counts.metrics() | buffer_metrics(self.buffer)

    def snapshot(self) -> dict[str, Any]:
        """Return quantiles of learnability, features of some levels of the set, and the best."""
        return picture(self.buffer)

    def _state(self) -> State:
        return {
            "buffer": self.buffer.state_dict(),
            "pending": self._pending.state(),
            "trial": self._trial.state(),
            "left": self._left,
            **self._counts.state(),
        }

    def _load(self, state: State) -> None:
        check_names("sfl: state", ("buffer", "pending", "trial", "left", *NAMES), state)
        self.buffer.load_state_dict(state["buffer"])
        self._pending.load(state["pending"])
        self._counts.load({name: state[name] for name in NAMES})
        self._trial.load(state["trial"])
        if self._trial.begun:
            # Only the teacher knows the space that these tasks must lie in.
            spaces.check_tasks(self.space, state["trial"]["tasks"], "sfl: state")
        self._left = saved_whole("sfl: left", state["left"], -1, self._refresh)


def _set_of(space: gym.Space[Any], keep: int) -> LevelBuffer:
    """Return an empty set of levels, from which is drawn uniformly."""
    return LevelBuffer(space, capacity=keep, temperature=np.inf, staleness=0.0, evict="score")


class _Trial:
    """Candidates, and how often they were solved; every one is handed out several times."""

    def __init__(self, attempts: int) -> None:
        self.attempts = int(attempts)
        self._tasks: Array = np.zeros(0)
        # Rollouts that count, and the sum of their shares of successes.
        self._tally = np.zeros((2, 0))
        # The number of this trial's first row.
        self._first = 0
        self._handed = 0
        # Rows handed out for training, in all trials.
        self.trained = 0

    @property
    def begun(self) -> bool:
        """Whether there are candidates."""
        return len(self._tasks) > 0

    @property
    def open(self) -> int:
        """Rows that have not been handed out."""
        return len(self._tasks) * self.attempts - self._handed

    def begin(self, tasks: Array) -> None:
        # Numbers go on from trial to trial, so that late rows of an old one are told apart.
        self._first += self._handed
        self._tasks = tasks
        self._tally = np.zeros((2, len(tasks)))
        self._handed = 0

    def hand_out(self, n: int) -> tuple[Array, IntArray]:
        """Return the next candidates and the numbers of their rows."""
        rows = self._handed + np.arange(min(n, self.open))
        self._handed += len(rows)
        # Candidates come in turn, so their attempts are spread over all rollouts.
        return self._tasks[rows % len(self._tasks)], self._first + rows

    def count(self, numbers: IntArray, judged: BoolArray, success: Array) -> None:
        """Count those of this trial's rows that can be judged, each the same however many episodes it has."""
        # Late rows of an earlier trial have smaller numbers, rows that nobody asked for have -1.
        own = (numbers >= self._first) & (numbers < self._first + self._handed)
        which = (numbers[own] - self._first) % max(1, len(self._tasks))
        counts = judged[own]
        # `np.add.at`, because several rows may be of one candidate.
        np.add.at(self._tally[0], which, counts)
        np.add.at(self._tally[1], which, np.where(counts, success[own], 0.0))

    def result(self) -> tuple[Array, FloatArray]:
        """Return the candidates of which a row counts, and their learnability."""
        there = self._tally[0] > 0
        p = self._tally[1, there] / self._tally[0, there]
        return self._tasks[there], p * (1 - p)

    def state(self) -> State:
        return {
            "tasks": self._tasks.copy(),
            "tally": self._tally.copy(),
            "first": self._first,
            "handed": self._handed,
            "trained": self.trained,
        }

    def load(self, state: State) -> None:
        check_names("sfl: state", ("tasks", "tally", "first", "handed", "trained"), state)
        tasks = np.array(state["tasks"])
        n = len(tasks)
        tally = saved_array("sfl: tally", state["tally"], np.float64, (2, n), low=0)
        if (tally[1] > tally[0]).any():
            raise ValueError(f"sfl: tally: expected at most as many successes as rollouts, got {tally}")
        self._handed = saved_whole("sfl: handed", state["handed"], 0, n * self.attempts)
        self._tasks = tasks
        self._tally = tally
        self._first = saved_whole("sfl: first", state["first"], 0, 2**62)
        self.trained = saved_whole("sfl: trained", state["trained"], 0, 2**62)
