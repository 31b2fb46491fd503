"""Rows in clusters, and the numbers of components that are tried on them."""

import numpy as np

COUNTS = range(2, 11)


def blobs(n, d, seed, spread=0.06, k=5):
    """Return rows of ``k`` round clusters, some clipped to the unit cube, as a teacher's window is."""
    rng = np.random.default_rng(seed)
    rows = rng.random((k, d))[rng.integers(0, k, n)] + spread * rng.standard_normal((n, d))
    return np.clip(rows, 0, 1)
