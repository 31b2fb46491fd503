"""ALP-GMM: sample tasks where a Gaussian mixture finds absolute learning progress."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar, Literal, Protocol

import gymnasium as gym
import numpy as np

from teacherstudent.contract.checks import check_names, check_whole
from teacherstudent.contract.registry import TEACHERS
from teacherstudent.contract.spaces import Box
from teacherstudent.contract.stored.saved import saved_array, saved_whole
from teacherstudent.contract.teacher import Teacher
from teacherstudent.contract.types import Assignment, FloatArray, IntArray, Outcomes, Seed, State, Wait
from teacherstudent.teachers.progress.mixture import Criterion, Mixture
from teacherstudent.teachers.progress.mixture_tasks import (
    FIT_RATE,
    Draws,
    Gaussian,
    Options,
    Window,
    fit_rate_of,
)
from teacherstudent.teachers.progress.neighbors import BufferedTrees, NearestOlder
from teacherstudent.teachers.score_range import ScoreRange


@TEACHERS.register("alp-gmm")
class ALPGMM(Teacher[Box]):
    """Samples Gaussians in proportion to their absolute learning progress.

    Portelas, Colas, Hofmann and Oudeyer 2019, "Teacher algorithms for curriculum learning of deep RL in
    continuously parameterized environments", https://arxiv.org/abs/1910.07224, algorithm 1.

    The absolute learning progress (ALP) of an outcome is the difference of its score to that of the nearest
    earlier task (Euclidean), as an absolute number. Every ``fit_rate`` outcomes, mixtures with every number
    of components are fitted to the last ``fit_rate`` rows (task, ALP), and the one of least AIC is kept.
    A task is uniform before the first fit and with probability ``random_task_ratio``; otherwise a component
    is chosen in proportion to the ALP of its mean, and a task is drawn from its Gaussian and clipped.

    ``variant="paper"`` does what the authors' code does:

    - distances, mixtures and clipping in raw task units, whatever their ranges;
    - the first six outcomes have an ALP of 0, and these zeros are part of the first fit;
    - at equal distance a task of the main k-d tree wins over one of the buffer of the newest 500; within a
      tree it is the one that scipy finds first;
    - ``max_size`` drops the oldest tasks only when the buffer is merged, so up to 500 more are remembered;
    - scikit-learn's ``GaussianMixture`` with the teacher's seed as ``random_state`` of every fit, no warm
      start, one number of components after the other;
    - aicc counts parameters without the ALP dimension;
    - a component's weight in the mixture plays no role; if no component progresses, any is chosen;
    - tasks are drawn one after the other, as float32.

    Deviations from that code: it draws from numpy's global generator, and takes a seed of 0 as none; a
    ``fit_rate`` below the greatest number of components is refused at once, not at the first fit.

    ``variant="fixed"`` samples the same, in these points better and much cheaper:

    - distances and mixtures in the unit cube; ALP from the second outcome on; exact neighbours, and of tasks
      at equal distance the oldest counts;
    - all mixtures are fitted at once, with first centres drawn from the teacher's generator (deviations from
      scikit-learn in `teacherstudent.teachers.progress.mixture.fit_mixture`), and with no more components
      than different rows;
    - aicc counts all parameters; a mean ALP below 0 by rounding counts as 0;
    - ``max_size`` is checked after a fit: up to a quarter or ``fit_rate`` tasks more are remembered;
    - tasks are drawn in blocks, from the Gaussian of the task alone.

    In both variants the work happens at the fits, and a batch told at once gives the state of its rows told
    one by one. Every outcome counts, asked for or not. A long record need not be told: its points (raw
    units for paper, unit cube for fixed) and scores may go into a state, as in benchmarks/teachers.py.

    Args:
        space: a box.
        seed: an integer of at least 0 or a ``SeedSequence``.
        variant: ``"fixed"`` or ``"paper"``.
        fit_rate: outcomes between two fits; None for the paper's 250, or fewer in a run too short for 20 such
            fits (`fit_rate_of`, `fit_to`); always 250 in the variant ``"paper"``.
        random_task_ratio: probability of a uniform task.
        n_components: fewest and most components, both tried.
        criterion: ``"aic"``, ``"bic"`` or ``"aicc"``.
        max_size: outcomes remembered as neighbours; None is all.
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
        criterion: Criterion = "aic",
        max_size: int | None = None,
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
            criterion=criterion,
            initial=initial,
        )
        if max_size is not None:
            check_whole("max_size", max_size)
        self._open = fit_rate is None and variant != "paper"
        self._max_size = max_size
        d = int(np.prod(space.shape))
        self._window = Window(self.options.fit_rate, d)
        self._draws = Draws(self.options)
        self._range = ScoreRange("alp-gmm", score_range)
        self._fit_seed = self.options.fit_seed
        # The variants differ most in what counts as the nearest earlier task.
        self._history: _History
        if variant == "paper":
            self._history = _Paper(d, max_size)
        else:
            self._history = ExactHistory(d, max_size, self.options.fit_rate)
        # Over (point, ALP).
        self._mixture: Mixture | None = None
        # The tasks and their ALP that the mixture was fitted to.
        self._fitted: State = {}

    def fit_to(self, rows: int, slots: int) -> dict[str, Any]:
        """Choose ``fit_rate`` by the rows of the run where it is None; return it then."""
        if not self._open:
            return {}
        rate = fit_rate_of(rows)
        d = int(np.prod(self.space.shape))
        self.options = dataclasses.replace(self.options, fit_rate=rate)
        self._window = Window(rate, d)
        self._history = ExactHistory(d, self._max_size, rate)
        return {"fit_rate": rate}

    def _ask(self, ids: IntArray, progress: float) -> Assignment:
        return Assignment(ids=ids, tasks=self._draws.take(len(ids), self.rng))

    def _tell(self, outcomes: Outcomes) -> None:
        self._range.watch(outcomes.score)
        # A window is full at the same rows however they are batched, so batches change nothing.
        for tasks, scores in self._window.fill(outcomes.tasks, outcomes.score):
            points = self.options.points(tasks)
            # ALP is only needed for the fit, so it is computed for the whole window at once.
            alp = self._history.progress(points, self._range.scaled(scores))
            self._mixture = self.options.fit(np.column_stack([points, alp]), self.rng, self._fit_seed)
            self._fitted = {"tasks": tasks.copy(), "alp": alp}
            self._use()

    def _use(self) -> None:
        mixture = self._mixture
        if mixture is None:
            self._draws.reset()
        else:
            # The last coordinate of a mean is the component's ALP. Rounding may bring it below 0.
            alp = mixture.means[:, -1]
            if not self.options.paper:
                alp = np.maximum(alp, 0)
            self._draws.use(mixture, alp)

    @property
    def mixture(self) -> Mixture | None:
        """The mixture of the last fit over (task, ALP), in task units; None before the first."""
        if self._mixture is None:
            return None
        return self.options.raw(self._mixture)

    def first_action(self) -> Wait | None:
        """Return how many outcomes the first fit waits for, None after it; until then tasks are uniform."""
        return self._window.wait()

    def decisions(self) -> int:
        """Return the number of fits."""
        return self._window.fits

    def metrics(self) -> dict[str, float]:
        """Return the outcomes told, and the mean ALP and the components of the last fit.

        With ``score_range`` also ``outside_range_share``, of the scores.
        """
        metrics = {"told": float(self._window.told)} | self._range.metrics()
        if self._mixture is not None:
            metrics |= {"alp": float(self._fitted["alp"].mean()), "components": float(len(self._mixture))}
        return metrics

    def snapshot(self) -> dict[str, Any]:
        """Return the rows last fitted and the mixture over (task, ALP), in task units; empty before.

        ``tasks (m, d)`` and ``alp (m,)``; ``weights (k,)``, ``means (k, d + 1)``, ``covariances (k, d + 1,
        d + 1)``.
        """
        if self._mixture is None:
            return {}
        return {k: v.copy() for k, v in self._fitted.items()} | self.options.raw(self._mixture).state()

    def _state(self) -> State:
        return {
            "window": self._window.state(),
            "range": self._range.state(),
            "history": self._history.state(),
            "mixture": None if self._mixture is None else self._mixture.state(),
            "fitted": {k: v.copy() for k, v in self._fitted.items()},
            "draws": self._draws.state(),
            "fit_seed": self._fit_seed,
        }

    def _load(self, state: State) -> None:
        check_names("ALPGMM", ("window", "range", "history", "mixture", "fitted", "draws", "fit_seed"), state)
        d = int(np.prod(self.space.shape))
        self._fit_seed = saved_whole("alp-gmm: fit_seed", state["fit_seed"], 0, 2**32 - 1)
        self._window.load(state["window"])
        self._range.load(state["range"])
        self._history.load(state["history"])
        mixture = None
        if state["mixture"] is not None:
            mixture = Mixture.load(state["mixture"], d + 1)
        self._mixture = mixture
        # The authors' draws take the ALP as it is, so a negative one would have no probability.
        if self._mixture is not None and self.options.paper and (self._mixture.means[:, -1] < 0).any():
            raise ValueError("alp-gmm: mixture: means: expected an ALP of at least 0")
        check_names("ALPGMM: fitted", () if self._mixture is None else ("tasks", "alp"), state["fitted"])
        self._fitted = {}
        if self._mixture is not None:
            tasks = saved_array("alp-gmm: fitted: tasks", state["fitted"]["tasks"], np.float64, (None, d))
            alp = saved_array("alp-gmm: alp", state["fitted"]["alp"], np.float64, (len(tasks),), low=0)
            self._fitted = {"tasks": tasks, "alp": alp}
        # `_use` throws away what was drawn before, so the saved tasks come after it.
        self._use()
        self._draws.load(state["draws"])


class _History(Protocol):
    """Remembers points and scores, and tells new ones from old."""

    def progress(self, points: FloatArray, scores: FloatArray) -> FloatArray:
        """Take in rows and return the ALP of each."""

    def state(self) -> State: ...

    def load(self, state: State) -> None: ...


class ExactHistory:
    """ALP against the nearest of all earlier points.

    Args:
        d: coordinates of a point.
        max_size: points remembered; None is all.
        fit_rate: how many more may be remembered before the oldest are dropped, if a quarter is not more.
    """

    def __init__(self, d: int, max_size: int | None, fit_rate: int) -> None:
        self._index = NearestOlder(d)
        self._scores = np.empty(1024)
        self._max_size = max_size
        # Forgetting rebuilds the index, so it waits until a quarter of
        # the points, or a whole fit, is too much.
        self._most = np.inf
        if max_size is not None:
            self._most = max_size + max(max_size // 4, fit_rate)

    def progress(self, points: FloatArray, scores: FloatArray) -> FloatArray:
        """Take in points ``(n, d)`` and scores ``(n,)``, and return the ALP of each."""
        start = len(self._index)
        nearest = self._index.extend(points)
        end = len(self._index)
        if end > len(self._scores):
            self._scores = np.concatenate([self._scores[:start], np.empty(max(start, end - start))])
        self._scores[start:end] = scores
        # Only the very first point has no neighbour; its ALP is 0.
        alp = np.where(nearest < 0, 0.0, np.abs(scores - self._scores[nearest]))
        if self._max_size is not None and end > self._most:
            # A copy, because the two slices may overlap.
            self._scores[: self._max_size] = self._scores[end - self._max_size : end].copy()
            self._index.forget(end - self._max_size)
        return alp

    def state(self) -> State:
        """Return the points and scores as plain data; a copy."""
        return {"points": self._index.points.copy(), "scores": self._scores[: len(self._index)].copy()}

    def load(self, state: State) -> None:
        """Take over what `state` returned; raise ValueError if it is damaged."""
        check_names("history", ("points", "scores"), state)
        d = self._index.points.shape[1]
        points = saved_array("history: points", state["points"], np.float64, (None, d))
        scores = saved_array("history: scores", state["scores"], np.float64, (len(points),))
        # The tree is not saved: it is emptied here and grows again from the points.
        self._index.forget(len(self._index))
        self._index.insert(points)
        self._scores = scores


class _Paper:
    """ALP against the nearest point of the authors' store, one row after the other."""

    def __init__(self, d: int, max_size: int | None) -> None:
        self._store = BufferedTrees(d, max_size)

    def progress(self, points: FloatArray, scores: FloatArray) -> FloatArray:
        alp = np.zeros(len(points))
        for i, (point, score) in enumerate(zip(points, scores, strict=True)):
            # The authors' store answers only when it holds more than five points.
            if len(self._store) > 5:
                alp[i] = abs(score - self._store.nearest(point))
            self._store.add(point, score)
        return alp

    def state(self) -> State:
        return self._store.state()

    def load(self, state: State) -> None:
        check_names("history", ("points", "values", "main"), state)
        self._store.load(state)
