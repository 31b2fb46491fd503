"""Covar-GMM: sample tasks where a Gaussian mixture finds scores that rise with time."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar, Literal

import gymnasium as gym
import numpy as np

from teacherstudent.contract.checks import check_flag, check_names
from teacherstudent.contract.registry import TEACHERS
from teacherstudent.contract.spaces import Box
from teacherstudent.contract.stored.saved import saved_whole
from teacherstudent.contract.teacher import Teacher
from teacherstudent.contract.types import Assignment, FloatArray, IntArray, Outcomes, Seed, State, Wait
from teacherstudent.teachers.progress.mixture import Mixture
from teacherstudent.teachers.progress.mixture_tasks import (
    FIT_RATE,
    Draws,
    Gaussian,
    Options,
    Window,
    fit_rate_of,
)
from teacherstudent.teachers.score_range import ScoreRange


@TEACHERS.register("covar-gmm")
class CovarGMM(Teacher[Box]):
    """Samples Gaussians in proportion to their covariance of time and score.

    Moulin-Frier, Nguyen and Oudeyer 2014, "Self-organization of early vocal development in infants and
    machines: the role of intrinsic motivation", https://doi.org/10.3389/fpsyg.2013.01006, in the form of
    Portelas et al. 2019, https://arxiv.org/abs/1910.07224 (Covar-GMM).

    Every ``fit_rate`` outcomes, mixtures with every number of components are fitted to the last ``fit_rate``
    rows (task, time, score), where time runs from 0 to 1 within these rows, and the one of least AIC is kept.
    A component's utility is its covariance of time and score, or 0 if that is negative. A task is uniform
    before the first fit and with probability ``random_task_ratio``; otherwise a component is chosen in
    proportion to utility (any, if all are 0), and a task is drawn from its Gaussian and clipped.

    ``variant="paper"`` does what the authors' code does: raw task units, scikit-learn's ``GaussianMixture``
    with the teacher's seed at every fit (as in TeachMyAgent), tasks one after the other as float32. A
    ``fit_rate`` below the greatest number of components is refused at once, not at the first fit.

    ``variant="fixed"`` works in the unit cube, fits all mixtures at once (deviations from scikit-learn in
    `teacherstudent.teachers.progress.mixture.fit_mixture`), with no more components than different rows, and
    draws tasks in blocks.

    Deviations from the 2014 paper, in both variants and in the authors' code: the number of components is
    chosen by AIC; a share of the tasks is uniform; time and score are those of an episode.

    A batch told at once gives the state of its rows told one by one. Every outcome counts, asked for or not.

    Args:
        space: a box.
        seed: an integer of at least 0 or a ``SeedSequence``.
        variant: ``"fixed"`` or ``"paper"``.
        fit_rate: outcomes between two fits; None as of `ALPGMM`.
        random_task_ratio: probability of a uniform task.
        n_components: fewest and most components, both tried.
        absolute: a falling score counts like a rising one.
        score_range: scores are mapped linearly from it to (0, 1) with saturation; None leaves them alone.
        initial: mean and variances (or covariance) in task units of the tasks before the first fit, as in
            TeachMyAgent (Romac et al. 2021, https://arxiv.org/abs/2103.09815); None is uniform.

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
        variant: Literal["fixed", "paper"] = "fixed",
        fit_rate: int | None = None,
        random_task_ratio: float = 0.2,
        n_components: tuple[int, int] = (2, 10),
        absolute: bool = False,
        score_range: tuple[float, float] | None = None,
        initial: Gaussian | None = None,
    ) -> None:
        super().__init__(space, seed=seed)
        self.options = Options(
            space=space,
            seed=seed,
            variant=variant,
            fit_rate=FIT_RATE if fit_rate is None else fit_rate,
            random_task_ratio=random_task_ratio,
            n_components=n_components,
            criterion="aic",
            initial=initial,
        )
        self.absolute = check_flag("absolute", absolute)
        self._open = fit_rate is None and variant != "paper"
        self._window = Window(self.options.fit_rate, int(np.prod(space.shape)))
        self._draws = Draws(self.options)
        self._range = ScoreRange("covar-gmm", score_range)
        self._fit_seed = self.options.fit_seed
        # Over (point, time, score).
        self._mixture: Mixture | None = None

    def fit_to(self, rows: int, slots: int) -> dict[str, Any]:
        """Choose ``fit_rate`` by the rows of the run where it is None; return it then."""
        if not self._open:
            return {}
        rate = fit_rate_of(rows)
        self.options = dataclasses.replace(self.options, fit_rate=rate)
        self._window = Window(rate, int(np.prod(self.space.shape)))
        return {"fit_rate": rate}

    def _ask(self, ids: IntArray, progress: float) -> Assignment:
        return Assignment(ids=ids, tasks=self._draws.take(len(ids), self.rng))

    def _tell(self, outcomes: Outcomes) -> None:
        self._range.watch(outcomes.score)
        for tasks, scores in self._window.fill(outcomes.tasks, outcomes.score):
            # Time within the window, so a component's covariance says whether its scores rise.
            time = np.arange(len(scores)) * (1 / len(scores))
            rows = np.column_stack([self.options.points(tasks), time, self._range.scaled(scores)])
            self._mixture = self.options.fit(rows, self.rng, self._fit_seed)
            self._draws.use(self._mixture, self.utility(self._mixture))

    def utility(self, mixture: Mixture) -> FloatArray:
        """Return what the components of a mixture over (task, time, score) are worth, ``(k,)``."""
        # The last two coordinates are time and score.
        rise = mixture.covariances[:, -2, -1]
        if self.absolute:
            return np.abs(rise)
        return np.maximum(rise, 0)

    def first_action(self) -> Wait | None:
        """Return how many outcomes the first fit waits for, None after it; until then tasks are uniform."""
        return self._window.wait()

    def decisions(self) -> int:
        """Return the number of fits."""
        return self._window.fits

    def metrics(self) -> dict[str, float]:
        """Return the outcomes told, and the components of the last fit with their greatest utility.

        With ``score_range`` also ``outside_range_share``, of the scores.
        """
        metrics = {"told": float(self._window.told)} | self._range.metrics()
        if self._mixture is not None:
            metrics["components"] = float(len(self._mixture))
            metrics["utility"] = float(self.utility(self._mixture).max())
        return metrics

    def snapshot(self) -> dict[str, Any]:
        """Return the mixture over (task, time, score), in task units, and its utility; empty before a fit.

        ``weights (k,)``, ``means (k, d + 2)``, ``covariances (k, d + 2, d + 2)``, ``utility (k,)``.
        """
        if self._mixture is None:
            return {}
        return self.options.raw(self._mixture).state() | {"utility": self.utility(self._mixture)}

    def _state(self) -> State:
        return {
            "window": self._window.state(),
            "range": self._range.state(),
            "mixture": None if self._mixture is None else self._mixture.state(),
            "draws": self._draws.state(),
            "fit_seed": self._fit_seed,
        }

    def _load(self, state: State) -> None:
        check_names("CovarGMM", ("window", "range", "mixture", "draws", "fit_seed"), state)
        d = int(np.prod(self.space.shape))
        self._fit_seed = saved_whole("covar-gmm: fit_seed", state["fit_seed"], 0, 2**32 - 1)
        self._window.load(state["window"])
        self._range.load(state["range"])
        if state["mixture"] is None:
            self._mixture = None
            self._draws.reset()
        else:
            self._mixture = Mixture.load(state["mixture"], d + 2)
            self._draws.use(self._mixture, self.utility(self._mixture))
        self._draws.load(state["draws"])
