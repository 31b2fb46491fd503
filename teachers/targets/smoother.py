"""A model of scores over tasks: the mean of neighbours' scores, weighted by their distance."""

from __future__ import annotations

import numpy as np
import scipy

from teacherstudent.contract.types import FloatArray

REACH = 3.0
"""How far neighbours are looked for, in length scales."""
FEWEST = 10
"""Neighbours of a point that has none within reach."""
_BLOCK = 2**17  # distances computed at a time, which fit into a cache
_LEAST = -100.0  # exponent of a weight


class NadarayaWatson:
    """Predicts scores by Nadaraya-Watson regression with a Gaussian kernel.

    A prediction is the mean of the scores within `REACH` length scales, each weighted by
    ``exp(-distance^2 / (2 scale^2))``; where none is so near, of the `FEWEST` nearest ones.

    Deviation from Klink et al.'s code: it takes a random half of the data where more lie within reach; here
    all of them count, so that a prediction is not random.

    Args:
        points: ``(n, d)``, at least one.
        scores: ``(n,)``.
        scale: the length scale, above 0.
    """

    def __init__(self, points: FloatArray, scores: FloatArray, scale: float) -> None:
        # In these units a kernel is exp(-distance^2), and no division is left for every pair.
        self._unit = np.sqrt(2) * scale
        self._points = points / self._unit
        # The weighted sum of scores, and that of the weights, by one product.
        self._sums = np.column_stack([scores, np.ones(len(scores))])

    def predict(self, points: FloatArray) -> FloatArray:
        """Return the predicted score of each of ``(..., d)`` points, ``(...)``."""
        flat = points.reshape(-1, points.shape[-1]) / self._unit
        rows = max(_BLOCK // len(self._points), 1)
        parts = [self._predict(flat[first : first + rows]) for first in range(0, len(flat), rows)]
        return np.concatenate([np.empty(0), *parts]).reshape(points.shape[:-1])

    def _predict(self, points: FloatArray) -> FloatArray:
        squared = scipy.spatial.distance.cdist(points, self._points, "sqeuclidean")
        nearest = squared.min(axis=1)
        limit = np.full(len(points), REACH**2 / 2)
        alone = nearest > limit
        if alone.any():
            few = min(FEWEST, len(self._points)) - 1
            limit[alone] = np.partition(squared[alone], few, axis=1)[:, few]
        within = squared <= limit[:, None]
        # Less the nearest one's, so that not all weights of a distant point are rounded to 0. Exponentials of
        # very small numbers are slow, and these weights are 0 anyway or as good as that.
        exponents = np.subtract(nearest[:, None], squared, out=squared)
        weights = np.exp(np.maximum(exponents, _LEAST, out=exponents), out=exponents)
        weights *= within
        sums = weights @ self._sums
        return np.asarray(sums[:, 0] / sums[:, 1])
