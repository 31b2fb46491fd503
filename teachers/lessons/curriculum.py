"""A curriculum of mixtures that an earlier run went through, as plain data, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from teacherstudent.contract import spaces
from teacherstudent.contract.checks import check_numbers
from teacherstudent.contract.spaces import Box
from teacherstudent.contract.types import FloatArray, IntArray
from teacherstudent.teachers.progress.expectation import Mixture

_NAMES = ("means", "covariances", "scores", "episodes")


@dataclass(frozen=True, eq=False)
class Gaussians:
    """Gaussians in the unit cube, from which tasks are drawn in proportion to their ALP.

    Attributes:
        means: ``(k, d)``.
        roots: ``(k, d, d)``; a root times standard normal noise has the Gaussian's covariance.
        alp: ``(k,)``, at least 0.
        mixture: the same in task units over (task, ALP), for pictures.
    """

    means: FloatArray
    roots: FloatArray
    alp: FloatArray
    mixture: Mixture

    def __len__(self) -> int:
        return len(self.alp)

    @staticmethod
    def of(space: Box, mixture: Mixture) -> Gaussians:
        """Return the Gaussians of a mixture over (task, ALP), in task units."""
        low, high = spaces.edges(space)
        d = low.size
        scale = high - low
        means = (mixture.means[:, :d] - low) / scale
        covariances = mixture.covariances[:, :d, :d] / (scale[:, None] * scale)
        values, vectors = np.linalg.eigh(covariances)
        # Rounding on the way through a file may leave a tiny negative variance.
        roots = vectors * np.sqrt(np.maximum(values, 0.0))[:, None]
        return Gaussians(means, np.asarray(roots), np.maximum(mixture.means[:, -1], 0.0), mixture)

    @staticmethod
    def joined(parts: list[Gaussians]) -> Gaussians:
        """Return the Gaussians of all parts, in their order."""
        means = np.concatenate([part.mixture.means for part in parts])
        mixture = Mixture(
            np.full(len(means), 1 / len(means)),
            means,
            np.concatenate([part.mixture.covariances for part in parts]),
        )
        return Gaussians(
            np.concatenate([part.means for part in parts]),
            np.concatenate([part.roots for part in parts]),
            np.concatenate([part.alp for part in parts]),
            mixture,
        )


@dataclass(frozen=True, eq=False)
class Curriculum:
    """The steps of an earlier run.

    Attributes:
        steps: the Gaussians of each.
        scores: ``(s,)`` the mean score that the earlier student reached in each step; None if not known.
        episodes: ``(s,)`` after how many episodes each step began; None if not known.
    """

    steps: list[Gaussians]
    scores: FloatArray | None
    episodes: IntArray | None

    @staticmethod
    def of(what: str, space: Box, given: Any) -> Curriculum:
        """Return the curriculum of plain data.

        Args:
            what: who takes it; starts messages.
            space: the task space, of d coordinates.
            given: ``"means"``: for each step ``(k, d + 1)`` over (task, ALP); ``"covariances"``: for each
                step ``(k, d + 1, d + 1)``; and, where they are known, ``"scores"`` and ``"episodes"``, one
                number for each step.

        Raises:
            ValueError: if something is missing or does not fit.
        """
        if not isinstance(given, Mapping):
            raise ValueError(f"{what}: expected a mapping with means and covariances, got {given!r}")
        for name in ("means", "covariances"):
            if name not in given:
                raise ValueError(f"{what}: expected an entry {name!r}, got {list(given)}")
        unknown = [name for name in given if name not in _NAMES]
        if unknown:
            raise ValueError(f"{what}: expected entries among {list(_NAMES)}, got {unknown[0]!r}")
        means = _steps(f"{what}: means", given["means"])
        covariances = _steps(f"{what}: covariances", given["covariances"])
        if len(means) != len(covariances):
            raise ValueError(
                f"{what}: covariances: expected as many steps as means, {len(means)}, got {len(covariances)}"
            )
        d = int(np.prod(space.shape))
        steps = []
        for i, (mean, covariance) in enumerate(zip(means, covariances, strict=True)):
            mixture = _mixture(f"{what}: step {i}", mean, covariance, d)
            steps.append(Gaussians.of(space, mixture))
        scores = _column(f"{what}: scores", given.get("scores"), len(steps))
        episodes = _column(f"{what}: episodes", given.get("episodes"), len(steps))
        if episodes is None:
            return Curriculum(steps, scores, None)
        # The first step begins with the run, however late it was in the earlier one.
        since = episodes - episodes[0]
        if (np.diff(since) <= 0).any() or (since != np.rint(since)).any() or since[-1] > 1e15:
            raise ValueError(f"{what}: episodes: expected ascending whole numbers, got {given['episodes']!r}")
        return Curriculum(steps, scores, since.astype(np.int64))


def _steps(what: str, given: Any) -> list[Any]:
    """Return an entry for each step; raise ValueError if there is none."""
    if not isinstance(given, list | tuple | np.ndarray) or len(given) == 0:
        raise ValueError(f"{what}: expected a list with an entry for each step, got {given!r}")
    return list(given)


def _column(what: str, given: Any, steps: int) -> FloatArray | None:
    """Return a number for each step; None if nothing is known."""
    if given is None:
        return None
    found = check_numbers(what, f"a finite number for each of {steps} steps", given)
    if found.shape != (steps,):
        raise ValueError(f"{what}: expected a finite number for each of {steps} steps, got {given!r}")
    return found


def _mixture(what: str, mean: Any, covariance: Any, d: int) -> Mixture:
    """Return a step's mixture of equal weights; raise ValueError if it is none over ``d`` + 1 coordinates."""
    means = check_numbers(f"{what}: means", f"finite numbers (k, {d + 1})", mean)
    covariances = check_numbers(f"{what}: covariances", "finite numbers", covariance)
    k = len(means) if means.ndim else 0
    if k == 0 or means.shape != (k, d + 1) or covariances.shape != (k, d + 1, d + 1):
        raise ValueError(
            f"{what}: expected means (k, {d + 1}) and covariances (k, {d + 1}, {d + 1}), over the task and "
            f"ALP, got {means.shape} and {covariances.shape}"
        )
    # Its checks see to it that these are covariances.
    return Mixture.load({"weights": np.full(k, 1 / k), "means": means, "covariances": covariances}, d + 1)
