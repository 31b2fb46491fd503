"""GoalGAN: a generative network makes goals like those that a student reaches now and then."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import gymnasium as gym
import numpy as np

from teacherstudent.contract import spaces
from teacherstudent.contract.checks import (
    check_keywords,
    check_mapping,
    check_names,
    check_one_of,
    check_real,
    check_whole,
)
from teacherstudent.contract.registry import TEACHERS
from teacherstudent.contract.spaces import Box
from teacherstudent.contract.stored.saved import saved_array, saved_number, saved_whole
from teacherstudent.contract.teacher import Teacher
from teacherstudent.contract.types import (
    Array,
    Assignment,
    BoolArray,
    FloatArray,
    IntArray,
    Outcomes,
    Seed,
    State,
    Wait,
)
from teacherstudent.teachers.generators.apart import Apart
from teacherstudent.teachers.generators.lsgan import LSGAN, GanOptions
from teacherstudent.teachers.generators.trials import Trials, TrialsByBytes, TrialsById
from teacherstudent.teachers.goals.band import check_band
from teacherstudent.teachers.signals import check_mastered, successes

DISTANCE = 0.01
"""How far mastered goals keep from each other, as a share of the space's diagonal."""
PRETRAINING = 1000
"""Uniform points of which the network makes its first goals."""
_PRETRAIN = 500
_SHOWN = 256
"""Made goals in a snapshot."""


@TEACHERS.register("goal-gan")
class GoalGANTeacher(Teacher[Box]):
    """Makes goals of intermediate difficulty with a generative adversarial network.

    Florensa, Held, Geng and Abbeel 2018, "Automatic goal generation for reinforcement learning agents",
    https://arxiv.org/abs/1705.06366, algorithm 1, as published in TeachMyAgent (Romac et al. 2021,
    https://arxiv.org/abs/2103.09815).

    A made goal is asked for in ``n_rollouts`` rows, one after the other. Its label is good if its mean
    success is within ``band``. Whenever ``update_size`` goals have a label, and one is good, the network
    learns to make goals like the good ones and unlike the others (`generators.lsgan.LSGAN`). Goals above the
    band are mastered: they are remembered, the newest 10 000, if they are farther than a hundredth of the
    space's diagonal from those remembered already. With probability ``p_old`` a goal is one of these, for one
    row, whose outcome does not count. All goals are moved by normal noise and clipped.

    ``variant="paper"`` does what TeachMyAgent's code does:

    - goals are divided by their whole range, so that they fill half of what the network can make; what it
      makes beyond is clipped to the ends of the space;
    - an outcome counts for the oldest goal of an equal task, in float32, whoever asked for it;
    - no training before the first task: the first goals lie around the middle of the space;
    - distances between mastered goals in raw task units.

    ``variant="fixed"``:

    - goals fill the network's range, linear in the logarithm where the space says so;
    - an outcome counts for the goal whose row it is, by its id: late, and in any order. A goal of which a row
      was dropped is given up;
    - before the first task the network is trained on uniform goals, as in Klink et al. 2022
      (https://github.com/psclklnk/currot);
    - distances in the unit cube.

    Deviations of both: draws are from the teacher's own generator, not from a global one; mastered goals are
    limited in number; see `LSGAN` for the optimiser.

    A row succeeds by its signal ``success`` where it carries one (a share counts as such), else if its score
    is above ``mastered``. A batch told at once gives the state of its rows told one by one. With two rollouts
    there is one mean between none and all: one success.

    Args:
        space: a box.
        seed: an integer of at least 0 or a ``SeedSequence``.
        variant: ``"fixed"`` or ``"paper"``.
        mastered: the score above which a goal counts as reached; the family's if it has one.
        update_size: labelled goals between two trainings.
        n_rollouts: rows in which a made goal is tried.
        band: least and greatest mean success of a good goal; goid_lb and goid_ub.
        p_old: probability of a mastered goal.
        noise: standard deviation of the noise, as a share of each dimension's range. TeachMyAgent tuned it to
            0.1; 0.01 is its command line's.
        gan: options of `GanOptions`, by name.

    Raises:
        TypeError: if the space is no box, or the seed is no integer.
        ValueError: if ``mastered`` is missing, or an option is out of range.
    """

    accepts: ClassVar[tuple[type[gym.Space[Any]], ...]] = (Box,)
    reads: frozenset[str] = frozenset({"success"})

    def __init__(
        self,
        space: Box,
        *,
        seed: Seed,
        variant: Literal["fixed", "paper"] = "fixed",
        mastered: float | None = None,
        update_size: int = 100,
        n_rollouts: int = 2,
        band: tuple[float, float] = (0.25, 0.75),
        p_old: float = 0.2,
        noise: float = 0.1,
        gan: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(space, seed=seed)
        check_one_of("goal-gan: variant", variant, ("fixed", "paper"))
        self.mastered = check_mastered("goal-gan", mastered)
        self.update_size = check_whole("goal-gan: update_size", update_size, 1, 10**6)
        self.n_rollouts = check_whole("goal-gan: n_rollouts", n_rollouts, 1, 10**6)
        self.band = check_band("goal-gan: band", band)
        self.p_old = check_real("goal-gan: p_old", p_old, 0, 1)
        self.noise = check_real("goal-gan: noise", noise, 0, 1)
        options = GanOptions(**check_keywords("goal-gan: gan", gan, GanOptions))
        d = int(np.prod(space.shape))
        self._cube: _Cube = _Cube(space, paper=variant == "paper")
        self._gan = LSGAN(d, options, seed=int(self.rng.integers(2**63)))
        self._steps = options.iterations
        # How many steps the network has still to take before the first task.
        self._pretrain = options.pretrain or 0
        self._trials: Trials
        if variant == "paper":
            self._trials = TrialsByBytes(d, self.n_rollouts)
        else:
            self._trials = TrialsById(d, self.n_rollouts)
            if options.pretrain is None:
                self._pretrain = _PRETRAIN
        self._old = Apart(self._cube.scale, DISTANCE)
        # The goal that the next rows repeat, its number, and how many rows.
        self._goal = np.zeros(d)
        self._number = self._left = 0
        # Goals with a mean success: those to be learnt from next, and those learnt from last.
        self._labelled = _none(d)
        self._learnt = _none(d)
        self._losses: dict[str, float] = {}
        self._updates = 0

    def _ask(self, ids: IntArray, progress: float) -> Assignment:
        if self._pretrain:
            self._train(
                self.rng.random((PRETRAINING, len(self._goal))), np.ones(PRETRAINING, np.bool_), first=True
            )
            self._pretrain = 0
        n = len(ids)
        rest = min(n, self._left)
        self._left -= rest
        points, numbers = np.repeat(self._goal[None], rest, axis=0), np.full(rest, self._number)
        if n > rest:
            more, their = self._goals(n - rest)
            points, numbers = np.concatenate([points, more]), np.append(numbers, their)
        self._trials.hand_out(ids, numbers)
        return Assignment(ids=ids, tasks=self._cube.tasks(points))

    def _goals(self, n: int) -> tuple[FloatArray, IntArray]:
        """Return the goals of ``n`` rows ``(n, d)`` and their numbers, -1 of old ones."""
        made = self.rng.random(n) >= self.p_old
        if not len(self._old):
            made[:] = True
        # A made goal fills several rows: only as many goals are drawn as there are rows for.
        ends = np.cumsum(np.where(made, self.n_rollouts, 1))
        goals = int(np.searchsorted(ends, n)) + 1
        made = made[:goals]
        tasks = self._cube.tasks(self._drawn(made))
        # There and back, so that the network learns of what was really played.
        points = self._cube.points(tasks)
        numbers = np.full(goals, -1)
        numbers[made] = self._trials.begin(points[made], tasks[made])
        which = np.repeat(np.arange(goals), np.where(made, self.n_rollouts, 1))[:n]
        # The last goal may have more rows than this ask: the next one goes on with it.
        self._goal, self._number = points[-1], int(numbers[-1])
        self._left = int(ends[goals - 1]) - n
        return points[which], numbers[which]

    def _drawn(self, made: BoolArray) -> FloatArray:
        """Return a goal for each entry ``(n, d)``, made or old, with noise."""
        shape = (len(made), len(self._goal))
        points = self._cube.made(self._gan.make(self.rng.standard_normal(shape)))
        if len(self._old):
            old = self._old.points[self.rng.integers(len(self._old), size=len(made))]
            points = np.where(made[:, None], points, old)
        return np.clip(points + self.noise * self.rng.standard_normal(shape), 0.0, 1.0)

    def _tell(self, outcomes: Outcomes) -> None:
        success = successes(outcomes, self.mastered)
        points, mean = self._trials.tell(outcomes.ids, outcomes.tasks, success)
        self._old.add(points[mean > self.band[1]])
        rows = np.column_stack([points, mean])
        self._labelled = np.concatenate([self._labelled, rows])
        # Trainings happen at the same goals however these come together in a batch.
        while len(self._labelled) >= self.update_size:
            self._learnt, self._labelled = np.split(self._labelled, [self.update_size])
            good = self._good(self._learnt[:, -1])
            if good.any():
                self._train(self._learnt[:, :-1], good)

    def _good(self, mean: FloatArray) -> BoolArray:
        return (mean >= self.band[0]) & (mean <= self.band[1])

    def _train(self, points: FloatArray, good: BoolArray, *, first: bool = False) -> None:
        steps = self._pretrain if first else self._steps
        losses = self._gan.train(self._cube.network(points), good, steps, self.rng)
        if not first:
            self._losses = losses
            self._updates += 1

    def _drop(self, ids: IntArray) -> None:
        self._trials.drop(ids)

    def first_action(self) -> Wait | None:
        """Return how many outcomes the first training waits for; None afterwards."""
        if self._updates:
            return None
        rows = self.update_size * self.n_rollouts
        return Wait(rows, "the training of its network", "a smaller update_size or n_rollouts")

    def decisions(self) -> int:
        """Return the trainings of the network."""
        return self._updates

    def metrics(self) -> dict[str, float]:
        """Return goals mastered and waited for, trainings; of the last labels the good share, and losses."""
        found = {
            "mastered": float(len(self._old)),
            "pending": float(len(self._trials)),
            "updates": float(self._updates),
        }
        if len(self._learnt):
            found["intermediate"] = float(self._good(self._learnt[:, -1]).mean())
        return found | self._losses

    def snapshot(self) -> dict[str, Any]:
        """Return, in task units, the goals labelled last and some that the network makes now, without noise.

        ``tasks (m, d)`` and ``success (m,)``; ``made (256, d)``, always of the same noise.
        """
        noise = np.random.default_rng(0).standard_normal((_SHOWN, len(self._goal)))
        made = np.clip(self._cube.made(self._gan.make(noise)), 0.0, 1.0)
        return {
            "tasks": self._cube.raw(self._learnt[:, :-1]),
            "success": self._learnt[:, -1].copy(),
            "made": self._cube.raw(made),
        }

    def _state(self) -> State:
        return {
            "gan": self._gan.state_dict(),
            "pretrain": self._pretrain,
            "trials": self._trials.state(),
            "old": self._old.points.copy(),
            "repeated": {"goal": self._goal.copy(), "number": self._number, "left": self._left},
            "labelled": self._labelled.copy(),
            "learnt": self._learnt.copy(),
            "losses": dict(self._losses),
            "updates": self._updates,
        }

    def _load(self, state: State) -> None:
        names = ("gan", "pretrain", "trials", "old", "repeated", "labelled", "learnt", "losses", "updates")
        check_names("goal-gan: state", names, state)
        self._gan.load_state_dict("goal-gan: gan", state["gan"])
        self._pretrain = saved_whole("goal-gan: pretrain", state["pretrain"], 0, 10**6)
        self._trials.load("goal-gan: trials", state["trials"])
        self._old.load("goal-gan: old", state["old"])
        repeated = check_mapping("goal-gan: repeated", state["repeated"], optional=False)
        check_names("goal-gan: repeated", ("goal", "number", "left"), repeated)
        shape = self._goal.shape
        self._goal = saved_array("goal-gan: goal", repeated["goal"], np.float64, shape, low=0, high=1)
        self._number = saved_whole("goal-gan: number", repeated["number"], -1, 2**62)
        self._left = saved_whole("goal-gan: left", repeated["left"], 0, self.n_rollouts - 1)
        width = (None, len(self._goal) + 1)
        self._labelled = saved_array(
            "goal-gan: labelled", state["labelled"], np.float64, width, low=0, high=1
        )
        if len(self._labelled) >= self.update_size:
            raise ValueError(f"goal-gan: labelled: expected fewer than {self.update_size} goals")
        self._learnt = saved_array("goal-gan: learnt", state["learnt"], np.float64, width, low=0, high=1)
        losses = check_mapping("goal-gan: losses", state["losses"], optional=False)
        self._losses = {name: saved_number(f"goal-gan: {name}", value) for name, value in losses.items()}
        self._updates = saved_whole("goal-gan: updates", state["updates"])


def _none(d: int) -> FloatArray:
    """Return no goals, whose last column is a mean success."""
    return np.empty((0, d + 1))


class _Cube:
    """Between tasks, points of the unit cube, and what the network makes.

    Attributes:
        scale: ``(d,)``: what a unit of each coordinate counts in distances; the diagonal is 1.
    """

    def __init__(self, space: Box, *, paper: bool) -> None:
        if paper:
            spaces.check_single(space, "goal-gan")
        self._space, self._paper = space, paper
        self._low, high = spaces.edges(space)
        self._range = high - self._low
        units = self._range if paper else np.ones(len(self._range))
        # Scaled by the greatest first: squares of very long or short ranges are no floats.
        units = units / units.max()
        self.scale: FloatArray = units / np.linalg.norm(units)
        # What the network makes is from -1 to 1: the authors take 1 for a whole range, of which it is a half.
        self._span = 1.0 if paper else 0.5

    def tasks(self, points: FloatArray) -> Array:
        """Return tasks of points ``(n, d)`` in the unit cube."""
        if not self._paper:
            return spaces.from_unit(self._space, points)
        raw = self._low + points * self._range
        return spaces.from_flat(self._space, raw.astype(np.float32).astype(np.float64))

    def points(self, tasks: Array) -> FloatArray:
        """Return points of tasks."""
        if not self._paper:
            return spaces.to_unit(self._space, tasks)
        flat = tasks.reshape(len(tasks), -1).astype(np.float64)
        return np.clip((flat - self._low) / self._range, 0.0, 1.0)

    def raw(self, points: FloatArray) -> FloatArray:
        """Return points in task units, ``(n, d)``."""
        return self.tasks(points).reshape(points.shape).astype(np.float64)

    def network(self, points: FloatArray) -> FloatArray:
        """Return points as the network knows them."""
        return (points - 0.5) / self._span

    def made(self, made: FloatArray) -> FloatArray:
        """Return what the network makes as points, which may lie beyond the cube."""
        return 0.5 + self._span * made
