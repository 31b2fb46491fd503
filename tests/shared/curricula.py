"""A small curriculum of an earlier run, over any box."""

import numpy as np

from teacherstudent.contract import spaces


def curriculum(space, steps=3):
    """Return steps of two Gaussians each, the first of which moves from the low end to the high one."""
    low, high = spaces.edges(space)
    d = low.size
    means, covariances = [], []
    for i in range(steps):
        place = (i + 0.5) / steps
        # A test tries boxes without ends too, which a teacher refuses later.
        with np.errstate(invalid="ignore"):
            first = np.append(low + place * (high - low), 0.6)
            second = np.append(0.5 * (low + high), 0.2)
        means.append([first.tolist(), second.tolist()])
        part = np.diag(np.append((0.05 * (high - low)) ** 2, 0.01))
        covariances.append([part.tolist(), part.tolist()])
    assert len(means[0][0]) == d + 1
    return {
        "means": means,
        "covariances": covariances,
        "scores": [0.3 + 0.1 * i for i in range(steps)],
        "episodes": [100 + 40 * i for i in range(steps)],
    }
