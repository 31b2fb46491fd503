"""Passes, draws without replacement, and joint selection, against independent definitions."""

import itertools

import numpy as np
import pytest

from teacherstudent.teachers.examples.choosing import Passes, draw_without_replacement, joint_selection


def rng(seed=0):
    return np.random.Generator(np.random.PCG64(seed))


# Passes


def test_passes_hold_every_number_once():
    passes, generator = Passes(5), rng()
    taken = np.concatenate([passes.take(generator, k) for k in (3, 4, 11, 2)])
    assert [sorted(taken[i : i + 5].tolist()) for i in range(0, 20, 5)] == [[0, 1, 2, 3, 4]] * 4
    assert len({tuple(taken[i : i + 5].tolist()) for i in range(0, 20, 5)}) > 1


def test_passes_pass_over_what_is_to_be_avoided():
    passes, generator = Passes(10), rng()
    first = passes.take(generator, 7)
    found = passes.take_others(generator, 6, first[-3:])  # three of this pass, three of the next
    assert len(set(found.tolist()) | set(first[-3:].tolist())) == 9
    assert set(found[:3].tolist()) == set(range(10)) - set(first.tolist())
    rest = passes.take(generator, 7)  # what was passed over is not lost
    assert sorted([*found[3:].tolist(), *rest.tolist()]) == list(range(10))


@pytest.mark.parametrize("n", [1, 2, 5, 23])
def test_numbers_repeat_only_where_there_are_no_others(n):
    passes, generator = Passes(n), rng()
    handed = np.zeros(n, np.int64)
    for round_ in range(200):
        count, avoid = generator.integers(0, 2 * n + 1), generator.permutation(n)[: round_ % (n + 1)]
        found = passes.take_others(generator, count, avoid)
        others = min(count, n - len(avoid))
        assert len(found) == count
        assert len(np.unique(found[:others])) == others
        assert not np.isin(found[:others], avoid).any()
        assert len(np.unique(found)) == min(n, count)
        np.add.at(handed, found, 1)
    assert np.ptp(handed) <= 0.1 * handed.sum() / n + 3


def test_without_anything_to_avoid_passes_are_the_same():
    plain, others = Passes(20), Passes(20)
    one, two = rng(), rng()
    for _ in range(12):
        expected = plain.take(one, 5)
        assert np.array_equal(others.take_others(two, 5, np.zeros(0, np.int64)), expected)
    assert one.bit_generator.state == two.bit_generator.state


# Draws without replacement


def sequences(weights, count):
    """Return the probability of every ordered draw, one after the other, in proportion to weight."""
    found = {}
    for order in itertools.permutations(range(len(weights)), count):
        left, p = sum(weights), 1.0
        for i in order:
            p *= weights[i] / left
            left -= weights[i]
        found[order] = p
    return found


def test_draws_have_the_distribution_of_sequential_ones():
    weights = [1.0, 2.0, 0.5, 4.0]
    expected, generator, n = sequences(weights, 2), rng(), 40_000
    counts = dict.fromkeys(expected, 0)
    for _ in range(n):
        counts[tuple(draw_without_replacement(generator, np.log(weights), 2).tolist())] += 1
    for order, p in expected.items():
        assert counts[order] / n == pytest.approx(p, abs=5 * np.sqrt(p * (1 - p) / n)), order


def test_what_has_no_weight_is_never_drawn():
    logs = np.array([-np.inf, 0.0, -np.inf, 1.0])
    assert sorted(draw_without_replacement(rng(), logs, 2).tolist()) == [1, 3]
    assert draw_without_replacement(rng(), logs, 0).tolist() == []
    with pytest.raises(ValueError, match="from 0 to the 2 weights above 0, got 3"):
        draw_without_replacement(rng(), logs, 3)


# Joint selection


def joint_probabilities(scores, count, chunks):
    """Return the probability of every selected set by enumeration, for chunks of one example."""
    assert count == chunks
    n, found = len(scores), {}
    for order in itertools.permutations(range(n), count):
        p = 1 / n
        for c in range(1, count):
            chosen = order[:c]
            logits = [scores[i, i] + sum(scores[k, i] + scores[i, k] for k in chosen) for i in range(n)]
            free = [i for i in range(n) if i not in chosen]
            p *= np.exp(logits[order[c]]) / sum(np.exp(logits[i]) for i in free)
        found[frozenset(order)] = found.get(frozenset(order), 0.0) + p
    return found


@pytest.mark.parametrize("diagonal", [False, True])
def test_joint_selection_by_enumeration(diagonal):
    scores = np.array([[0.5, 1.0, -1.0, 0.2], [0.0, -0.5, 0.7, -0.3], [0.4, 0.1, 1.0, 0.0], [1, -1, 0.3, 0]])
    if diagonal:
        scores = np.diag(np.diagonal(scores))
    expected, generator, n = joint_probabilities(scores, 3, 3), rng(1), 20_000
    given = np.diagonal(scores).copy() if diagonal else scores
    counts = dict.fromkeys(expected, 0)
    for _ in range(n):
        counts[frozenset(joint_selection(generator, given, 3, chunks=3).tolist())] += 1
    assert sum(expected.values()) == pytest.approx(1)
    for chosen, p in expected.items():
        assert counts[chosen] / n == pytest.approx(p, abs=5 * np.sqrt(p * (1 - p) / n)), chosen


def test_joint_selection_takes_different_examples_in_chunks():
    scores = np.where(np.arange(50) < 20, 30.0, -30.0)
    chosen = joint_selection(rng(), scores, 16, chunks=4)
    assert len(set(chosen.tolist())) == 16
    assert (chosen[4:] < 20).all()  # all but the first chunk, which is uniform
    firsts = np.concatenate([joint_selection(rng(seed), scores, 16, chunks=4)[:4] for seed in range(300)])
    assert (firsts < 20).mean() == pytest.approx(0.4, abs=0.07)


@pytest.mark.parametrize(
    ("scores", "count", "chunks", "message"),
    [
        (np.zeros((3, 2)), 1, 1, r"finite scores \(n,\) or \(n, n\)"),
        (np.array([0.0, np.nan]), 1, 1, "finite scores"),
        (np.zeros(3), 4, 1, "expected 1 to 3 in chunks, got 4 in 1"),
        (np.zeros(3), 2, 0, "got 2 in 0"),
    ],
)
def test_joint_selection_refuses(scores, count, chunks, message):
    with pytest.raises(ValueError, match=message):
        joint_selection(rng(), scores, count, chunks=chunks)
