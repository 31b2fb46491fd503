"""AGAIN: go once more through the mixtures of an earlier run, beside ALP-GMM's own exploration."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import gymnasium as gym
import numpy as np

from teacherstudent.contract import spaces
from teacherstudent.contract.checks import check_keywords, check_names, check_one_of, check_real, check_whole
from teacherstudent.contract.registry import TEACHERS
from teacherstudent.contract.spaces import Box
from teacherstudent.contract.stored.saved import saved_array, saved_whole
from teacherstudent.contract.teacher import Teacher
from teacherstudent.contract.types import (
    UNASKED,
    Assignment,
    FloatArray,
    IntArray,
    Outcomes,
    Seed,
    State,
    Wait,
    seed_sequence,
)
from teacherstudent.teachers.bandits.policies import draw
from teacherstudent.teachers.lessons.curriculum import Curriculum, Gaussians
from teacherstudent.teachers.lessons.handed import Handed
from teacherstudent.teachers.progress.alp_gmm import ALPGMM
from teacherstudent.teachers.score_range import ScoreRange

PERIOD = 250
"""Episodes of a step in time where the curriculum does not say, as in the authors' code."""
LOOKBACK = 50
"""Episodes of a step whose mean score is compared with the earlier one, as in the authors' code."""
_BLOCK = 64  # tasks drawn together
_OWN = ("space", "seed", "score_range", "random_task_ratio")


@TEACHERS.register("again")
class Again(Teacher[Box]):
    """Draws tasks from the mixtures of an earlier run's ALP-GMM, step by step, and from a new ALP-GMM.

    Portelas, Romac, Hofmann and Oudeyer 2020, "Meta automatic curriculum learning",
    https://arxiv.org/abs/2011.08463, section 4: the second stage, in which the curriculum of an earlier
    student is distilled (inferred progress niches) and followed beside ALP-GMM. The Gaussians of the present
    step and those of an ALP-GMM that is told all outcomes are one pool: one is chosen in proportion to its
    ALP, and a task is drawn from it; with probability ``random_task_ratio`` the task is uniform.

    ``step`` says when the next step begins, as the paper's three variants:

    - ``"reward"`` (R): when the mean of the last ``episodes`` scores of tasks drawn from this step is above
      what the earlier student reached in it, times ``tolerance``;
    - ``"time"`` (T): after as many episodes as in the earlier run;
    - ``"pool"`` (P): never; all steps are one pool from the start.

    After the last step it stays the last. `teacherstudent.comparing.curricula.read_curriculum` reads a
    curriculum from the folder of an ``alp-gmm`` run.

    Deviations: the first stage is not here, in which a new student is tested, and the earlier student most
    like it is chosen: a curriculum is given. The authors' code moves the first step to the start of the run,
    as here, and every further one 250 episodes later; here by the spacing of the earlier run where the
    curriculum has ``episodes``. Late rows of an earlier step, and rows that nobody asked for, say nothing of
    the present one. ``exploration`` may take the choice between both kinds of Gaussians out of ALP's hands.
    The code's option to go on with ALP-GMM alone after the last step is missing.

    Args:
        space: a box.
        seed: an integer of at least 0 or a ``SeedSequence``.
        curriculum: plain data, as `teacherstudent.teachers.lessons.curriculum.Curriculum.of` takes it.
        step: ``"reward"``, ``"time"`` or ``"pool"``.
        episodes: of a step in time, or in the mean of a reward; None: as in the earlier run, or 250, for
            ``"time"``; 50 for ``"reward"``.
        tolerance: by which the earlier score is multiplied, where it is compared.
        exploration: share of the Gaussians chosen that are ALP-GMM's, once it has any; None: by ALP.
        random_task_ratio: probability of a uniform task.
        score_range: scores are mapped linearly from it to (0, 1) with saturation, earlier ones too; None
            leaves them alone. The earlier run's ALP must be of the same scale.
        alp_gmm: further options of the ALP-GMM.

    Raises:
        TypeError: if the space is no box, the seed is no integer, or ``alp_gmm`` has other options.
        ValueError: if the curriculum is missing or does not fit, or an option is out of range.
    """

    accepts: ClassVar[tuple[type[gym.Space[Any]], ...]] = (Box,)
    differences = True

    def __init__(
        self,
        space: Box,
        *,
        seed: Seed,
        curriculum: Mapping[str, Any] | None = None,
        step: Literal["reward", "time", "pool"] = "reward",
        episodes: int | None = None,
        tolerance: float = 1.0,
        exploration: float | None = None,
        random_task_ratio: float = 0.02,
        score_range: tuple[float, float] | None = None,
        alp_gmm: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(space, seed=seed)
        if curriculum is None:
            raise ValueError(
                "again: curriculum: expected the mixtures of an earlier run, which "
                "teacherstudent.comparing.curricula.read_curriculum reads, got None"
            )
        check_one_of("again: step", step, ("reward", "time", "pool"))
        self.step = step
        self._curriculum = Curriculum.of("again: curriculum", space, curriculum)
        self._range = ScoreRange("again", score_range)
        self._ratio = check_real("again: random_task_ratio", random_task_ratio, 0, 1)
        self._share = exploration
        if exploration is not None:
            self._share = check_real("again: exploration", exploration, 0, 1)
        self._rule = _Rule(self._curriculum, step, episodes, self._targets(tolerance))
        options = check_keywords("again: alp_gmm", alp_gmm, ALPGMM)
        for name in _OWN:
            if name in options:
                raise TypeError(f"again: alp_gmm: expected no {name!r}, which is an option of again, got it")
        # A seed of its own: with the same one its draws would follow those of this teacher.
        inner = int(seed_sequence(seed).generate_state(1)[0])
        self._alp_gmm = ALPGMM(space, seed=inner, score_range=score_range, **options)
        # Of each row the step that it was drawn from, counted from 1; 0 if from elsewhere.
        self._handed = Handed()
        # Follows from the step and the last fit, and is made when it is needed.
        self._pool: _Pool | None = None
        # Tasks drawn from it and not yet taken, and the step of each as in `_handed`.
        self._left = np.empty((0, *space.shape), space.dtype)
        self._steps = np.zeros(0, np.int64)

    def _targets(self, tolerance: float) -> FloatArray | None:
        """Return the score above which each step ends, ``(s,)``; None if nothing is known."""
        factor = check_real("again: tolerance", tolerance, 0)
        scores = self._curriculum.scores
        if scores is None:
            return None
        return factor * self._range.scaled(scores)

    def _ask(self, ids: IntArray, progress: float) -> Assignment:
        n = len(ids)
        # Blocks cost hardly more than single draws; what is left serves the next asks.
        if len(self._left) < n:
            self._draw(max(n - len(self._left), _BLOCK))
        tasks = self._left[:n]
        self._handed.hand(ids, self._steps[:n])
        self._left = self._left[n:]
        self._steps = self._steps[n:]
        return Assignment(ids=ids, tasks=tasks)

    def _draw(self, n: int) -> None:
        """Draw ``n`` more tasks from the pool."""
        pool = self._mixed()
        uniform = self.rng.random(n) < self._ratio
        which = draw(self.rng, pool.chance, n)
        points = self.rng.random((n, pool.gaussians.means.shape[1]))
        noise = self.rng.standard_normal(points.shape)
        # Both kinds of task are drawn for every row, and one of them is kept: no loop over rows.
        drawn = pool.gaussians.means[which] + np.einsum("nij,nj->ni", pool.gaussians.roots[which], noise)
        points = np.where(uniform[:, None], points, drawn)
        followed = ~uniform & (which < pool.followed)
        self._left = np.concatenate([self._left, spaces.from_unit(self.space, points)])
        self._steps = np.concatenate([self._steps, np.where(followed, self._rule.now + 1, 0)])

    def _mixed(self) -> _Pool:
        """Return the Gaussians of the present step and of ALP-GMM, and how probable each is."""
        if self._pool is None:
            earlier = self._curriculum.steps
            if self.step != "pool":
                earlier = [earlier[self._rule.now]]
            mixture = self._alp_gmm.mixture
            new = []
            if mixture is not None and self._share != 0:
                new = [Gaussians.of(self.space, mixture)]
            self._pool = _Pool.of(Gaussians.joined(earlier), new, self._share)
        return self._pool

    def _tell(self, outcomes: Outcomes) -> None:
        fits = self._alp_gmm.decisions()
        step = self._rule.now
        # The ALP-GMM never asks: to it all rows are of somebody else.
        unasked = np.full(len(outcomes), UNASKED, np.int64)
        self._alp_gmm.tell(dataclasses.replace(outcomes, ids=unasked))
        self._range.watch(outcomes.score)
        number = self._handed.take(outcomes.ids)
        self._rule.count(self._range.scaled(outcomes.score), number - 1)
        if fits != self._alp_gmm.decisions() or step != self._rule.now:
            self._pool = None
            self._left = self._left[:0]
            self._steps = self._steps[:0]

    def _drop(self, ids: IntArray) -> None:
        self._handed.take(ids)

    def first_action(self) -> Wait | None:
        """Return how many outcomes come before the second step, or the ALP-GMM's first fit; None after it."""
        if self._rule.now:
            return None
        rows = self._rule.first()
        if rows is None:
            return self._alp_gmm.first_action()
        return Wait(rows, "the second step of the curriculum", "fewer episodes")

    def decisions(self) -> int:
        """Return the steps that were gone on, and the fits of the ALP-GMM."""
        return self._rule.now + self._alp_gmm.decisions()

    def metrics(self) -> dict[str, float]:
        """Return the present step, how probable its Gaussians are together, and the metrics of ALP-GMM."""
        pool = self._mixed()
        found = {"step": float(self._rule.now), "followed": float(pool.chance[: pool.followed].sum())}
        return found | self._alp_gmm.metrics()

    def snapshot(self) -> dict[str, Any]:
        """Return the Gaussians over (task, ALP) that tasks are drawn from, in task units.

        ``weights (k,)``, how probable each is, ``means (k, d + 1)``, ``covariances (k, d + 1, d + 1)``.
        """
        pool = self._mixed()
        return dataclasses.replace(pool.gaussians.mixture, weights=pool.chance).state()

    def _state(self) -> State:
        return {
            "rule": self._rule.state(),
            "range": self._range.state(),
            "handed": self._handed.state(),
            "alp_gmm": self._alp_gmm.state_dict(),
            "left": self._left.copy(),
            "steps": self._steps.copy(),
        }

    def _load(self, state: State) -> None:
        names = ("rule", "range", "handed", "alp_gmm", "left", "steps")
        check_names("again: state", names, state)
        most = len(self._curriculum.steps)
        left = spaces.check_tasks(self.space, state["left"], "again: left").copy()
        steps = saved_array("again: steps", state["steps"], np.int64, (len(left),), low=0, high=most)
        self._rule.load(state["rule"])
        self._range.load(state["range"])
        self._handed.load("again: handed", state["handed"], most)
        self._alp_gmm.load_state_dict(state["alp_gmm"])
        self._pool = None
        self._left = left
        self._steps = steps


@dataclasses.dataclass(frozen=True, eq=False)
class _Pool:
    """What tasks are drawn from: ``gaussians``, the first ``followed`` of them the curriculum's."""

    gaussians: Gaussians
    chance: FloatArray
    followed: int

    @staticmethod
    def of(earlier: Gaussians, new: list[Gaussians], share: float | None) -> _Pool:
        gaussians = Gaussians.joined([earlier, *new])
        k = len(earlier)
        if share is None or not new:
            return _Pool(gaussians, _proportional(gaussians.alp), k)
        parts = [(1 - share) * _proportional(earlier.alp), share * _proportional(new[0].alp)]
        return _Pool(gaussians, np.concatenate(parts), k)


def _proportional(alp: FloatArray) -> FloatArray:
    """Return probabilities in proportion to ALP; all equal if there is none."""
    if not alp.any():
        return np.full(len(alp), 1 / len(alp))
    # Less than a float can hold must not become nothing, nor a sum become infinite.
    alp = alp / alp.max()
    return np.asarray(alp / alp.sum())


class _Rule:
    """Which step is the present one, ``now``."""

    def __init__(
        self, curriculum: Curriculum, step: str, episodes: int | None, targets: FloatArray | None
    ) -> None:
        self.now = 0
        self._last = len(curriculum.steps) - 1
        self._step = step
        self._told = 0
        # Scores of the present step's tasks, the newest last.
        self._scores: FloatArray = np.empty(0)
        self._lookback = LOOKBACK
        self._targets = targets
        if episodes is not None:
            self._lookback = check_whole("again: episodes", episodes, 1, 10**6)
        if step == "reward" and targets is None:
            raise ValueError(
                "again: curriculum: expected scores, one for each step, with step='reward', got none; or use "
                "step='time' or 'pool'"
            )
        self._starts = np.arange(self._last + 1) * (episodes or PERIOD)
        if episodes is None and curriculum.episodes is not None:
            self._starts = curriculum.episodes

    def first(self) -> int | None:
        """Return how many outcomes the second step waits for at least; None if there is none."""
        if self._step == "pool" or self._last == 0:
            return None
        if self._step == "time":
            return int(self._starts[1])
        return self._lookback

    def count(self, scores: FloatArray, steps: IntArray) -> None:
        """Take in scores ``(n,)`` and the step that each row was drawn from, -1 or below for none."""
        self._told += len(scores)
        if self._step == "time":
            self.now = int(np.searchsorted(self._starts, self._told, side="right")) - 1
        elif self._step == "reward" and self.now < self._last:
            self._compare(scores[steps == self.now])

    def _compare(self, scores: FloatArray) -> None:
        """Go on if the mean over a window of the present step's scores is above the earlier student's."""
        assert self._targets is not None
        size = self._lookback
        every = np.concatenate([self._scores, scores])
        self._scores = every[-size:]
        if len(every) < size:
            return
        # A window for each row, so that a batch does what its rows one by one do.
        means = np.lib.stride_tricks.sliding_window_view(every, size).mean(axis=1)
        if (means > self._targets[self.now]).any():
            self.now += 1
            self._scores = every[:0]

    def state(self) -> State:
        return {"now": self.now, "told": self._told, "scores": self._scores.copy()}

    def load(self, state: State) -> None:
        check_names("again: rule", ("now", "told", "scores"), state)
        now = saved_whole("again: now", state["now"], 0, self._last)
        told = saved_whole("again: told", state["told"], 0, 2**62)
        scores = saved_array("again: scores", state["scores"], np.float64, (None,))
        if len(scores) > self._lookback:
            raise ValueError(f"again: scores: expected at most {self._lookback}, got {len(scores)}")
        self.now = now
        self._told = told
        self._scores = scores
