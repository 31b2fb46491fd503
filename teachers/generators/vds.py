"""VDS: tasks on which an ensemble of predictors of the return disagrees."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np

from teacherstudent.contract import spaces
from teacherstudent.contract.checks import check_keywords, check_names, check_real, check_whole
from teacherstudent.contract.registry import TEACHERS
from teacherstudent.contract.spaces import Box
from teacherstudent.contract.stored.saved import saved_array, saved_number
from teacherstudent.contract.teacher import Teacher
from teacherstudent.contract.types import (
    LARGEST,
    Array,
    Assignment,
    FloatArray,
    IntArray,
    Outcomes,
    Seed,
    State,
    Wait,
)
from teacherstudent.teachers.generators.ensemble import Ensemble, EnsembleOptions
from teacherstudent.teachers.generators.trained import Updates
from teacherstudent.teachers.goals.blocks import Blocks
from teacherstudent.teachers.goals.newest import Newest


@TEACHERS.register("vds")
class VDSTeacher(Teacher[Box]):
    """Draws tasks in proportion to how much an ensemble disagrees about their return.

    Zhang, Abbeel and Pinto 2020, "Automatic curriculum learning through value disagreement",
    https://arxiv.org/abs/2006.09641, algorithm 1: value disagreement sampling. Where networks that learnt
    the same thing from different draws disagree, the student's return is at the edge of what is known. Every
    ``fit_rate`` outcomes, at the next ask, the networks take ``steps`` steps, ``candidates`` uniform tasks
    are drawn, and until the next time a task is one of these, with probability in proportion to the standard
    deviation of their predictions. Before, tasks are uniform.

    The main deviation: the paper's networks are values Q(s, a) of the student's policy, learnt from its
    transitions by temporal differences, and asked at the initial state of a task, Q(s0, pi(s0)). A teacher
    sees neither transitions nor a policy. Here the networks predict V(task): they regress the scores of the
    newest ``window`` outcomes, which are Monte Carlo returns, on their tasks. So a score's own noise is in
    the targets, and nothing is known of a task but through outcomes of tasks like it.

    Further deviations: points of the unit cube and standardised scores go into the networks; each draws
    minibatches of its own, with replacement, as in Klink et al. 2022 (https://github.com/psclklnk/currot),
    whose networks, of three layers of 128 units with tanh, and 1000 candidates these are; a share
    ``random_task_ratio`` of the tasks is uniform, none in the paper.

    Every outcome counts, asked for or not. A batch told at once gives the state of its rows told one by one.

    Args:
        space: a box.
        seed: an integer of at least 0 or a ``SeedSequence``.
        fit_rate: outcomes between two updates.
        steps: of an update.
        window: newest outcomes that are remembered.
        candidates: tasks that the networks are asked about.
        random_task_ratio: probability of a uniform task.
        ensemble: options of `EnsembleOptions`, by name.

    Raises:
        TypeError: if the space is no box, or the seed is no integer.
        ValueError: if an option is out of range.
    """

    accepts: ClassVar[tuple[type[gym.Space[Any]], ...]] = (Box,)

    def __init__(
        self,
        space: Box,
        *,
        seed: Seed,
        fit_rate: int = 200,
        steps: int = 50,
        window: int = 2000,
        candidates: int = 1000,
        random_task_ratio: float = 0.1,
        ensemble: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(space, seed=seed)
        self.fit_rate = check_whole("vds: fit_rate", fit_rate, 1, 10**9)
        self.steps = check_whole("vds: steps", steps, 1, 10**6)
        self.candidates = check_whole("vds: candidates", candidates, 1, 10**6)
        self.ratio = check_real("vds: random_task_ratio", random_task_ratio, 0, 1)
        options = EnsembleOptions(**check_keywords("vds: ensemble", ensemble, EnsembleOptions))
        d = int(np.prod(space.shape))
        self._newest = Newest(check_whole("vds: window", window, 1, 10**8), d)
        self._ensemble = Ensemble(d, options, seed=int(self.rng.integers(2**63)))
        self._blocks = Blocks(space)
        self._updates = Updates(self.fit_rate)
        # Candidates in the unit cube, and how much the networks disagree about each, in units of the score.
        self._pool, self._spread = np.empty((0, d)), np.empty(0)
        self._error = 0.0

    def _tell(self, outcomes: Outcomes) -> None:
        self._newest.add(spaces.to_unit(self.space, outcomes.tasks), outcomes.score)
        # Updates wait for the next ask: a batch that is worth many needs no network before.
        self._updates.tell(len(outcomes))

    def _ask(self, ids: IntArray, progress: float) -> Assignment:
        if self._updates.due:
            self._update()
        return Assignment(ids=ids, tasks=self._blocks.take(len(ids), self._drawn))

    def _update(self) -> None:
        """Let the networks learn, and ask them about new candidates."""
        values = self._newest.values
        # Scores may have any scale: a task's place among them is learnt. Equal scores have none, though the
        # deviation of large ones is not 0 by rounding.
        scale = float(values.std()) if np.ptp(values) > 0 else 0.0
        standard = np.zeros(len(values))
        if scale > 0:
            standard = (values - values.mean()) / scale
        points = _network(self._newest.points)
        self._error = self._ensemble.train(points, standard, self._updates.take() * self.steps, self.rng)
        pool = self.rng.random((self.candidates, points.shape[1]))
        # There and back, so that whole numbers are asked about as they are played.
        self._pool = spaces.to_unit(self.space, spaces.from_unit(self.space, pool))
        self._spread = self._ensemble.predict(_network(self._pool)).std(axis=0) * scale
        # Tasks drawn before are of the candidates before.
        self._blocks.clear()

    def _drawn(self, n: int) -> Array:
        """Return ``n`` tasks, candidates and uniform ones."""
        points = self.rng.random((n, self._newest.points.shape[1]))
        sums = np.cumsum(self._spread)
        if len(sums) and sums[-1] > 0:
            chosen = self.rng.random(n) >= self.ratio
            # The minimum is for rounding at the last sum.
            rows = np.searchsorted(sums, self.rng.random(n) * sums[-1], side="right")
            points[chosen] = self._pool[np.minimum(rows[chosen], len(sums) - 1)]
        return spaces.from_unit(self.space, points)

    def first_action(self) -> Wait | None:
        """Return how many outcomes the first update waits for; until then tasks are uniform. None later."""
        if self._updates.made:
            return None
        return Wait(
            self.fit_rate, "the training of its networks", f"a smaller fit_rate, here {self.fit_rate}"
        )

    def decisions(self) -> int:
        """Return the updates of the networks."""
        return self._updates.made

    def metrics(self) -> dict[str, float]:
        """Return the outcomes told, the updates, and numbers of the last one.

        ``error`` is the mean square error of its last step, where the variance of scores is 1.
        ``disagreement`` is the mean spread over candidates, in units of the score; ``steered`` how far the
        tasks are from uniform ones: 0 if all candidates are equally likely, towards 1 if few are drawn.
        """
        found = {"told": float(self._updates.told), "updates": float(self._updates.made)}
        total = float(self._spread.sum())
        if total > 0:
            found |= {"error": self._error, "disagreement": float(self._spread.mean())}
            # The inverse of the sum of squared probabilities is the number of equally likely candidates.
            found["steered"] = 1 - 1 / (float(np.square(self._spread / total).sum()) * len(self._spread))
        return found

    def snapshot(self) -> dict[str, Any]:
        """Return the candidates, in task units: ``tasks (m, d)``, and ``disagreement (m,)``; empty before."""
        if not len(self._pool):
            return {}
        tasks = spaces.from_unit(self.space, self._pool).reshape(self._pool.shape)
        return {"tasks": tasks.astype(np.float64), "disagreement": self._spread.copy()}

    def _state(self) -> State:
        return {
            "newest": self._newest.state(),
            "ensemble": self._ensemble.state_dict(),
            "left": self._blocks.state(),
            "counters": self._updates.state(),
            "pool": self._pool.copy(),
            "spread": self._spread.copy(),
            "error": self._error,
        }

    def _load(self, state: State) -> None:
        names = ("newest", "ensemble", "left", "counters", "pool", "spread", "error")
        check_names("vds: state", names, state)
        self._newest.load("vds: newest", state["newest"], low=-LARGEST, high=LARGEST)
        points = self._newest.points
        if (points < 0).any() or (points > 1).any():
            raise ValueError(f"vds: newest: expected points of the unit cube, got {points}")
        self._updates.load("vds", state["counters"], len(self._newest))
        self._ensemble.load_state_dict("vds: ensemble", state["ensemble"])
        self._blocks.load("vds: left", state["left"])
        shape = (None, points.shape[1])
        self._pool = saved_array("vds: pool", state["pool"], np.float64, shape, low=0, high=1)
        size = (len(self._pool),)
        self._spread = saved_array("vds: spread", state["spread"], np.float64, size, low=0)
        self._error = saved_number("vds: error", state["error"], 0)


def _network(points: FloatArray) -> FloatArray:
    """Return points of the unit cube as the networks know them, from -1 to 1."""
    return 2 * points - 1
