"""Runs that have figures: teachers with mixtures and with regions, and spaces."""

from __future__ import annotations

import numpy as np

from teacherstudent import spaces
from teacherstudent.comparing.compare import analyse
from teacherstudent.comparing.figures.style import styles
from teacherstudent.recording.runs import find_runs

MIXTURE = {
    "weights": np.array([0.75, 0.25]),
    "means": np.array([[1.0, 2.0, 0.3], [2.0, 5.0, 0.1]]),
    "covariances": np.array(
        [np.diag([0.04, 0.25, 1.0]), [[0.8, 0.4, 0.0], [0.4, 0.2, 0.0], [0.0, 0.0, 1.0]]]
    ),
}


BOXES = {"low": [[0.0, 0.0], [1.5, 0.0]], "high": [[1.5, 6.0], [3.0, 6.0]], "alp": [0.1, 0.4]}


def write_pair(write_run, seeds=2, **entries):
    """Write runs of a teacher with a mixture and of one with boxes."""
    for seed in range(seeds):
        for name, snapshot in (("alp-gmm", MIXTURE), ("riac", BOXES)):
            write_run(
                f"r/{name}/{seed}",
                teacher={"name": name, "options": {}},
                seed=seed,
                snapshot=lambda share, s=snapshot: s if share > 0.3 else {},
                **entries,
            )


def prepared(tmp_path):
    comparison = analyse(find_runs([tmp_path / "r"]))
    (setting,) = comparison.settings
    return setting, setting.groups, styles(comparison.settings, comparison.baseline)


THREE = spaces.Parameters(a=(0, 1), b=(-1, 1), c=(5, 9))
