"""Compiled loops of the level buffer: weights, insertion one after the other, draws one after the other."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from teacherstudent.contract.types import BoolArray, FloatArray, IntArray
from teacherstudent.simulation.compiled import compiled

RANK = 0
PROPORTIONAL = 1
TOPK = 2


class Rule(NamedTuple):
    """How levels are weighted and accepted, as numbers.

    Attributes:
        mode: `RANK`, `PROPORTIONAL` or `TOPK`.
        exponent: 1 / temperature.
        epsilon: added to scores in proportional mode.
        staleness: weight of staleness in the mixture.
        top_k: number of levels in top-k mode.
        jaxued: clock, acceptance and order of equal scores as in jaxued; otherwise as in dcd.
        shared: equal scores share the weights of their ranks, and of the levels that could give way equally
            well any does; otherwise slots decide.
        by_score: the level of the lowest score gives way; otherwise the one of the lowest weight.
        blend: weight of a known level's new score.
    """

    mode: int
    exponent: float
    epsilon: float
    staleness: float
    top_k: int
    jaxued: bool
    shared: bool
    by_score: bool
    blend: float


class Ranks(NamedTuple):
    """Where levels stand by score, ``(capacity,)`` each, empty where nobody asks.

    Attributes:
        first: 1 plus the number of levels that rank higher.
        equal: how many levels share this rank and the ones after it, itself among them.
    """

    first: IntArray
    equal: IntArray


class Columns(NamedTuple):
    """What is kept of each level beside the level itself, ``(capacity,)`` each."""

    key: IntArray
    score: FloatArray
    stamp: IntArray
    best: FloatArray
    parent: IntArray
    edits: IntArray


@compiled
def priorities(
    out: FloatArray, scores: FloatArray, ranks: Ranks, table: FloatArray, size: int, rule: Rule
) -> None:
    """Write the unnormalised weights by score of the first ``size`` levels.

    Args:
        out: at least ``(size,)``.
        scores: of the levels.
        ranks: of the levels; not read in proportional mode.
        table: ``(2, capacity + 1)`` the weight of each rank, from 1, and the sum of it and all after it; read
            in rank mode.
        size: levels in the buffer, at least 1.
        rule: see `Rule`.
    """
    if rule.mode == RANK:
        for i in range(size):
            out[i] = _of_rank(ranks.first[i], ranks.equal[i], table)
    elif rule.mode == PROPORTIONAL:
        top = scores[:size].max()
        for i in range(size):
            out[i] = _proportional(scores[i], top, rule)
    else:
        # Less the best score, so that no exponential overflows.
        best = scores[:size].max()
        for i in range(size):
            # of the levels that share this rank and the next ones so many find a place among the top k
            places = min(max(rule.top_k - ranks.first[i] + 1, 0), ranks.equal[i])
            out[i] = np.exp(scores[i] - best) * places / ranks.equal[i]


@compiled
def _of_rank(first: int, equal: int, table: FloatArray) -> float:
    """Return the mean weight of ``equal`` ranks, from ``first`` on."""
    if equal == 1:
        return float(table[0, first - 1])
    # The second row of the table holds sums to the end, so a difference is the sum of `equal` weights.
    return float((table[1, first - 1] - table[1, first + equal - 1]) / equal)


@compiled
def _proportional(score: float, top: float, rule: Rule) -> float:
    """Return the weight of a score, as a share of the highest's: no power of it is out of a float's range."""
    highest = max(top, 0.0) + rule.epsilon
    if highest == 0.0:
        return 0.0
    weight: float = ((max(score, 0.0) + rule.epsilon) / highest) ** rule.exponent
    return weight


@compiled
def mix(out: FloatArray, prior: FloatArray, stamps: IntArray, clock: int, size: int, rule: Rule) -> None:
    """Write the replay weights: ``prior`` and staleness, each normalised, mixed.

    Where every level is fresh dcd's weights sum to less than 1; the caller normalises them.
    """
    total = 0.0
    age = 0
    for i in range(size):
        total += prior[i]
        age += clock - stamps[i]
    # Where all levels are fresh, staleness is uniform: over the levels (jaxued) or over all slots (dcd).
    fresh = 1.0 / size if rule.jaxued else 1.0 / len(stamps)
    for i in range(size):
        by_score = prior[i] / total if total > 0 else 1.0 / size
        stale = (clock - stamps[i]) / age if age > 0 else fresh
        out[i] = (1.0 - rule.staleness) * by_score + rule.staleness * stale


@compiled
def _place(there: IntArray, size: int, key: int) -> int:
    """Return where the key is among the first ``size``, -1 if it is not there."""
    # The loop has no exit, so that it can be vectorised; keys differ, so at most one matches.
    found = -1
    for i in range(size):
        if there[i] == key:
            found = i
    return found


@compiled
def _least(
    prior: FloatArray, stamps: IntArray, scores: FloatArray, clock: int, uniform: float, rule: Rule
) -> int:
    """Return the slot of a full buffer that gives way.

    It has the lowest score or the least weight of `mix`. Of equals it is the first, or where they share all,
    the one at ``uniform`` in [0, 1) of them.
    """
    size = len(stamps)
    by_score = 1.0
    by_age = 0.0
    if not rule.by_score:
        # Weights are only compared here, so two factors normalise them and no array is written.
        total = prior.sum()
        age = clock * size - stamps.sum()
        by_score = (1.0 - rule.staleness) / total if total > 0 else 0.0
        by_age = rule.staleness / age if age > 0 else 0.0
    of = scores if rule.by_score else prior
    slot = 0
    least = np.inf
    equals = 0
    for i in range(size):
        weight = by_score * of[i] + by_age * (clock - stamps[i])
        if weight < least:
            slot = i
            least = weight
            equals = 1
        elif weight == least:
            equals += 1
    if not rule.shared or equals < 2:
        return slot
    # A second pass finds the chosen one among equals; it is seldom needed.
    left = int(uniform * equals)
    for i in range(slot, size):
        if by_score * of[i] + by_age * (clock - stamps[i]) == least:
            if left == 0:
                return i
            left -= 1
    return slot


@compiled
def _move(
    scores: FloatArray,
    ranks: Ranks,
    prior: FloatArray,
    table: FloatArray,
    size: int,
    slot: int,
    old: float,
    rule: Rule,
) -> None:
    """Bring ranks and priorities up to date after one score has changed from ``old`` (NaN: it is new)."""
    new = scores[slot]
    if rule.mode == PROPORTIONAL:
        # All weights are shares of the highest score's, so it matters whether that one is another now.
        others = -np.inf
        for i in range(size):
            if i != slot:
                others = max(others, scores[i])
        if old > others or new > others:
            priorities(prior, scores, ranks, table, size, rule)
        else:
            prior[slot] = _proportional(new, others, rule)
        return
    # One pass over the other levels: what changes for each of them, and where the moved one stands now.
    first = 1
    equal = 1
    for i in range(size):
        other = scores[i]
        if i != slot:
            # Without sharing, slots decide between equals: the earlier wins in jaxued, the later in dcd.
            wins_ties = not rule.shared and (slot < i) == rule.jaxued
            # The old score of a new level is NaN: it was neither above nor beside any other level.
            was = old > other or (old == other and wins_ties)
            now = new > other or (new == other and wins_ties)
            beside_was = rule.shared and old == other
            beside = rule.shared and new == other
            # A level that is strictly higher pushes the rank down by one; an equal one that shares does not.
            first += int(not now) - int(beside)
            equal += int(beside)
            if was != now or beside_was != beside:
                ranks.first[i] += int(now) - int(was)
                ranks.equal[i] += int(beside) - int(beside_was)
                prior[i] = _of_rank(ranks.first[i], ranks.equal[i], table)
    ranks.first[slot] = first
    ranks.equal[slot] = equal
    prior[slot] = _of_rank(first, equal, table)
    # Top-k weights come from scores and not from the table, so they are computed anew.
    if rule.mode == TOPK:
        priorities(prior, scores, ranks, table, size, rule)


@compiled
def offer(
    columns: Columns,
    ranks: Ranks,
    table: FloatArray,
    size: int,
    clock: int,
    keys: IntArray,
    scores: FloatArray,
    best: FloatArray,
    ages: IntArray,
    uniforms: FloatArray,
    rule: Rule,
) -> tuple[int, int, IntArray, BoolArray]:
    """Offer levels one after the other.

    Args:
        columns: of the buffer; changed in place, but for ``parent`` and ``edits``.
        ranks: of the levels by score, kept up to date; empty if no level can give way by its weight.
        table: of the weights of ranks, see `priorities`.
        size: levels in the buffer.
        clock: the buffer's clock.
        keys: ``(n,)`` of the levels offered; the following are of the same shape.
        scores: their scores.
        best: their highest returns.
        ages: the staleness that they start with, in dcd's clock.
        uniforms: numbers in [0, 1) that decide between levels that could give way equally well.
        rule: see `Rule`.

    Returns:
        size, clock, the slot of each level (-1: refused), and whether the level was put there (False: it was
        known, or refused).
    """
    capacity = len(columns.key)
    ranked = len(ranks.first) > 0
    slots = np.full(len(keys), -1, np.int64)
    taken = np.zeros(len(keys), np.bool_)
    prior = np.zeros(capacity)
    # Weights are needed only where a level can give way by its weight.
    if ranked and size > 0:
        priorities(prior, columns.score, ranks, table, size, rule)
    for j in range(len(keys)):
        known = _place(columns.key, size, keys[j])
        # A level that is offered again counts as drawn, so it becomes fresh.
        if known >= 0:
            old = columns.score[known]
            columns.score[known] = (1.0 - rule.blend) * old + rule.blend * scores[j]
            columns.best[known] = max(columns.best[known], best[j])
            clock += 1
            columns.stamp[known] = clock
            slots[j] = known
            if ranked:
                _move(columns.score, ranks, prior, table, size, known, old, rule)
            continue
        old = np.nan
        if size < capacity:
            slot = size
            size += 1
        else:
            slot = _least(prior, columns.stamp, columns.score, clock, uniforms[j], rule)
            old = columns.score[slot]
            # dcd accepts an equal score, jaxued only a higher one. In
            # jaxued even a refused offer ages the others.
            if old > scores[j] or (rule.jaxued and old == scores[j]):
                clock += int(rule.jaxued)
                continue
        clock += int(rule.jaxued)
        columns.key[slot] = keys[j]
        columns.score[slot] = scores[j]
        columns.best[slot] = best[j]
        # jaxued's new level is fresh; dcd's is as old as the number of levels met after it.
        columns.stamp[slot] = clock if rule.jaxued else clock - ages[j]
        slots[j] = slot
        taken[j] = True
        if ranked:
            _move(columns.score, ranks, prior, table, size, slot, old, rule)
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
    # The walk down the tree starts with the greatest power of two.
    highest = 1
    while highest * 2 <= size:
        highest *= 2
    fresh = rule.staleness * (1.0 if rule.jaxued else size / len(stamps))
    total = stamps[:size].sum()
    slots = np.empty(len(uniforms), np.int64)
    for j in range(len(uniforms)):
        age = clock * size - total
        # While all levels are fresh dcd's weights sum to less than 1, so the share is normalised.
        share = rule.staleness if age > 0 else fresh / (1.0 - rule.staleness + fresh)
        if uniforms[j, 0] >= share:
            slot = np.searchsorted(cumulative, uniforms[j, 1] * cumulative[-1], side="right")
        elif age == 0:
            slot = int(uniforms[j, 1] * size)
        else:
            # Walk down the tree: skip a block of slots whose ages sum to no more than what is left.
            slot = 0
            left = int(uniforms[j, 1] * age)
            step = highest
            while step:
                if slot + step <= size:
                    part = clock * step - tree[slot + step]
                    if part <= left:
                        slot += step
                        left -= part
                step //= 2
        # Rounding may point behind the last slot.
        slot = min(slot, size - 1)
        clock += 1
        change = clock - stamps[slot]
        stamps[slot] = clock
        total += change
        # Every node whose block contains this slot takes over the change; node & -node is the lowest bit.
        node = slot + 1
        while node <= size:
            tree[node] += change
            node += node & -node
        slots[j] = slot
    return slots


@compiled
def find(there: IntArray, keys: IntArray) -> IntArray:
    """Return the place of each key in ``there``, -1 if it is not there."""
    found = np.empty(len(keys), np.int64)
    for j in range(len(keys)):
        found[j] = _place(there, len(there), keys[j])
    return found
