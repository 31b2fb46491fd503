"""GRADIENT: lead the tasks along the shortest way from the easy ones to the wanted ones, stage by stage."""

from __future__ import annotations

from typing import Any, ClassVar

import gymnasium as gym
import numpy as np

from teacherstudent.contract.checks import check_names, check_whole
from teacherstudent.contract.registry import TEACHERS
from teacherstudent.contract.spaces import Box
from teacherstudent.contract.stored.saved import saved_array, saved_whole
from teacherstudent.contract.teacher import Teacher
from teacherstudent.contract.types import Array, Assignment, FloatArray, IntArray, Outcomes, Seed, State, Wait
from teacherstudent.teachers.targets.batches import MOST_ROWS, Batches
from teacherstudent.teachers.targets.told import Sample, Units, Variant, check_mastered, easy_sample
from teacherstudent.teachers.targets.transport import MOST_PARTICLES, distance, pairing


@TEACHERS.register("gradient")
class Gradient(Teacher[Box]):
    """Moves easy tasks to wanted ones along an optimal transport plan, a stage whenever one is mastered.

    Huang, Xu, Zhu, Shi, Fang and Zhao 2022, "Curriculum reinforcement learning using optimal transport via
    gradual domain adaptation", https://arxiv.org/abs/2210.10195, algorithm 1 with the Euclidean distance.

    The task distribution of stage k of K is the Wasserstein barycentre of the easy tasks and the target with
    weights 1 - a and a, a = k / K. The mean score of ``batch`` rows decides: from ``mastered`` on the next
    stage begins. The last stage is the target and stays.

    Deviations in both variants:

    - Both distributions are ``particles`` points of equal weight. An exact assignment pairs them, and a stage
      is ``(1 - a) * easy + a * wanted`` pair by pair, which is the barycentre exactly (displacement
      interpolation; it stays the same when a plan is made anew from any stage). The authors compute a
      free-support barycentre of POT in 50 iterations from a random start; a second implementation, Klink et
      al.'s, descends an unbiased Sinkhorn divergence and draws the target anew for every stage.
    - The learned distance between contexts, which the paper proposes beside the Euclidean one, is left out;
      so is the number of steps after which the authors' code leaves a stage that is not mastered.
    - A stage is judged by the rows that are trained on; the authors test the policy in between.

    ``variant="fixed"`` pairs the particles in the unit cube, so that no dimension counts more because of its
    units; a row counts only if it was asked for since the stage began; the last stage draws from all target
    tasks, not from the particles. ``variant="paper"`` pairs in raw units, and all rows count, asked for or
    not.

    Args:
        space: a box.
        seed: an integer of at least 0 or a ``SeedSequence``.
        target: ``(m, *space.shape)`` draws from the tasks that are wanted; None is uniform over the space.
        easy: ``(m, *space.shape)`` easy tasks, where it begins.
        mastered: the mean score from which the next stage begins.
        variant: ``"fixed"`` or ``"paper"``.
        stages: K, the steps from the easy tasks to the target.
        batch: rows that a stage is judged by.
        particles: points of a distribution.

    Raises:
        TypeError: if the space is no box, or the seed is no integer.
        ValueError: if ``easy`` or ``mastered`` is missing, or an option is out of range.
    """

    accepts: ClassVar[tuple[type[gym.Space[Any]], ...]] = (Box,)

    def __init__(
        self,
        space: Box,
        *,
        seed: Seed,
        target: Any = None,
        easy: Any = None,
        mastered: float | None = None,
        variant: Variant = "fixed",
        stages: int = 10,
        batch: int = 50,
        particles: int = 100,
    ) -> None:
        super().__init__(space, seed=seed)
        self._units = Units("gradient", space, variant)
        self.mastered = check_mastered("gradient", mastered)
        self.stages = check_whole("gradient: stages", stages, 1, 10**6)
        self._size = check_whole("gradient: batch", batch, 1, MOST_ROWS)
        n = check_whole("gradient: particles", particles, 1, MOST_PARTICLES)
        self._target = Sample("gradient: target", space, self._units, target)
        self._easy = easy_sample("gradient", space, self._units, easy).draw(n, self.rng)
        wanted = self._target.draw(n, self.rng)
        # One plan for the whole way: row i of the easy tasks goes to row i of the wanted ones.
        self._wanted = wanted[pairing(self._easy, wanted)]
        self._stage = 0
        self._batches = Batches(batch, self._easy.shape[1], fresh=not self._units.raw)

    @property
    def _alpha(self) -> float:
        return self._stage / self.stages

    def _particles(self) -> FloatArray:
        """Return the points of the present stage, ``(particles, d)``."""
        # At the ends no rounding may move a point.
        if self._stage == self.stages:
            return self._wanted
        return self._easy + self._alpha * (self._wanted - self._easy)

    def _ask(self, ids: IntArray, progress: float) -> Assignment:
        self._batches.asked(ids)
        if self._stage == self.stages and not self._units.raw:
            points = self._target.draw(len(ids), self.rng)
        else:
            particles = self._particles()
            points = particles[self.rng.integers(len(particles), size=len(ids))]
        return Assignment(ids=ids, tasks=self._units.tasks(points))

    def _tell(self, outcomes: Outcomes) -> None:
        # Nothing is left to decide, and the rows need not wait for a decision.
        if self._stage == self.stages:
            return
        points = self._units.points(outcomes.tasks)
        for _, scores in self._batches.fill(outcomes.ids, points, outcomes.score):
            if scores.mean() >= self.mastered:
                self._stage += 1
                self._batches.restart()
            if self._stage == self.stages:
                break

    def first_action(self) -> Wait | None:
        """Return how many outcomes the first decision waits for; None once the easy tasks are left."""
        if self._stage:
            return None
        return Wait(self._size, "leaving the easy tasks", f"a smaller batch, here {self._size}")

    def decisions(self) -> int:
        """Return the stages that have ended."""
        return self._stage

    def metrics(self) -> dict[str, float]:
        """Return the share of the way that is done, and how far from the target the stage is.

        ``distance`` is the 2-Wasserstein distance, in shares of the range (fixed) or raw units (paper).
        """
        left = distance(self._particles(), self._wanted)
        return {"alpha": self._alpha, "distance": left}

    def snapshot(self) -> dict[str, Array]:
        """Return the points of the stage in task units: ``particles (n, d)``."""
        return {"particles": self._units.shown(self._particles())}

    def _state(self) -> State:
        return {
            "easy": self._easy.copy(),
            "wanted": self._wanted.copy(),
            "stage": self._stage,
            "batch": self._batches.state(),
        }

    def _load(self, state: State) -> None:
        check_names("gradient: state", ("easy", "wanted", "stage", "batch"), state)
        ends = []
        for name in ("easy", "wanted"):
            points = saved_array(f"gradient: {name}", state[name], np.float64, self._easy.shape)
            if (points < self._units.low).any() or (points > self._units.high).any():
                raise ValueError(f"gradient: {name}: expected points within the space, got {points}")
            ends.append(points)
        self._batches.load(state["batch"])
        self._stage = saved_whole("gradient: stage", state["stage"], 0, self.stages)
        self._easy, self._wanted = ends
