import numpy as np
import pytest

from teacherstudent.teachers.targets.batches import Batches


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
