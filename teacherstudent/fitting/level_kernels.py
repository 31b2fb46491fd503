"""Compiled loops of the level buffer: weights, insertion one after the other, draws one after the other."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from teacherstudent.fitting.compiled import compiled
from teacherstudent.types import BoolArray, FloatArray, IntArray

RANK, PROPORTIONAL, TOPK = 0, 1, 2


class Rule(NamedTuple):
    """How levels are weighted and accepted, as numbers.

    Attributes:
        mode: `RANK`, `PROPORTIONAL` or `TOPK`.
        exponent: 1 / temperature.
        epsilon: added to scores in proportional mode.
        staleness: weight of staleness in the mixture.
        top_k: number of levels in top-k mode.
        jaxued: clock, ties and acceptance as in jaxued; otherwise as in dcd.
        by_score: the level of the lowest score gives way; otherwise the one of the lowest weight.
        blend: weight of a known level's new score.
    """

    mode: int
    exponent: float
    epsilon: float
    staleness: float
    top_k: int
    jaxued: bool
    by_score: bool
    blend: float


class Columns(NamedTuple):
    """What is kept of each level beside the level itself, ``(capacity,)`` each."""

    key: IntArray
    score: FloatArray
    stamp: IntArray
    best: FloatArray
    parent: IntArray
    edits: IntArray


@compiled
def priorities(out: FloatArray, scores: FloatArray, ranks: IntArray, size: int, rule: Rule) -> None:
    """Write the unnormalised weights by score of the first ``size`` levels; ranks count from 1."""
    if rule.mode == RANK:
        for i in range(size):
            out[i] = (1.0 / ranks[i]) ** rule.exponent
    elif rule.mode == PROPORTIONAL:
        for i in range(size):
            out[i] = (max(scores[i], 0.0) + rule.epsilon) ** rule.exponent
    else:
        best = scores[:size].max()
        for i in range(size):
            out[i] = np.exp(scores[i] - best) if ranks[i] <= rule.top_k else 0.0


@compiled
def mix(out: FloatArray, prior: FloatArray, stamps: IntArray, clock: int, size: int, rule: Rule) -> None:
    """Write the replay weights: ``prior`` and staleness, each normalised, mixed.

    Where every level is fresh dcd's weights sum to less than 1; the caller normalises them.
    """
    total, age = 0.0, 0
    for i in range(size):
        total += prior[i]
        age += clock - stamps[i]
    fresh = 1.0 / size if rule.jaxued else 1.0 / len(stamps)
    for i in range(size):
        by_score = prior[i] / total if total > 0 else 1.0 / size
        stale = (clock - stamps[i]) / age if age > 0 else fresh
        out[i] = (1.0 - rule.staleness) * by_score + rule.staleness * stale


@compiled
def _move(scores: FloatArray, ranks: IntArray, size: int, slot: int, old: float, rule: Rule) -> None:
    """Bring ranks up to date after the score of one level has changed from ``old`` (NaN: it is new)."""
    new, rank = scores[slot], 1
    for i in range(size):
        if i != slot:
            wins_ties = slot < i if rule.jaxued else slot > i
            was = old > scores[i] or (old == scores[i] and wins_ties)
            now = new > scores[i] or (new == scores[i] and wins_ties)
            ranks[i] += int(now) - int(was)
            rank += int(not now)
    ranks[slot] = rank


@compiled
def offer(
    columns: Columns,
    ranks: IntArray,
    size: int,
    clock: int,
    keys: IntArray,
    scores: FloatArray,
    best: FloatArray,
    ages: IntArray,
    rule: Rule,
) -> tuple[int, int, IntArray, BoolArray]:
    """Offer levels one after the other.

    Args:
        columns: of the buffer; changed in place, but for ``parent`` and ``edits``.
        ranks: ``(capacity,)`` of the levels by score, kept up to date; empty if nobody will ask for them.
        size: levels in the buffer.
        clock: the buffer's clock.
        keys: ``(n,)`` of the levels offered; the following are of the same shape.
        scores: their scores.
        best: their highest returns.
        ages: the staleness that they start with, in dcd's clock.
        rule: see `Rule`.

    Returns:
        size, clock, the slot of each level (-1: refused), and whether the level was put there (False: it was
        known, or refused).
    """
    capacity, ranked = len(columns.key), len(ranks) > 0
    slots = np.full(len(keys), -1, np.int64)
    taken = np.zeros(len(keys), np.bool_)
    weights, prior = np.empty(capacity), np.empty(capacity)
    for j in range(len(keys)):
        known = -1
        for i in range(size):
            if columns.key[i] == keys[j]:
                known = i
        if known >= 0:
            old = columns.score[known]
            columns.score[known] = (1.0 - rule.blend) * old + rule.blend * scores[j]
            columns.best[known] = max(columns.best[known], best[j])
            clock += 1
            columns.stamp[known] = clock
            slots[j] = known
            if ranked:
                _move(columns.score, ranks, size, known, old, rule)
            continue
        old = np.nan
        if size < capacity:
            slot = size
            size += 1
        else:
            if rule.by_score:
                slot = int(columns.score.argmin())
            else:
                priorities(prior, columns.score, ranks, size, rule)
                mix(weights, prior, columns.stamp, clock, size, rule)
                slot = int(weights.argmin())
            old = columns.score[slot]
            if old > scores[j] or (rule.jaxued and old == scores[j]):
                clock += int(rule.jaxued)
                continue
        clock += int(rule.jaxued)
        columns.key[slot], columns.score[slot], columns.best[slot] = keys[j], scores[j], best[j]
        columns.stamp[slot] = clock if rule.jaxued else clock - ages[j]
        slots[j], taken[j] = slot, True
        if ranked:
            _move(columns.score, ranks, size, slot, old, rule)
    return size, clock, slots, taken


@compiled
def draw(
    tree: IntArray, stamps: IntArray, clock: int, cumulative: FloatArray, uniforms: FloatArray, rule: Rule
) -> IntArray:
    """Draw levels one after the other; each draw makes all levels older by 1 and the drawn one fresh.

    Whether a draw goes by score or by staleness is drawn first. Scores do not change, so one cumulative sum
    serves all draws; staleness does, so its sums are read from a binary indexed tree (Fenwick 1994) over the
    stamps, in O(log n).

    Args:
        tree: ``(n + 1,)`` the tree; changed.
        stamps: ``(n,)`` when each level was fresh; changed.
        clock: the buffer's clock.
        cumulative: ``(n,)`` running sum of the weights by score.
        uniforms: ``(draws, 2)`` in [0, 1).
        rule: see `Rule`; its staleness is the weight that holds while every level is fresh.

    Returns:
        The slots drawn.
    """
    size = len(cumulative)
    highest = 1
    while highest * 2 <= size:
        highest *= 2
    fresh = rule.staleness * (1.0 if rule.jaxued else size / len(stamps))
    total = stamps[:size].sum()
    slots = np.empty(len(uniforms), np.int64)
    for j in range(len(uniforms)):
        age = clock * size - total
        share = rule.staleness if age > 0 else fresh / (1.0 - rule.staleness + fresh)
        if uniforms[j, 0] >= share:
            slot = np.searchsorted(cumulative, uniforms[j, 1] * cumulative[-1], side="right")
        elif age == 0:
            slot = int(uniforms[j, 1] * size)
        else:
            slot, left, step = 0, int(uniforms[j, 1] * age), highest
            while step:
                if slot + step <= size:
                    part = clock * step - tree[slot + step]
                    if part <= left:
                        slot += step
                        left -= part
                step //= 2
        slot = min(slot, size - 1)
        clock += 1
        change = clock - stamps[slot]
        stamps[slot] = clock
        total += change
        node = slot + 1
        while node <= size:
            tree[node] += change
            node += node & -node
        slots[j] = slot
    return slots


@compiled
def find(there: IntArray, keys: IntArray) -> IntArray:
    """Return the place of each key in ``there``, -1 if it is not there."""
    found = np.full(len(keys), -1, np.int64)
    for j in range(len(keys)):
        for i in range(len(there)):
            if there[i] == keys[j]:
                found[j] = i
    return found
