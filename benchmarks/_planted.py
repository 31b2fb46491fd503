"""Simulated learners whose best policy is known: what a bandit over training stages could have gained."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from teacherstudent.contract.spaces import Discrete
from teacherstudent.contract.teacher import Teacher
from teacherstudent.contract.types import FloatArray, IntArray, Outcomes

MEANS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Mean gains of the arms of the first three learners, in an order drawn from the seed."""
RATES, CEILINGS = (30.0, 15.0, 8.0, 5.0), (0.4, 0.65, 0.85, 1.0)
"""Of `Stages`: speed over the whole horizon, and the level that a stage leads to."""


class Learner(ABC):
    """Gains that depend on the arm played, the decision, and what was learnt so far.

    Attributes:
        k: number of arms.
        noise: standard deviation of an observed gain about the true one.
        done: decisions so far.

    Args:
        horizon: decisions in all.
        rng: what differs from seed to seed.
    """

    k: int = len(MEANS)
    noise: float = 1.0

    def __init__(self, horizon: int, rng: np.random.Generator) -> None:
        self.horizon, self.done = horizon, 0

    @abstractmethod
    def gains(self) -> FloatArray:
        """Return ``(k,)`` the true gain that each arm would bring now."""

    def play(self, arm: int) -> float:
        """Play an arm and return its true gain."""
        gain = float(self.gains()[arm])
        self.done += 1
        return gain

    def best(self) -> float:
        """Return the greatest total gain of any policy, from now to the horizon; uses the learner up.

        The arm of the greatest gain at every decision, which is exact where a gain depends on the decision
        alone, and for `Stages` (see there).
        """
        return sum(self.play(int(self.gains().argmax())) for _ in range(self.horizon - self.done))


class Steady(Learner):
    """Gains that never change."""

    def __init__(self, horizon: int, rng: np.random.Generator) -> None:
        super().__init__(horizon, rng)
        self._means = rng.permutation(MEANS)

    def gains(self) -> FloatArray:
        """Return the means."""
        return self._means


class Annealed(Steady):
    """Gains that all fall linearly to 0 at the horizon, as under an annealed learning rate."""

    def gains(self) -> FloatArray:
        """Return the means, less what is over."""
        return self._means * (1 - self.done / self.horizon)


class Switching(Learner):
    """Gains that are dealt out anew to the arms four times, at every fifth of the horizon."""

    def __init__(self, horizon: int, rng: np.random.Generator) -> None:
        super().__init__(horizon, rng)
        self._means = np.stack([rng.permutation(MEANS) for _ in range(5)])

    def gains(self) -> FloatArray:
        """Return the means of the present fifth."""
        return np.asarray(self._means[min(5 * self.done // self.horizon, 4)])


class Stages(Learner):
    """Four training stages that lead to ever higher levels, ever more slowly: a learning curve.

    At level x, from 0, stage a brings ``rate[a] / horizon * (ceiling[a] - x)`` if that is positive. Each map
    of x to the next level increases with x, so the greatest gain at every decision also gives the
    greatest level at the end.

    Attributes:
        level: the sum of the gains so far.
    """

    k = len(RATES)
    noise = 0.01

    def __init__(self, horizon: int, rng: np.random.Generator) -> None:
        super().__init__(horizon, rng)
        self.level = 0.0

    def gains(self) -> FloatArray:
        """Return what each stage would add to the level."""
        speed = np.minimum(np.array(RATES) / self.horizon, 1.0)
        return np.maximum(speed * (np.array(CEILINGS) - self.level), 0.0)

    def play(self, arm: int) -> float:
        """Play a stage and return what it adds."""
        gain = super().play(arm)
        self.level += gain
        return gain


class Identical(Learner):
    """Arms that all bring the same."""

    def gains(self) -> FloatArray:
        """Return ones."""
        return np.ones(self.k)


class Useless(Learner):
    """Arms that bring 1, but for the first, which brings nothing."""

    noise = 0.3

    def gains(self) -> FloatArray:
        """Return 0, 1, 1..."""
        return np.minimum(np.arange(self.k), 1.0)


def teach(teacher: Teacher[Discrete], learner: Learner, rng: np.random.Generator) -> tuple[IntArray, float]:
    """Let a teacher choose one arm after the other; return the arms ``(horizon,)`` and the true gain in all.

    The teacher sees the gain with noise as the score, at a cost of 1, and the noise's deviation as
    ``score_se``.
    """
    arms, total = np.empty(learner.horizon, np.int64), 0.0
    noise = learner.noise * rng.standard_normal(learner.horizon)
    for i in range(learner.horizon):
        asked = teacher.ask(1, progress=i / learner.horizon)
        arms[i] = asked.tasks[0]
        gain = learner.play(int(arms[i]))
        total += gain
        teacher.tell(
            Outcomes(
                ids=asked.ids,
                tasks=asked.tasks,
                score=np.array([gain + noise[i]]),
                cost=np.ones(1),
                signals={"score_se": np.array([learner.noise])},
            )
        )
    return arms, total
