"""What a level buffer learns from told rows: scores of replayed levels, and offers of the others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from teacherstudent.contract.types import BoolArray, FloatArray, IntArray, Outcomes
from teacherstudent.teachers.replay import edits as level_spaces
from teacherstudent.teachers.replay.buffer import repeats as level_repeats
from teacherstudent.teachers.replay.buffer.levels import LevelBuffer
from teacherstudent.teachers.replay.buffer.rows import REPLAY
from teacherstudent.teachers.replay.buffer.scores import Score, evaluate, judged
from teacherstudent.teachers.signals import signal


@dataclass(frozen=True, kw_only=True)
class Scored:
    """Told rows, read and checked, before a buffer learns of them; ``(n,)`` each.

    Attributes:
        outcomes: the rows.
        keys: of their levels.
        scores: of the rows that count, finite; of others anything.
        reached: the highest return, -inf without an episode to judge by; the mean one where the student
            reports no ``max_return``.
        counts: which rows are scored.
    """

    outcomes: Outcomes
    keys: IntArray
    scores: FloatArray
    reached: FloatArray
    counts: BoolArray


def scored(buffer: LevelBuffer, score: Score, outcomes: Outcomes) -> Scored:
    """Score rows; nothing changes.

    Scores are of the level's highest return ever: under dcd's semantics that of all its rows here as well, as
    dcd's rows raise it one after the other; jaxued's rows know what was kept before and their own.

    Raises:
        ValueError: if a signal is not one number a row, or the score of a row that counts is not finite.
    """
    dcd = buffer.semantics == "dcd"
    keys = np.array(level_spaces.keys(buffer.space, outcomes.tasks), np.int64)
    finished = judged(outcomes)
    # A student that reports no highest return is judged by its mean return.
    highest = outcomes.score
    if "max_return" in outcomes.signals:
        highest = signal(outcomes, "max_return", where=finished)
    reached = np.where(finished, highest, -np.inf)
    best = reached.copy()
    # In dcd a level's rows raise its highest return one after the other, so all rows here know it.
    if dcd:
        level, _ = level_repeats.groups(keys)
        best = level_repeats.highest(level, reached)[level]
    slots = buffer.find(keys)
    known = slots >= 0
    best[known] = np.maximum(best[known], buffer.returns[slots[known]])
    if not dcd:
        # The highest return starts at 0 in jaxued, and without a bound in dcd.
        best = np.maximum(best, 0.0)
    scores = evaluate(score, outcomes, best)
    counts = finished
    if dcd and not score.grounded:
        # dcd also scores a row without a finished episode, if its score so far is above 0.
        counts = finished | (scores > 0)
    bad = counts & ~np.isfinite(scores)
    if bad.any():
        row = int(np.argmax(bad))
        raise ValueError(
            f"level score: row {row}: expected a finite number of the signals {sorted(score.signals)}, "
            f"got {scores[row]}"
        )
    return Scored(outcomes=outcomes, keys=keys, scores=scores, reached=reached, counts=counts)


def offer(buffer: LevelBuffer, rows: Scored, table: IntArray) -> BoolArray:
    """Tell the buffer of replayed levels and offer it the others.

    Args:
        buffer: where levels are kept.
        rows: told rows.
        table: ``(4, n)`` kind, parent, edits and number of each row, as `level_rows.Pending` has them.

    Returns:
        ``(n,)`` which rows are replayed levels that count.
    """
    kind, parents, edits, numbers = table
    old: BoolArray = rows.counts & (kind == REPLAY)
    # An update of nothing would make the buffer rank its levels anew.
    if old.any():
        buffer.update(rows.keys[old], rows.scores[old], rows.reached[old])
    new = rows.counts & (kind != REPLAY)
    # Nobody asked for these rows, so they have no number yet: they are met now, in order.
    unasked = new & (numbers < 0)
    numbers[unasked] = buffer.meet(int(unasked.sum()))
    if new.any():
        buffer.insert(
            rows.outcomes.tasks[new],
            rows.scores[new],
            returns=rows.reached[new],
            parents=parents[new],
            edits=edits[new],
            met=numbers[new],
        )
    return old
