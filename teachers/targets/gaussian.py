"""Gaussians over points: densities, draws, and the divergence of two of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg import solve_triangular

from teacherstudent.contract.checks import check_names
from teacherstudent.contract.stored.saved import saved_array
from teacherstudent.contract.types import FloatArray, State

FAR = 10.0
"""Largest mean and standard deviation of a Gaussian over the unit cube; beyond, all tasks are clipped."""
NARROW = 1e-6
"""Smallest diagonal entry of a root."""


@dataclass(frozen=True)
class Gaussian:
    """A Gaussian whose covariance is ``root @ root.T``.

    Attributes:
        mean: ``(d,)``.
        root: ``(d, d)`` lower triangular, with a positive diagonal.
    """

    mean: FloatArray
    root: FloatArray

    @classmethod
    def of(cls, points: FloatArray, least: float) -> Gaussian:
        """Return the Gaussian with the mean and covariance of points ``(m, d)``.

        Args:
            points: at least one.
            least: standard deviation of independent noise that is added, so that no direction is flat.
        """
        centred = points - points.mean(axis=0)
        covariance = centred.T @ centred / len(points) + least**2 * np.eye(points.shape[1])
        return cls(points.mean(axis=0), np.asarray(np.linalg.cholesky(covariance)))

    @property
    def covariance(self) -> FloatArray:
        """The covariance ``(d, d)``."""
        return self.root @ self.root.T

    @property
    def sane(self) -> bool:
        """Whether mean and root are finite and of a size that tasks can have."""
        diagonal = np.diag(self.root)
        small = np.abs(self.mean).max() <= FAR and np.abs(self.root).max() <= FAR
        return bool(small and diagonal.min() >= NARROW)

    def whitened(self, points: FloatArray) -> FloatArray:
        """Return points ``(n, d)`` in the coordinates in which this Gaussian is the standard one."""
        return np.asarray(solve_triangular(self.root, (points - self.mean).T, lower=True).T)

    def log_density(self, points: FloatArray) -> FloatArray:
        """Return the logarithm of the density at points ``(n, d)``, ``(n,)``, but for a constant of d."""
        squared = (self.whitened(points) ** 2).sum(axis=1)
        return np.asarray(-squared / 2 - np.log(np.diag(self.root)).sum())

    def kl(self, other: Gaussian) -> float:
        """Return the Kullback-Leibler divergence KL(self || other), in nats."""
        ratio = solve_triangular(other.root, self.root, lower=True)
        shift = solve_triangular(other.root, self.mean - other.mean, lower=True)
        logs = np.log(np.diag(other.root)).sum() - np.log(np.diag(self.root)).sum()
        return float(logs + ((ratio**2).sum() + (shift**2).sum() - len(self.mean)) / 2)

    def draw(self, n: int, rng: np.random.Generator) -> FloatArray:
        """Return ``(n, d)`` draws."""
        return self.mean + rng.standard_normal((n, len(self.mean))) @ self.root.T

    def state(self) -> State:
        """Return mean and root as plain data; copies."""
        return {"mean": self.mean.copy(), "root": self.root.copy()}

    @classmethod
    def load(cls, state: Any, d: int) -> Gaussian:
        """Return what `state` says; raise ValueError if it is damaged."""
        check_names("gaussian", ("mean", "root"), state)
        mean = saved_array("gaussian: mean", state["mean"], np.float64, (d,))
        found = cls(mean, saved_array("gaussian: root", state["root"], np.float64, (d, d)))
        if not found.sane or np.triu(found.root, 1).any():
            raise ValueError(
                f"gaussian: expected a mean within {FAR} and a lower triangular root with a diagonal from "
                f"{NARROW} to {FAR}, got {state['mean']} and {state['root']}"
            )
        return found
