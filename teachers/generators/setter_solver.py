"""Setter-solver: a flow sets tasks of a wanted feasibility, which a judge estimates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np

from teacherstudent.contract import spaces
from teacherstudent.contract.checks import (
    check_keywords,
    check_mapping,
    check_names,
    check_real,
    check_whole,
)
from teacherstudent.contract.registry import TEACHERS
from teacherstudent.contract.spaces import Box
from teacherstudent.contract.stored.saved import saved_number
from teacherstudent.contract.teacher import Teacher
from teacherstudent.contract.types import Array, Assignment, IntArray, Outcomes, Seed, State, Wait
from teacherstudent.teachers.generators.setter import Setter, SetterOptions
from teacherstudent.teachers.generators.trained import Updates
from teacherstudent.teachers.goals.blocks import Blocks
from teacherstudent.teachers.goals.newest import Newest
from teacherstudent.teachers.signals import check_mastered, successes

_SHOWN = 256
"""Set tasks in a snapshot."""


@TEACHERS.register("setter-solver")
class SetterSolverTeacher(Teacher[Box]):
    """Sets tasks of a feasibility that is drawn anew for each, with a network that learns what is feasible.

    Racaniere, Lampinen, Santoro, Reichert, Firoiu and Lillicrap 2019, "Automated curricula through
    setter-solver interactions", https://arxiv.org/abs/1909.12892. A task is made by a conditional flow, the
    setter, out of normal noise and a feasibility f, uniform in (0, 1). A judge learns to tell the probability
    that a task is solved. The setter has three losses: feasibility, the squared distance of the judge's logit
    from that of f; validity, minus the log-density of tasks that were solved, moved by uniform noise; and
    coverage, the log-density of its own tasks, so that they spread.

    Every ``fit_rate`` outcomes, at the next ask, both networks take ``steps`` steps of Adam, each on a batch
    from the newest ``window`` outcomes.

    Networks are those of the authors' published parts and of TeachMyAgent (Romac et al. 2021,
    https://arxiv.org/abs/2103.09815), see `generators.setter`.

    Deviations:

    - the paper's setter also sees the state of the world (a conditioning observation); a teacher sees none;
    - valid tasks are those that were solved; the paper adds whatever the solver reached on the way;
    - TeachMyAgent takes one step every 100 outcomes, on these alone, and lets one task be outstanding. Here
      ``fit_rate``, ``window`` and ``steps`` say so; ``steps=1, window=100`` is its pace;
    - f and noise of a step are drawn anew, as in the paper. TeachMyAgent takes the f that a task was set
      with, and the noise that the present setter would need for it. So nothing has to be known of a row but
      its task and its success: rows come late, in any order, and rows that nobody asked for count too;
    - gradients are clipped to a norm of 1, where TeachMyAgent's program stops at numbers that are not finite;
    - a share ``random_task_ratio`` of the tasks is uniform, none in the paper. Without it, a student that
      solves nothing at first may never be set a task that it can solve.

    A row succeeds by its signal ``success`` where it carries one (a share counts as such), else if its score
    is above ``mastered``. A batch told at once gives the state of its rows told one by one.

    Args:
        space: a box.
        seed: an integer of at least 0 or a ``SeedSequence``.
        mastered: the score above which a task counts as solved; the family's if it has one.
        fit_rate: outcomes between two updates.
        steps: of an update.
        window: newest outcomes that are remembered.
        random_task_ratio: probability of a uniform task.
        networks: options of `SetterOptions`, by name.

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
        mastered: float | None = None,
        fit_rate: int = 100,
        steps: int = 10,
        window: int = 1000,
        random_task_ratio: float = 0.1,
        networks: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(space, seed=seed)
        who = "setter-solver"
        self.mastered = check_mastered(who, mastered)
        self.fit_rate = check_whole(f"{who}: fit_rate", fit_rate, 1, 10**9)
        self.steps = check_whole(f"{who}: steps", steps, 1, 10**6)
        self.ratio = check_real(f"{who}: random_task_ratio", random_task_ratio, 0, 1)
        options = SetterOptions(**check_keywords(f"{who}: networks", networks, SetterOptions))
        d = int(np.prod(space.shape))
        self._newest = Newest(check_whole(f"{who}: window", window, 1, 10**8), d)
        self._setter = Setter(d, options, seed=int(self.rng.integers(2**63)))
        self._blocks = Blocks(space)
        self._updates = Updates(self.fit_rate)
        self._losses: dict[str, float] = {}

    def _tell(self, outcomes: Outcomes) -> None:
        success = successes(outcomes, self.mastered)
        self._newest.add(spaces.to_unit(self.space, outcomes.tasks), success)
        # Updates wait for the next ask: a batch that is worth many needs no network before.
        self._updates.tell(len(outcomes))

    def _ask(self, ids: IntArray, progress: float) -> Assignment:
        if self._updates.due:
            points, success = self._newest.points, self._newest.values
            self._losses = self._setter.train(points, success, self._updates.take() * self.steps, self.rng)
            # Tasks drawn before are of the setter before.
            self._blocks.clear()
        return Assignment(ids=ids, tasks=self._blocks.take(len(ids), self._drawn))

    def _drawn(self, n: int) -> Array:
        """Return ``n`` tasks, set and uniform ones."""
        shape = (n, self._newest.points.shape[1])
        points = self._setter.make(self.rng.standard_normal(shape), self.rng.random(n))
        uniform = self.rng.random(n) < self.ratio
        points = np.where(uniform[:, None], self.rng.random(shape), points)
        return spaces.from_unit(self.space, points)

    def first_action(self) -> Wait | None:
        """Return how many outcomes the first update waits for; None afterwards."""
        if self._updates.made:
            return None
        return Wait(
            self.fit_rate, "the training of its networks", f"a smaller fit_rate, here {self.fit_rate}"
        )

    def decisions(self) -> int:
        """Return the updates of the networks."""
        return self._updates.made

    def metrics(self) -> dict[str, float]:
        """Return the outcomes told, their mean success, updates, and the losses of the last step."""
        found = {"told": float(self._updates.told), "updates": float(self._updates.made)}
        if len(self._newest):
            found["success"] = float(self._newest.values.mean())
        return found | self._losses

    def snapshot(self) -> dict[str, Any]:
        """Return what the setter sets now, in task units, always of the same noise.

        ``tasks (256, d)``, ``wanted (256,)``, the feasibility that each was set for, and ``judged (256,)``,
        the probability that the judge gives it.
        """
        rng = np.random.default_rng(0)
        wanted = (np.arange(_SHOWN) + 0.5) / _SHOWN
        points = self._setter.make(rng.standard_normal((_SHOWN, self._newest.points.shape[1])), wanted)
        tasks = spaces.from_unit(self.space, points).reshape(points.shape)
        return {"tasks": tasks.astype(np.float64), "wanted": wanted, "judged": self._setter.judged(points)}

    def _state(self) -> State:
        return {
            "newest": self._newest.state(),
            "setter": self._setter.state_dict(),
            "left": self._blocks.state(),
            "counters": self._updates.state(),
            "losses": dict(self._losses),
        }

    def _load(self, state: State) -> None:
        who = "setter-solver"
        check_names(f"{who}: state", ("newest", "setter", "left", "counters", "losses"), state)
        self._newest.load(f"{who}: newest", state["newest"], low=0, high=1)
        if (self._newest.points < 0).any() or (self._newest.points > 1).any():
            raise ValueError(f"{who}: newest: expected points of the unit cube, got {self._newest.points}")
        self._updates.load(who, state["counters"], len(self._newest))
        self._setter.load_state_dict(f"{who}: setter", state["setter"])
        self._blocks.load(f"{who}: left", state["left"])
        losses = check_mapping(f"{who}: losses", state["losses"], optional=False)
        self._losses = {name: saved_number(f"{who}: {name}", value) for name, value in losses.items()}
