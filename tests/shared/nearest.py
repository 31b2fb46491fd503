"""A plain search for the nearest earlier row, and points to try one on."""

import numpy as np


def plain(points):
    """Return the nearest earlier row of each, the oldest of equals, by comparing with every earlier row."""
    nearest = np.full(len(points), -1)
    for i in range(1, len(points)):
        squares = np.zeros(i)
        for c in range(points.shape[1]):
            squares += (points[:i, c] - points[i, c]) ** 2
        nearest[i] = squares.argmin()
    return nearest


RNG = np.random.default_rng(0)


MANY = {
    "plane": RNG.random((3000, 2)),
    "twelve dimensions": RNG.random((2500, 12)),
    "five dimensions, clipped": np.clip(RNG.normal(0.5, 0.6, (2500, 5)), 0, 1),
    "grid with many ties": RNG.integers(0, 12, (3000, 2)) / 8,
    "few different points": RNG.integers(0, 3, (1500, 4)).astype(float),
    "one point": np.full((700, 3), 0.25),
    "closer than float32 tells": 0.5 + 1e-9 * RNG.random((1500, 3)),
    "far away": 1e12 * (1 + 1e-6 * RNG.random((1500, 2))),
    "tiny": 1e-14 * RNG.random((1500, 2)),
    "sorted": np.sort(RNG.random((4000, 1)), axis=0),
    "moving cluster": np.linspace(0, 1, 3000)[:, None] + 0.01 * RNG.standard_normal((3000, 3)),
}
