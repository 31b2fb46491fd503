"""Bidirectional learning progress: tasks whose success rises or falls; OMNI's filter of interest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from teacherstudent.contract.checks import check_names, check_numbers, check_real, check_whole
from teacherstudent.contract.purposes import Purpose, purposes
from teacherstudent.contract.registry import TEACHERS
from teacherstudent.contract.spaces import Discrete
from teacherstudent.contract.stored.saved import saved_whole
from teacherstudent.contract.teacher import Teacher
from teacherstudent.contract.types import Array, Assignment, FloatArray, IntArray, Outcomes, Seed, State, Wait
from teacherstudent.teachers.bandits.policies import draw
from teacherstudent.teachers.lessons.estimates import Estimates, Interest, probabilities
from teacherstudent.teachers.signals import share

UNIFORM = 0.25
"""Share of uniform tasks where the estimates come from training rows (that of Syllabus)."""


@TEACHERS.register("learning-progress")
class LearningProgress(Teacher[Discrete]):
    """Draws tasks whose rate of success changes, whether it rises or falls.

    Bidirectional learning progress of Kanitscheider et al. 2021, "Multi-task curriculum learning in a
    complex, visual, hard-exploration domain: Minecraft", https://arxiv.org/abs/2106.14876, as in the code of
    Zhang, Lehman, Stanley and Clune 2023, "OMNI: open-endedness via models of human notions of
    interestingness", https://arxiv.org/abs/2306.01711.

    Every ``attempts`` outcomes of a task give an estimate p of its success. With b the success of a random
    policy, n = max(p - b, 0) / (1 - b) goes into a fast and a slow average: fast += rate (n - fast), then
    slow += rate (fast - slow); a task's first estimate sets both. The learning progress is |f(fast) -
    f(slow)| with f(p) = p (1 - theta) / (p + theta (1 - 2 p)), which stretches small rates. Tasks are drawn
    that have learning progress or were solved in their last estimate (all, if there is none), in proportion
    to the sigmoid of the z-score of their learning progress.

    With ``evaluate_every`` estimates come from rows that are only measured: at the start, and whenever as
    many rows for training were handed out, every task is measured ``attempts`` times. Measuring is charged.
    Without it estimates come from the rows trained on, and a task that is not drawn keeps its own. Rows that
    nobody asked for count too.

    OMNI also weighs tasks by interest. ``interesting (n, n)`` is the judgement of a model, made beforehand:
    entry (i, j) says whether task j is interesting beside task i. Tasks are gone through from the highest
    success down (of equal ones the first): one that is not boring yet is interesting, and all that are not
    interesting beside it, nor found interesting before, become boring. Their probability is multiplied by
    0.001. ``interesting (n,)`` are weights by which the probabilities are multiplied.

    Deviations from OMNI's code:

    - it estimates all tasks at one time, here each has its own block of outcomes; the same if every row of
      an evaluation comes back before the next one;
    - it measures b in the first evaluation, as does this teacher where it measures. Without measuring b is 0
      if it is not given: the first rows of a task may come from a student that has learnt much elsewhere. b
      is at most 0.75 in each case;
    - a share of the draws may be uniform; without measuring a task could never come back else;
    - Syllabus estimates from training rows too, and counts a task that was not drawn as failed; not here.

    Args:
        space: the tasks.
        seed: an integer of at least 0 or a ``SeedSequence``.
        mastered: the score above which an outcome is a success; the family's if it has one. None: the signal
            ``success``, in [0, 1], which every row must then carry.
        rate: of both averages, above 0 and at most 1.
        theta: of f, between 0 and 1.
        attempts: outcomes in an estimate.
        evaluate_every: rows for training between two evaluations; None: nothing is measured.
        uniform: share of uniform tasks among the rows for training; None is 0.25 without measuring, else 0.
        baseline: success of a random policy, one number for all tasks or one for each; None: see above.
        interesting: see above; None: all tasks are.

    Raises:
        TypeError: if the space is not discrete, or the seed is no integer.
        ValueError: if an option is out of range or of a wrong shape.
    """

    accepts: ClassVar[tuple[type[gym.Space[Any]], ...]] = (Discrete,)

    def __init__(
        self,
        space: Discrete,
        *,
        seed: Seed,
        mastered: float | None = None,
        rate: float = 0.1,
        theta: float = 0.1,
        attempts: int = 20,
        evaluate_every: int | None = None,
        uniform: float | None = None,
        baseline: float | Sequence[float] | None = None,
        interesting: npt.ArrayLike | None = None,
    ) -> None:
        super().__init__(space, seed=seed)
        who = "learning-progress"
        k = int(space.n)
        self.mastered = mastered
        if mastered is None:
            self.needs = frozenset({"success"})
        else:
            self.mastered = check_real(f"{who}: mastered", mastered)
        self.attempts = check_whole(f"{who}: attempts", attempts, 1, 10**6)
        self.evaluate_every = evaluate_every
        self.uniform = UNIFORM
        if evaluate_every is not None:
            self.evaluate_every = check_whole(f"{who}: evaluate_every", evaluate_every, 1, 10**9)
            self.measures = self.needs
            self.uniform = 0.0
        if uniform is not None:
            self.uniform = check_real(f"{who}: uniform", uniform, 0, 1)
        self._estimates = Estimates(
            who,
            k,
            self.attempts,
            rate=check_real(f"{who}: rate", rate, 0, 1, above=True),
            theta=check_real(f"{who}: theta", theta, 0, 1, above=True, below=True),
            baseline=_baseline(f"{who}: baseline", baseline, k, measured=evaluate_every is not None),
        )
        self._interest = Interest(who, interesting, k)
        # Rows of the present evaluation that are still to be handed out, and rows for training since then.
        self._left = self._whole
        self._trained = 0
        # Follows from the estimates, and is made when it is needed.
        self._drawn: FloatArray | None = None

    @property
    def _whole(self) -> int:
        """Rows of an evaluation."""
        if self.evaluate_every is None:
            return 0
        return int(self.space.n) * self.attempts

    def first_action(self) -> Wait | None:
        """Return how many outcomes two estimates of every task take; None once there is progress."""
        if self._estimates.progress().any():
            return None
        if self.space.n == 1:
            return None
        rows = 2 * int(self.space.n) * self.attempts
        remedy = "fewer attempts or tasks"
        if self.evaluate_every is not None:
            rows += self.evaluate_every
            remedy = "fewer attempts or tasks, or a smaller evaluate_every"
        return Wait(rows, "choosing by learning progress", remedy)

    def _ask(self, ids: IntArray, progress: float) -> Assignment:
        n = len(ids)
        if self._left == 0 and self.evaluate_every is not None and self._trained >= self.evaluate_every:
            self._left = self._whole
            self._trained = 0
        measured = min(n, self._left)
        # Tasks come in turn, so that the attempts of each are spread over the evaluation. Row i of those left
        # is row i - left of a whole number of turns.
        turn = (np.arange(measured) - self._left) % int(self.space.n)
        self._left -= measured
        # If an ask ends the evaluation in its middle, its other rows are for training.
        self._trained += n - measured
        task = np.concatenate([turn, draw(self.rng, self._probabilities(), n - measured)])
        return Assignment(
            ids=ids,
            tasks=(task + int(self.space.start)).astype(self.space.dtype),
            purpose=purposes(np.arange(n) >= measured),
        )

    def _tell(self, outcomes: Outcomes) -> None:
        if self.mastered is None:
            # A mean of shares may lie outside by rounding.
            success = np.clip(share(outcomes, "success"), 0.0, 1.0)
        else:
            success = (outcomes.score > self.mastered).astype(np.float64)
        counts = outcomes.learn
        if self.evaluate_every is not None:
            counts = outcomes.purpose == Purpose.MEASURE
        task = outcomes.tasks.astype(np.int64) - int(self.space.start)
        if self._estimates.count(task[counts], success[counts]):
            self._drawn = None

    def _probabilities(self) -> FloatArray:
        """Return ``(k,)`` how probable each task is in a row for training."""
        if self._drawn is None:
            success = self._estimates.success()
            chance = self._interest.weigh(probabilities(self._estimates.progress(), success), success)
            self._drawn = (1 - self.uniform) * chance + self.uniform / len(chance)
        return self._drawn

    def metrics(self) -> dict[str, float]:
        """Return means over tasks of learning progress and success, and where the draws lie.

        ``estimated``: the share of tasks with an estimate. ``entropy``: of the draws, as a share of the
        greatest. ``interesting``: the share of tasks that are not boring, where a table says so.
        """
        chance = self._probabilities()
        # p log p is 0 for p = 0, where numpy would give NaN.
        positive = chance[chance > 0]
        entropy = 0.0
        if len(chance) > 1:
            entropy = float(-(positive * np.log(positive)).sum() / np.log(len(chance)))
        success = self._estimates.success()
        return {
            "learning_progress": float(self._estimates.progress().mean()),
            "success": float(success.mean()),
            "estimated": float(self._estimates.known.mean()),
            "entropy": entropy,
        } | self._interest.metrics(success)

    def snapshot(self) -> dict[str, Array]:
        """Return every task, its next probability, its learning progress and its success; ``(k,)`` each."""
        return {
            "tasks": np.arange(int(self.space.n)) + int(self.space.start),
            "probabilities": self._probabilities().copy(),
            "value": self._estimates.progress(),
            "success": self._estimates.success(),
        }

    def _state(self) -> State:
        return {"estimates": self._estimates.state(), "left": self._left, "trained": self._trained}

    def _load(self, state: State) -> None:
        who = "learning-progress"
        check_names(f"{who}: state", ("estimates", "left", "trained"), state)
        left = saved_whole(f"{who}: left", state["left"], 0, self._whole)
        trained = saved_whole(f"{who}: trained", state["trained"], 0, 2**62)
        self._estimates.load(state["estimates"])
        self._left = left
        self._trained = trained
        self._drawn = None


def _baseline(what: str, given: Any, k: int, *, measured: bool) -> FloatArray | None:
    """Return the success of a random policy, ``(k,)``; None if the first evaluation is to say it."""
    if given is None:
        return None if measured else np.zeros(k)
    expected = f"a share in [0, 1], or one for each of {k} tasks"
    found = check_numbers(what, expected, given)
    if found.shape not in ((), (k,)) or (found < 0).any() or (found > 1).any():
        raise ValueError(f"{what}: expected {expected}, got {given!r}")
    return np.array(np.broadcast_to(found, k))
