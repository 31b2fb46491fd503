import numpy as np
import pytest

from teacherstudent.teachers.targets.batches import KEPT, Batches, WeighedBatches
from teacherstudent.teachers.targets.gaussian import Gaussian


def rows(ids):
    ids = np.array(ids)
    return ids, ids[:, None].astype(float), ids.astype(float)


def test_all_rows_count_unless_they_must_be_fresh():
    batches = Batches(3, 1, fresh=False)
    batches.asked(np.arange(8))
    batches.restart()
    found = [scores.tolist() for _, scores in batches.fill(*rows([4, -1, 2, 0, 7, 1, 3]))]
    assert found == [[4, -1, 2], [0, 7, 1]]
    assert batches.state()["scores"].tolist() == [3]


def test_fresh_rows_were_asked_for_since_the_last_change():
    batches = Batches(2, 1, fresh=True)
    batches.asked(np.arange(6))
    found = []
    for points, scores in batches.fill(*rows([0, -1, 1, 2, 3, 4])):
        found.append((points[:, 0].tolist(), scores.tolist()))
        batches.restart()
    assert found == [([0, 1], [0, 1])]  # the rest is of the distribution before
    batches.asked(np.arange(6, 9))
    assert not list(batches.fill(*rows([5, 6])))
    assert batches.state()["scores"].tolist() == [6]


def test_without_a_change_older_rows_go_on_counting():
    batches = Batches(2, 1, fresh=True)
    batches.asked(np.arange(6))
    assert [scores.tolist() for _, scores in batches.fill(*rows([0, 1, 2, 3]))] == [[0, 1], [2, 3]]


@pytest.mark.parametrize("fresh", [True, False])
def test_a_batch_told_at_once_is_its_rows_told_one_by_one(fresh):
    rng = np.random.default_rng(0)
    both = [Batches(5, 1, fresh=fresh), Batches(5, 1, fresh=fresh)]
    found = [[], []]
    for start in range(0, 200, 20):
        ids = rng.permutation(np.arange(max(start - 10, 0), start + 10))
        for batches, seen, parts in zip(both, found, ([ids], np.split(ids, len(ids))), strict=True):
            batches.asked(np.arange(start, start + 20))
            for part in parts:
                for _, scores in batches.fill(*rows(part)):
                    seen.append(scores.tolist())
                    if len(seen) % 2:
                        batches.restart()
    assert found[0] == found[1]
    assert len(found[0]) > 10


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scores": np.zeros(2)}, r"batch: scores: expected shape \(1\), got \(2\)|expected shape"),
        ({"points": np.zeros((3, 1)), "scores": np.zeros(3)}, "batch: expected fewer than 3 rows, got 3"),
        ({"since": 7}, "batch: since: expected a whole number from 0 to 5"),
        ({"next": -1}, "batch: next: expected a whole number"),
    ],
)
def test_a_damaged_state_is_refused(change, message):
    batches = Batches(3, 1, fresh=True)
    batches.asked(np.arange(5))
    list(batches.fill(*rows([1])))
    with pytest.raises(ValueError, match=message):
        Batches(3, 1, fresh=True).load(batches.state() | change)


def at(mean):
    return Gaussian(np.array([float(mean)]), np.eye(1))


def fill(batches, ids, points):
    points = np.array(points, float)[:, None]
    return list(batches.fill(np.array(ids), points, points[:, 0]))


def test_rows_of_the_present_gaussian_count_fully():
    batches = WeighedBatches(3, at(0))
    batches.asked(np.arange(9))
    (found,) = fill(batches, [4, 2, 3, 1, -1], [0, 5, 1, 2, 7])
    assert found.scores.tolist() == [0, 5, 1]
    assert found.weights.tolist() == [1, 1, 1]
    assert batches.state()["scores"].tolist() == [2]


def test_a_late_row_counts_for_as_much_as_the_present_gaussian_would_draw_it():
    batches = WeighedBatches(10, at(0))
    batches.asked(np.arange(5))
    batches.restart(at(1))
    batches.asked(np.arange(5, 9))
    # p / q = exp(c - 1/2): more than 1 at 1, exp(-1/2) at 0, and next to nothing at -5.
    assert not fill(batches, [0, 1, 2, 5], [1, 0, -5, -5])
    assert batches.state()["weights"] == pytest.approx([1, np.exp(-0.5), 1])
    assert batches.state()["scores"].tolist() == [1, 0, -5]


def test_a_batch_is_full_when_its_rows_stand_for_enough_draws():
    batches = WeighedBatches(2, at(0))
    batches.asked(np.arange(10))
    batches.restart(at(1))
    # Each counts for exp(-1/2) = 0.607, so four make more than two.
    (found,) = fill(batches, range(6), [0] * 6)
    assert len(found.scores) == 4
    assert len(batches.state()["scores"]) == 2


def test_gaussians_of_long_ago_and_those_that_drew_nothing_are_forgotten():
    batches = WeighedBatches(100, at(0))
    batches.restart(at(0.1))
    batches.restart(at(0.2))
    assert batches.state()["firsts"].tolist() == [0]
    batches.asked(np.arange(1))
    for i in range(KEPT):
        batches.restart(at(0))
        batches.asked(np.arange(i + 1, i + 2))
    assert batches.state()["firsts"].tolist() == list(range(1, KEPT + 1))
    assert not fill(batches, [0, KEPT], [0, 3])
    assert batches.state()["scores"].tolist() == [3]


def test_a_weighed_batch_told_at_once_is_its_rows_told_one_by_one():
    rng = np.random.default_rng(0)
    both = [WeighedBatches(5, at(0)), WeighedBatches(5, at(0))]
    found = [[], []]
    for start in range(0, 200, 20):
        ids = rng.permutation(np.arange(max(start - 10, 0), start + 10))
        points = rng.standard_normal((20 if start else 10, 1))
        for batches, seen, parts in zip(both, found, (1, len(ids)), strict=True):
            batches.asked(np.arange(start, start + 20))
            for part in np.array_split(np.arange(len(ids)), parts):
                for rows in batches.fill(ids[part], points[part], points[part, 0]):
                    seen.append(rows.scores.tolist())
                    batches.restart(at(0.2 * len(seen)))
    assert found[0] == found[1]
    assert len(found[0]) > 10


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weights": np.array([0.01])}, "batch: weights: expected numbers from 0.05 to 1"),
        ({"firsts": np.array([6])}, "batch: firsts: expected numbers from 0 to 5"),
        ({"firsts": np.zeros(0, int), "past": []}, "batch: firsts: expected 1 to 32 ascending ids"),
        ({"past": [at(99).state()]}, "gaussian: expected a mean within"),
    ],
)
def test_a_damaged_state_of_weighed_batches_is_refused(change, message):
    batches = WeighedBatches(3, at(0))
    batches.asked(np.arange(5))
    fill(batches, [1], [0])
    with pytest.raises(ValueError, match=message):
        WeighedBatches(3, at(0)).load(batches.state() | change)
