"""What a level buffer learns from told rows: scores of replayed levels, and offers of the others."""

from __future__ import annotations

import numpy as np

from teacherstudent.fitting import level_spaces
from teacherstudent.fitting.level_buffer import LevelBuffer
from teacherstudent.fitting.level_rows import REPLAY
from teacherstudent.fitting.level_scores import EPISODES, Score, evaluate
from teacherstudent.types import BoolArray, FloatArray, IntArray, Outcomes


def offer(
    buffer: LevelBuffer, score: Score, outcomes: Outcomes, table: IntArray
) -> tuple[IntArray, FloatArray, BoolArray]:
    """Score rows, tell the buffer of replayed levels and offer it the others.

    Args:
        buffer: where levels are kept.
        score: how rows are scored.
        outcomes: ``n`` rows.
        table: ``(4, n)`` kind, parent, edits and number of each row, as `level_rows.Pending` has them.

    Returns:
        ``(n,)`` the levels' keys and scores, and which rows are replayed levels that count.
    """
    kind, parents, edits, numbers = table
    keys = level_spaces.keys(buffer.space, outcomes.tasks)
    scores, reached, counts = scored(buffer, score, outcomes, keys)
    old = counts & (kind == REPLAY)
    buffer.update(keys[old], scores[old], reached[old])
    new = counts & (kind != REPLAY)
    unasked = new & (numbers < 0)
    numbers[unasked] = buffer.meet(int(unasked.sum()))
    if new.any():
        buffer.insert(
            outcomes.tasks[new],
            scores[new],
            returns=reached[new],
            parents=parents[new],
            edits=edits[new],
            met=numbers[new],
        )
    return keys, scores, old


def scored(
    buffer: LevelBuffer, score: Score, outcomes: Outcomes, keys: IntArray
) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Return each row's score, its highest return (-inf without an episode), and whether it counts.

    The highest return is the mean one where the student reports no ``max_return``. Scores are of the level's
    highest return ever: under dcd's semantics that of all its rows here as well, as dcd's rows raise it one
    after the other; jaxued's rows know what was kept before and their own.
    """
    signals, dcd = outcomes.signals, buffer.semantics == "dcd"
    finished = np.asarray(signals[EPISODES] > 0)
    highest = signals.get("max_return", outcomes.score)
    if highest.shape != finished.shape:
        raise ValueError(f"signal 'max_return': expected shape {finished.shape}, got {highest.shape}")
    reached = np.where(finished, highest, -np.inf)
    slots = buffer.find(keys)
    best = _highest(keys, reached) if dcd else reached.copy()
    known = slots >= 0
    best[known] = np.maximum(best[known], buffer.returns[slots[known]])
    scores = evaluate(score, signals, best if dcd else np.maximum(best, 0.0))
    late = (scores > 0) if dcd and not score.grounded else np.zeros(len(keys), np.bool_)
    return scores, reached, finished | late


def _highest(keys: IntArray, reached: FloatArray) -> FloatArray:
    """Return for each row the highest return of the rows of its key."""
    levels, rows = np.unique(keys, return_inverse=True)
    highest = np.full(len(levels), -np.inf)
    np.maximum.at(highest, rows, reached)
    return highest[rows]
