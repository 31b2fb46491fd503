"""What ALP-GMM and Covar-GMM share: their options, windows of rows, and tasks drawn from a mixture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from teacherstudent.contract import spaces
from teacherstudent.contract.checks import (
    check_names,
    check_numbers,
    check_pair,
    check_whole,
    is_number,
    is_one_of,
)
from teacherstudent.contract.spaces import Box
from teacherstudent.contract.stored.saved import saved_array, saved_whole
from teacherstudent.contract.types import Array, FloatArray, Seed, State, Wait
from teacherstudent.teachers.progress.mixture import Criterion, Mixture, fit_mixture, fit_reference

Variant: TypeAlias = Literal["fixed", "paper"]
Gaussian: TypeAlias = tuple[Sequence[float], Sequence[float] | Sequence[Sequence[float]]]
"""A mean and variances, or a covariance matrix, in the units of the tasks."""

MOST_ROWS = 10**8
"""Rows of a window, whose memory is taken at once."""
_BLOCK = 64  # tasks drawn together
_LARGE = 1e7  # a variance beside which those of tasks are lost, to 1e-8


@dataclass(frozen=True, kw_only=True)
class Options:
    """The options of a teacher that samples a mixture, checked.

    Attributes:
        space: the task space.
        seed: the teacher's seed.
        variant: ``"fixed"`` or ``"paper"``.
        fit_rate: rows between two fits; a fit sees as many.
        random_task_ratio: probability of a uniform task.
        n_components: fewest and most components of the mixture, both tried.
        criterion: chooses their number.
        initial: the distribution of tasks before the first fit; None is uniform.

    Raises:
        ValueError: if an option is out of range.
    """

    space: Box
    seed: Seed
    variant: Variant
    fit_rate: int
    random_task_ratio: float
    n_components: tuple[int, int]
    criterion: Criterion
    initial: Gaussian | None

    def __post_init__(self) -> None:
        if not is_one_of(self.variant, ("fixed", "paper")):
            raise ValueError(f"variant: expected 'fixed' or 'paper', got {self.variant!r}")
        if not is_one_of(self.criterion, ("aic", "bic", "aicc")):
            raise ValueError(f"criterion: expected 'aic', 'bic' or 'aicc', got {self.criterion!r}")
        check_whole("fit_rate", self.fit_rate, 1, MOST_ROWS)
        ratio = self.random_task_ratio
        if not (is_number(ratio) and 0 <= ratio <= 1):
            raise ValueError(f"random_task_ratio: expected 0 to 1, got {ratio!r}")
        fewest, most = check_pair("n_components", "1 <= fewest <= most", self.n_components)
        check_whole("n_components: fewest", fewest)
        check_whole("n_components: most", most)
        if fewest > most:
            raise ValueError(f"n_components: expected 1 <= fewest <= most, got {self.n_components!r}")
        # scikit-learn refuses fewer rows than components, and would do
        # so at the first fit, long after the start.
        if self.paper and self.fit_rate < max(most, 2):
            raise ValueError(
                f"fit_rate: expected at least {max(most, 2)} rows for {most} components (variant 'paper'), "
                f"got {self.fit_rate}"
            )
        if self.paper:
            spaces.check_single(self.space, "variant 'paper'")
        if self.initial is not None:
            gaussian(self.initial, self.space)

    @property
    def paper(self) -> bool:
        """Whether to do what the authors' code does."""
        return self.variant == "paper"

    @property
    def counts(self) -> range:
        """The numbers of components to try."""
        return range(self.n_components[0], self.n_components[1] + 1)

    def points(self, tasks: FloatArray) -> FloatArray:
        """Return flat tasks ``(n, d)`` in the coordinates of the mixture: raw (paper) or the unit cube."""
        if self.paper:
            return tasks
        return spaces.to_unit(self.space, tasks)

    @property
    def fit_seed(self) -> int:
        """The ``random_state`` of the paper's fits."""
        # scikit-learn takes seeds of 32 bits; a SeedSequence gives its first word, which has as many.
        if isinstance(self.seed, np.random.SeedSequence):
            return int(self.seed.generate_state(1)[0])
        return int(self.seed) % 2**32

    def fit(self, rows: FloatArray, rng: np.random.Generator, seed: int) -> Mixture:
        """Fit the variant's mixture to ``rows`` ``(n, m)``, whose first columns are `points`.

        The fixed variant draws from ``rng``; the paper's fits all start from ``seed``.
        """
        if not self.paper:
            return fit_mixture(rows, self.counts, self.criterion, rng)
        d = int(np.prod(self.space.shape))
        return fit_reference(rows, self.counts, self.criterion, seed, aicc_dimension=d)

    def raw(self, mixture: Mixture) -> Mixture:
        """Return a mixture over `points` and further columns with its tasks in raw units."""
        if self.paper:
            return mixture
        low, high = spaces.edges(self.space)
        # Columns beyond the task, as ALP or time, keep their units.
        further = mixture.means.shape[1] - low.size
        shift = np.append(low, np.zeros(further))
        scale = np.append(high - low, np.ones(further))
        return mixture.moved(shift, scale)


def gaussian(initial: Gaussian, space: Box) -> tuple[FloatArray, FloatArray]:
    """Return mean ``(d,)`` and covariance ``(d, d)`` of a task distribution.

    Raises:
        ValueError: if the shapes do not fit the space or the covariance is no covariance.
    """
    d = int(np.prod(space.shape))
    pair = check_pair("initial", "a mean and variances", initial)
    mean, spread = (check_numbers("initial", "finite numbers", part) for part in pair)
    covariance = np.diag(spread) if spread.ndim == 1 else spread
    if mean.shape != (d,) or covariance.shape != (d, d):
        raise ValueError(
            f"initial: expected a mean ({d},) and variances ({d},), got {mean.shape, spread.shape}"
        )
    if not np.allclose(covariance, covariance.T) or np.linalg.eigvalsh(covariance)[0] < 0:
        raise ValueError(f"initial: expected variances of at least 0, got {spread.tolist()}")
    return mean, covariance


class Window:
    """Collects tasks and scores until there are enough for a fit.

    Attributes:
        told: rows taken in so far.

    Args:
        size: rows of a full window.
        d: coordinates of a task.
    """

    def __init__(self, size: int, d: int) -> None:
        self.told = 0
        self._tasks, self._scores = np.empty((size, d)), np.empty(size)

    @property
    def size(self) -> int:
        """Rows of a full window."""
        return len(self._scores)

    def wait(self) -> Wait:
        """Return how many outcomes the first fit waits for."""
        size = len(self._scores)
        return Wait(size, "fitting", f"a smaller fit_rate, here {size}")

    def fill(self, tasks: Array, scores: FloatArray) -> Iterator[tuple[FloatArray, FloatArray]]:
        """Take in rows; yield tasks and scores, as views, whenever the window is full."""
        size = len(self._scores)
        start = 0
        # The window is one block of memory that is written over and over, so rows are cut where it is full.
        while start < len(scores):
            used = self.told % size
            rows = min(len(scores) - start, size - used)
            self._tasks[used : used + rows] = tasks[start : start + rows].reshape(rows, -1)
            self._scores[used : used + rows] = scores[start : start + rows]
            self.told += rows
            start += rows
            # These are views: the caller must be done with them before it takes the next window.
            if used + rows == size:
                yield self._tasks, self._scores

    def state(self) -> State:
        """Return the rows since the last full window, and the count; copies."""
        used = self.told % len(self._scores)
        return {"told": self.told, "tasks": self._tasks[:used].copy(), "scores": self._scores[:used].copy()}

    def load(self, state: State) -> None:
        """Take over what `state` returned.

        Raises:
            ValueError: if something is missing or does not fit.
        """
        check_names("window", ("told", "tasks", "scores"), state)
        told = saved_whole("window: told", state["told"])
        used = told % len(self._scores)
        shape = (used, self._tasks.shape[1])
        tasks = saved_array("window: tasks", state["tasks"], np.float64, shape)
        scores = saved_array("window: scores", state["scores"], np.float64, (used,))
        self.told = told
        self._tasks[:used] = tasks
        self._scores[:used] = scores


class Draws:
    """Draws tasks: uniform ones, and ones from components chosen in proportion to their utility.

    ``variant="fixed"`` draws in blocks and keeps what is left for the next call; ``"paper"`` draws one task
    after the other, as float32, from the whole Gaussian.

    Args:
        options: of the teacher.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self._mixture: Mixture | None = None
        self._initial: tuple[FloatArray, FloatArray] | None = None
        if options.initial is not None:
            self._initial = gaussian(options.initial, options.space)
        self._left = self._none()
        self._utility: FloatArray = np.empty(0)
        self._roots: FloatArray = np.empty((0, 0, 0))

    def _none(self) -> Array:
        space = self._options.space
        return np.empty((0, *space.shape), space.dtype)

    def use(self, mixture: Mixture, utility: FloatArray) -> None:
        """Draw from this mixture from now on: component i in proportion to ``utility[i]``, of at least 0."""
        self._mixture = mixture
        self._utility = utility
        self._left = self._none()
        if not self._options.paper:
            # Only the task is sampled, so the roots are those of its block of the covariance.
            d = int(np.prod(self._options.space.shape))
            self._roots = np.asarray(np.linalg.cholesky(mixture.covariances[:, :d, :d]), np.float64)

    def take(self, n: int, rng: np.random.Generator) -> Array:
        """Return ``n`` tasks ``(n, *space.shape)``."""
        if self._options.paper:
            return self._one_by_one(n, rng)
        # Blocks cost hardly more than single draws; what is left serves the next asks.
        if len(self._left) < n:
            fresh = self._block(max(n - len(self._left), _BLOCK), rng)
            self._left = np.concatenate([self._left, fresh])
        tasks = self._left[:n]
        self._left = self._left[n:]
        return tasks

    def _block(self, n: int, rng: np.random.Generator) -> Array:
        options = self._options
        space = options.space
        d = int(np.prod(options.space.shape))
        if self._mixture is None and self._initial is not None:
            return spaces.from_flat(space, rng.multivariate_normal(*self._initial, n))
        points = rng.random((n, d))
        # Both kinds of task are drawn for every row, and one of them is kept: no loop over rows.
        if self._mixture is not None:
            sampled = rng.random(n) >= options.random_task_ratio
            # If no component has utility, all are equally probable. The
            # minimum is for rounding at the last sum.
            sums = np.cumsum(self._utility if self._utility.any() else np.ones(len(self._mixture)))
            which = np.minimum(np.searchsorted(sums, rng.random(n) * sums[-1], side="right"), len(sums) - 1)
            noise = rng.standard_normal((n, d))
            drawn = self._mixture.means[which, :d] + np.einsum("nij,nj->ni", self._roots[which], noise)
            points = np.where(sampled[:, None], drawn, points)
        return spaces.from_unit(space, points)

    def _one_by_one(self, n: int, rng: np.random.Generator) -> Array:
        space = self._options.space
        mixture = self._mixture
        low, high = spaces.edges(space)
        points = np.empty((n, low.size))
        # The authors draw task by task, as float32; another order would give other tasks for the same seed.
        for i in range(n):
            if mixture is None and self._initial is not None:
                point = rng.multivariate_normal(*self._initial)
            elif mixture is None or rng.random() < self._options.random_task_ratio:
                point = rng.uniform(low, high)
            else:
                k = _proportional(self._utility, rng)
                point = _gaussian_task(mixture.means[k], mixture.covariances[k], low.size, rng)
            points[i] = np.clip(point, low, high).astype(np.float32)
        return spaces.from_flat(space, points)

    def state(self) -> Array:
        """Return the tasks drawn and not yet taken; a copy."""
        return self._left.copy()

    def load(self, left: Array) -> None:
        """Take over what `state` returned; call `use` first.

        Raises:
            ValueError: if the tasks lie outside the space.
        """
        self._left = spaces.check_tasks(self._options.space, left, "tasks drawn").copy()

    def reset(self) -> None:
        """Forget the mixture."""
        self._mixture, self._left = None, self._none()


def _gaussian_task(mean: FloatArray, covariance: FloatArray, d: int, rng: np.random.Generator) -> FloatArray:
    """Return the first ``d`` coordinates of a draw from a Gaussian, as the authors draw them."""
    if covariance.diagonal().max() <= _LARGE:
        return rng.multivariate_normal(mean, covariance)[:d]
    # The decomposition of a matrix with such a variance loses the small ones; that of the tasks does not.
    return rng.multivariate_normal(mean[:d], covariance[:d, :d], check_valid="ignore")


def _proportional(utility: FloatArray, rng: np.random.Generator) -> int:
    """Return an index with probability in proportion to ``utility``; any if all are zero."""
    total = utility.sum()
    if total == 0:
        return int(rng.integers(len(utility)))
    return int(rng.multinomial(1, utility / total).argmax())
