"""CURROT: particles move towards the target as far as the student is predicted to master them."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, TypeAlias

import gymnasium as gym
import numpy as np

from teacherstudent.contract.checks import check_flag, check_names, check_one_of, check_real, check_whole
from teacherstudent.contract.registry import TEACHERS
from teacherstudent.contract.spaces import Box
from teacherstudent.contract.stored.saved import saved_array, saved_gaps
from teacherstudent.contract.teacher import Teacher
from teacherstudent.contract.types import Array, Assignment, FloatArray, IntArray, Outcomes, Seed, State, Wait
from teacherstudent.teachers.targets.batches import Batches
from teacherstudent.teachers.targets.moves import best, candidates
from teacherstudent.teachers.targets.smoother import NadarayaWatson
from teacherstudent.teachers.targets.successes import SuccessBuffer
from teacherstudent.teachers.targets.told import Sample, Units, Variant, check_mastered
from teacherstudent.teachers.targets.transport import MOST_PARTICLES, distance, pairing, sliced_step

Form: TypeAlias = Literal["assignment", "sliced"]

SCALE = 0.3
"""Length scale of the model of scores, as a share of the radius."""
JITTER = 1e-3
"""How far a task may lie from its particle, as a share of the range."""
LEAST_NOISE = 0.005
"""Least standard deviation of a draw from the success buffer, as a share of the radius."""


@TEACHERS.register("currot")
class CurrOT(Teacher[Box]):
    """Moves particles towards the target by optimal transport, where scores are predicted to stay mastered.

    Klink, Yang, D'Eramo, Peters and Pajarinen 2022, "Curriculum reinforcement learning via constrained
    optimal transport", https://proceedings.mlr.press/v162/klink22a.html, and the version of the same method
    in their later code: https://github.com/psclklnk/currot, psclklnk/optimal-transport-curricula.

    A task is a random particle with a little noise. After every ``batch`` rows:

    1. the rows are offered to a buffer of successes (`successes`); those that do not join go to a buffer of
       the last failures, once the particles move;
    2. a model of scores (`smoother`) is fitted to both buffers;
    3. once the mean prediction of the particles is at least ``mastered``, from then on: particles that are
       predicted below the line are swapped for draws from the successes by an optimal assignment; all are
       paired with fresh target tasks, and each goes to the candidate within the radius (`moves`) that is
       nearest to its partner and still predicted above the line, else to the one that is predicted best.

    ``form="assignment"`` (the later code): an optimal assignment pairs particles and target tasks; candidates
    on the straight way come in addition; before the particles move, they are a draw from the successes.
    ``form="sliced"`` (the code of 2022): a particle's goal is where a step of sliced optimal transport takes
    it; particles move from the first batch on.

    ``variant="fixed"`` works in the unit cube; ``step`` is a share of its diagonal, and is the radius.
    ``variant="paper"`` works in raw units; the radius is ``step`` in raw units (assignment) or its square
    root (sliced: the step bounds a squared distance).

    Deviations in both variants: the division by 0 for a particle that has reached its goal is guarded; the
    failures and whether particles move yet are part of the state; the model takes in all neighbours, not a
    random half; a draw beyond the space is tried again from its centre (the later code adds the noise up);
    the first batch fills the buffer at once, without a dummy row to be displaced. The published experiments
    of 2022 solve the step with IPOPT on a Gaussian process, which neither form does. Every row counts, asked
    for or not: successes of an earlier distribution are successes.

    Args:
        space: a box.
        seed: an integer of at least 0 or a ``SeedSequence``.
        target: ``(m, *space.shape)`` draws from the tasks that are wanted; None is uniform over the space.
        easy: ``(m, *space.shape)`` tasks where the particles begin; None is uniform over the space, as there.
        mastered: the score delta from which a task counts as mastered.
        variant: ``"fixed"`` or ``"paper"``.
        form: ``"assignment"`` or ``"sliced"``.
        particles: how many there are; N in the paper.
        batch: rows of an update, fewer than particles.
        step: see above; None is 0.05 of the diagonal of the space, as TeachMyAgent's port has it.

    Raises:
        TypeError: if the space is no box, or the seed is no integer.
        ValueError: if ``mastered`` is missing, or an option is out of range.
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
        form: Form = "assignment",
        particles: int = 100,
        batch: int = 50,
        step: float | None = None,
    ) -> None:
        super().__init__(space, seed=seed)
        self._units = Units("currot", space, variant)
        self.mastered = check_mastered("currot", mastered)
        check_one_of("currot: form", form, ("assignment", "sliced"))
        self._sliced = form == "sliced"
        n = check_whole("currot: particles", particles, 2, MOST_PARTICLES)
        self._size = check_whole("currot: batch", batch, 1, n - 1)
        self._radius = _radius(step, self._units, root=self._sliced)
        self._target = Sample("currot: target", space, self._units, target)
        self._particles = Sample("currot: easy", space, self._units, easy).draw(n, self.rng)
        d = self._particles.shape[1]
        self._batches = Batches(batch, d, fresh=False)
        self._successes = SuccessBuffer(
            n, self.mastered, self._units.low, self._units.high, noise=LEAST_NOISE * self._radius
        )
        self._failed: FloatArray = np.empty((0, d))
        self._failed_scores: FloatArray = np.empty(0)
        # The latch: once the particles move they always do.
        self._moving = self._sliced
        # The mean prediction and the distance to the target of the last update, for the log.
        self._seen: FloatArray = np.full(2, np.nan)

    def _ask(self, ids: IntArray, progress: float) -> Assignment:
        n, d = len(ids), self._particles.shape[1]
        points = self._particles[self.rng.integers(len(self._particles), size=n)]
        noise = JITTER * self._units.size * self.rng.uniform(-1, 1, (n, d))
        inside = np.clip(points + noise, self._units.low, self._units.high)
        return Assignment(ids=ids, tasks=self._units.tasks(inside))

    def _tell(self, outcomes: Outcomes) -> None:
        points = self._units.points(outcomes.tasks)
        for batch, scores in self._batches.fill(outcomes.ids, points, outcomes.score):
            self._update(np.clip(batch, self._units.low, self._units.high), scores)

    def _update(self, points: FloatArray, scores: FloatArray) -> None:
        n = len(self._particles)
        wanted = self._target.draw(n, self.rng)
        failed = self._successes.update(points, scores, wanted)
        if self._moving:
            self._failed = np.concatenate([self._failed, points[failed]])[-n:]
            self._failed_scores = np.concatenate([self._failed_scores, scores[failed]])[-n:]
        model = NadarayaWatson(
            np.concatenate([self._failed, self._successes.points]),
            np.concatenate([self._failed_scores, self._successes.scores]),
            SCALE * self._radius,
        )
        predicted = model.predict(self._particles)
        self._seen[0] = predicted.mean()
        self._moving = self._moving or bool(predicted.mean() >= self.mastered)
        if self._moving:
            self._move(model, predicted)
        else:
            self._particles = self._successes.draw(self.rng)

    def _move(self, model: NadarayaWatson, predicted: FloatArray) -> None:
        particles = self._particles.copy()
        mastered = predicted >= self.mastered
        # Drawn in any case, as in the authors' code, and used for the particles below the line.
        successes = self._successes.draw(self.rng)
        if not mastered.all():
            swapped = successes[pairing(particles, successes)[~mastered]]
            particles[~mastered] = swapped
            mastered[~mastered] = model.predict(swapped) >= self.mastered
        wanted = self._target.draw(len(particles), self.rng)
        partners = wanted[pairing(particles, wanted)]
        goals = partners
        if self._sliced:
            goals = sliced_step(particles, wanted, self.rng)
        places = candidates(particles, goals, mastered, self._radius, self.rng, line=not self._sliced)
        np.clip(places, self._units.low, self._units.high, out=places)
        self._particles = best(places, goals, model, self.mastered)
        self._seen[1] = distance(self._particles, partners)

    def first_action(self) -> Wait | None:
        """Return how many outcomes the first update of the particles waits for; None afterwards."""
        if not np.isnan(self._seen[0]):
            return None
        return Wait(self._size, "moving particles", f"a smaller batch, here {self._size}")

    def metrics(self) -> dict[str, float]:
        """Return whether half of the successes was mastered once, and whether particles move.

        After an update also the mean prediction of the particles before it, ``predicted``; after a move their
        root mean squared distance to the target tasks they were paired with, ``distance`` (in the variant's
        units).
        """
        found = {"reached": float(self._successes.reached), "moving": float(self._moving)}
        names = ("predicted", "distance")
        return found | {name: float(x) for name, x in zip(names, self._seen, strict=True) if np.isfinite(x)}

    def snapshot(self) -> dict[str, Array]:
        """Return points in task units: ``particles (n, d)``, ``successes (k, d)``, and ``scores (k,)``."""
        return {
            "particles": self._units.shown(self._particles),
            "successes": self._units.shown(self._successes.points),
            "scores": self._successes.scores.copy(),
        }

    def _state(self) -> State:
        return {
            "particles": self._particles.copy(),
            "successes": self._successes.state(),
            "failed": self._failed.copy(),
            "failed_scores": self._failed_scores.copy(),
            "moving": self._moving,
            "batch": self._batches.state(),
            "seen": self._seen.copy(),
        }

    def _load(self, state: State) -> None:
        names = ("particles", "successes", "failed", "failed_scores", "moving", "batch", "seen")
        check_names("currot: state", names, state)
        particles = self._loaded("particles", state, len(self._particles))
        failed = self._loaded("failed", state, None)
        if len(failed) > len(particles):
            raise ValueError(f"currot: failed: expected up to {len(particles)} rows, got {len(failed)}")
        shape = (len(failed),)
        scores = saved_array(
            "currot: failed_scores", state["failed_scores"], np.float64, shape, low=-1e100, high=1e100
        )
        seen = saved_gaps("currot: seen", state["seen"], (2,), "two numbers or none")
        moving = check_flag("currot: moving", state["moving"])
        self._successes.load(state["successes"])
        self._batches.load(state["batch"])
        self._particles = particles
        self._failed = failed
        self._failed_scores = scores
        self._moving = moving
        self._seen = seen

    def _loaded(self, name: str, state: State, n: int | None) -> FloatArray:
        """Return points of a state; raise ValueError if they are not points of the space."""
        shape = (n, self._particles.shape[1])
        points = saved_array(f"currot: {name}", state[name], np.float64, shape)
        if (points < self._units.low).any() or (points > self._units.high).any():
            raise ValueError(f"currot: {name}: expected points within the space, got {points}")
        return points


def _radius(step: Any, units: Units, *, root: bool) -> float:
    """Return how far a particle may move in one update, in the units' coordinates."""
    diagonal = float(np.linalg.norm(units.size))
    if step is None:
        step = 0.05 * diagonal if units.raw else 0.05
    if not units.raw:
        return check_real("currot: step", step, 1e-6, 1) * diagonal
    radius = check_real("currot: step", step, 0, 1e78, above=True)
    if root:
        radius = float(np.sqrt(radius))
    # The model divides distances by a share of the radius.
    if radius < 1e-6 * diagonal:
        raise ValueError(
            f"currot: step: expected a radius of at least a millionth of the space's diagonal, {diagonal:g}, "
            f"got {radius:g}: give a greater step"
        )
    return radius
