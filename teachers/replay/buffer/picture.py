"""What a picture of a level buffer needs, in a few kilobytes."""

from __future__ import annotations

from typing import Any

import numpy as np

from teacherstudent.teachers.replay import edits as level_spaces
from teacherstudent.teachers.replay.buffer.levels import LevelBuffer

QUANTILES = 33
LEVELS = 256
BEST = 4


def picture(buffer: LevelBuffer) -> dict[str, Any]:
    """Return the buffer's scores, ages, features and best levels as plain data; empty if it is.

    ``scores``, ``staleness``, ``edits``: 33 quantiles, from the least to the greatest. ``features``: by name,
    of up to 256 levels spread evenly over the ranks, whose scores are ``feature_scores``, from the highest
    down. ``levels``, ``level_scores``, ``level_edits``: of the up to 4 levels of the highest scores.
    """
    size = len(buffer)
    if not size:
        return {}
    at = np.linspace(0, 1, QUANTILES)
    order = np.argsort(-buffer.scores, kind="stable")
    # Evenly over the ranks: the best levels alone would hide what the buffer holds.
    some = order[np.linspace(0, size - 1, min(size, LEVELS)).astype(np.int64)]
    found = level_spaces.features(buffer.space, buffer.levels[some])
    best = order[:BEST]
    return {
        "scores": np.quantile(buffer.scores, at),
        "staleness": np.quantile(buffer.staleness, at),
        "edits": np.quantile(buffer.edits, at),
        "features": {name: np.array(values, np.float64) for name, values in found.items()},
        "feature_scores": buffer.scores[some],
        "levels": buffer.levels[best],
        "level_scores": buffer.scores[best],
        "level_edits": buffer.edits[best],
    }
