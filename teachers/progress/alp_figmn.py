"""ALP-GMM with a mixture that learns row by row: no fits, and every outcome counts at once."""

from __future__ import annotations

from typing import Any, ClassVar

import gymnasium as gym
import numpy as np

from teacherstudent.contract.checks import check_names, check_real, check_whole
from teacherstudent.contract.registry import TEACHERS
from teacherstudent.contract.spaces import Box
from teacherstudent.contract.stored.saved import saved_array, saved_number
from teacherstudent.contract.teacher import Teacher
from teacherstudent.contract.types import Assignment, FloatArray, IntArray, Outcomes, Seed, State, Wait
from teacherstudent.teachers.progress.alp_gmm import ExactHistory
from teacherstudent.teachers.progress.expectation import Mixture
from teacherstudent.teachers.progress.figmn import Figmn
from teacherstudent.teachers.progress.mixture_tasks import Draws, Options, Window
from teacherstudent.teachers.score_range import ScoreRange

BLOCK = 16
"""Outcomes that are learnt together, one after the other; tasks are then drawn from the new mixture."""
START = 3 * BLOCK
"""Outcomes whose ALP says how large ALP is."""
PATIENCE = 250.0
"""Outcomes in which a component may gain its mass if the mixture never forgets; else its memory."""
_SLACK = 250
"""How many more tasks than ``max_size`` may be remembered."""


@TEACHERS.register("alp-figmn")
class ALPFigmn(Teacher[Box]):
    """Samples Gaussians in proportion to their absolute learning progress, as `alp-gmm`, without fits.

    Absolute learning progress (ALP) and the way from a mixture to tasks are those of Portelas et al. 2019,
    https://arxiv.org/abs/1910.07224, in the unit cube (`alp-gmm`, variant "fixed"). The mixture over (task,
    ALP) is that of Pinto and Engel 2015, "A fast incremental Gaussian mixture model",
    https://arxiv.org/abs/1506.04422, with the deviations of `teacherstudent.teachers.progress.figmn.Figmn`.
    It learns one outcome after the other, in blocks of 16, where `alp-gmm` waits for a window of 250, and it
    finds the number of components itself.

    The first 48 outcomes say how large ALP is: their greatest is the unit of ALP in the mixture. Tasks are
    uniform until then, and with probability ``random_task_ratio`` later.

    A batch told at once gives the state of its rows told one by one. Every outcome counts, asked for or not.

    Args:
        space: a box.
        seed: an integer of at least 0 or a ``SeedSequence``.
        random_task_ratio: probability of a uniform task.
        components: of the mixture at most.
        novelty: a row further off than all but this share of a component's rows becomes a new component.
        spread: standard deviation of a new component, as a share of the range.
        memory: outcomes in which the mass of what was learnt shrinks by the factor e; None: it never does.
        max_size: outcomes remembered as neighbours; None is all.
        score_range: scores are mapped linearly from it to (0, 1) with saturation; None leaves them alone.

    Raises:
        TypeError: if the space is no box, or the seed is no integer.
        ValueError: if an option is out of range.
    """

    accepts: ClassVar[tuple[type[gym.Space[Any]], ...]] = (Box,)
    differences = True

    def __init__(
        self,
        space: Box,
        *,
        seed: Seed,
        random_task_ratio: float = 0.2,
        components: int = 10,
        novelty: float = 0.1,
        spread: float = 0.05,
        memory: float | None = 250,
        max_size: int | None = None,
        score_range: tuple[float, float] | None = None,
    ) -> None:
        super().__init__(space, seed=seed)
        self.options = Options(
            space=space,
            seed=seed,
            variant="fixed",
            fit_rate=BLOCK,
            random_task_ratio=random_task_ratio,
            n_components=(1, 1),
            criterion="aic",
            initial=None,
        )
        d = int(np.prod(space.shape))
        if max_size is not None:
            check_whole("max_size", max_size)
        if memory is not None:
            # With less no component would ever have the mass to stay.
            check_real("memory", memory, 2 * (d + 2), 1e9)
        self._mixture = Figmn(
            d + 1,
            spread=np.full(d + 1, check_real("spread", spread, 1e-3, 10)),
            novelty=check_real("novelty", novelty, 0, 1, above=True, below=True),
            most=check_whole("components", components, 1, 1000),
            memory=memory,
            patience=PATIENCE if memory is None else memory,
        )
        self._window = Window(BLOCK, d)
        self._draws = Draws(self.options)
        self._range = ScoreRange("alp-figmn", score_range)
        self._history = ExactHistory(d, max_size, _SLACK)
        # The first rows, which wait until they say how large ALP is; the unit of ALP is 0 until then.
        self._first = np.zeros((0, d + 1))
        self._unit = 0.0

    def _ask(self, ids: IntArray, progress: float) -> Assignment:
        return Assignment(ids=ids, tasks=self._draws.take(len(ids), self.rng))

    def _tell(self, outcomes: Outcomes) -> None:
        self._range.watch(outcomes.score)
        # A window is full at the same rows however they are batched, so batches change nothing.
        for tasks, scores in self._window.fill(outcomes.tasks, outcomes.score):
            points = self.options.points(tasks)
            alp = self._history.progress(points, self._range.scaled(scores))
            rows = np.column_stack([points, alp])
            if self._unit == 0:
                rows = self._first = np.concatenate([self._first, rows])
                if len(rows) < START:
                    continue
                self._unit = _unit(rows[:, -1])
                self._first = rows[:0]
            self._mixture.learn(rows / self._scale())
            self._use()

    def _scale(self) -> FloatArray:
        """Return the units ``(d + 1,)`` of a row in the mixture: the unit cube, and the unit of ALP."""
        return np.append(np.ones(self._first.shape[1] - 1), self._unit)

    def _learnt(self) -> Mixture:
        """Return the mixture over (point, ALP), ALP as it is."""
        scale = self._scale()
        return self._mixture.mixture().moved(np.zeros(len(scale)), scale)

    def _use(self) -> None:
        if self._mixture.count == 0:
            self._draws.reset()
        else:
            mixture = self._learnt()
            # The last coordinate of a mean is the component's ALP. Rounding may bring it below 0.
            self._draws.use(mixture, np.maximum(mixture.means[:, -1], 0.0))

    def first_action(self) -> Wait | None:
        """Return how many outcomes come before the mixture; None afterwards. Until then tasks are uniform."""
        if self._mixture.count:
            return None
        return Wait(START, "sampling a mixture", "nothing: as many are always uniform")

    def metrics(self) -> dict[str, float]:
        """Return the outcomes told, the mean ALP of the mixture and its components.

        With ``score_range`` also ``outside_range_share``, of the scores.
        """
        metrics = {"told": float(self._window.told)} | self._range.metrics()
        if self._mixture.count:
            mixture = self._learnt()
            alp = float(mixture.weights @ mixture.means[:, -1])
            metrics |= {"alp": alp, "components": float(len(mixture))}
        return metrics

    def snapshot(self) -> dict[str, Any]:
        """Return the mixture over (task, ALP), in task units; empty before.

        ``weights (k,)``, ``means (k, d + 1)``, ``covariances (k, d + 1, d + 1)``.
        """
        if self._mixture.count == 0:
            return {}
        return self.options.raw(self._learnt()).state()

    def _state(self) -> State:
        return {
            "window": self._window.state(),
            "mixture": self._mixture.state(),
            "range": self._range.state(),
            "history": self._history.state(),
            "first": self._first.copy(),
            "unit": self._unit,
            "draws": self._draws.state(),
        }

    def _load(self, state: State) -> None:
        who = "alp-figmn"
        names = ("window", "mixture", "range", "history", "first", "unit", "draws")
        check_names(f"{who}: state", names, state)
        columns = self._first.shape[1]
        first = saved_array(f"{who}: first", state["first"], np.float64, (None, columns))
        unit = saved_number(f"{who}: unit", state["unit"], 0)
        self._mixture.load(f"{who}: mixture", state["mixture"])
        # The first rows wait as long as there is no mixture, and no longer.
        waits = self._mixture.count == 0
        if waits != (unit == 0) or len(first) >= START or (len(first) and not waits):
            raise ValueError(f"{who}: first: expected fewer than {START} rows, and none beside a mixture")
        self._window.load(state["window"])
        self._range.load(state["range"])
        self._history.load(state["history"])
        self._first = first
        self._unit = unit
        # `_use` throws away what was drawn before, so the saved tasks come after it.
        self._use()
        self._draws.load(state["draws"])


def _unit(alp: FloatArray) -> float:
    """Return the greatest ALP as the unit of those to come; 1 if there is none yet."""
    greatest = float(alp.max())
    if greatest == 0:
        return 1.0
    # So large that no quotient of scores overflows when it is squared.
    return max(greatest, 1e-12)
