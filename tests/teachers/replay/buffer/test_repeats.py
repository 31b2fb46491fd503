"""Several rows of one level in one batch."""

import numpy as np
import pytest
from level_buffers import make


@pytest.mark.parametrize("semantics", ["dcd", "jaxued"])
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [3.0, 6.0]),  # the last row counts
        ({"blend": 0.5}, [2.5, 3.875]),  # 2 -> 2.5; 1 -> 1.5 -> 1.75 -> 3.875
        ({"rows": "mean"}, [3.0, 10 / 3]),
        ({"rows": "mean", "blend": 0.5}, [2.5, 1 / 2 + 10 / 6]),
    ],
)
def test_a_level_that_comes_several_times_in_an_update(semantics, options, expected):
    buffer = make([2.0, 1.0], semantics=semantics, **options)
    buffer.update(np.array([2, 1, 2, 99, 2]), [2.0, 3.0, 2.0, 7.0, 6.0], [1.0, 0.0, -1.0, 9.0, -2.0])
    np.testing.assert_allclose(buffer.scores, expected, rtol=1e-15)
    assert buffer.returns.tolist() == [0.0, 1.0]


def test_rows_of_one_level_count_as_if_told_one_by_one():
    rng = np.random.default_rng(0)
    for blend in (1.0, 0.5, 0.03):
        together, alone = (make(np.arange(5.0), capacity=5, blend=blend) for _ in range(2))
        keys, scores = rng.integers(1, 6, 300), 1e3 * rng.standard_normal(300)
        together.update(keys, scores)
        for key, score in zip(keys, scores, strict=True):
            alone.update(np.array([key]), [score])
        np.testing.assert_allclose(together.scores, alone.scores, rtol=1e-12)


def test_several_offers_of_one_level_in_a_batch():
    options = {"capacity": 3, "levels": [1], "blend": 0.5}
    last, mean = make([0.0], **options), make([0.0], rows="mean", **options)
    offers = ([7, 1, 7, 7], [4.0, 2.0, 0.0, 2.0])
    assert last.insert(*offers, returns=[1, 5, 3, 2]).tolist() == [1, 0, 1, 1]
    assert mean.insert(*offers, returns=[1, 5, 3, 2]).tolist() == [1, 0, 1, 1]
    assert last.scores.tolist() == [1.0, 2.0]  # 4 -> 2 -> 2
    np.testing.assert_allclose(mean.scores, [1.0, 2.0], rtol=1e-15)  # the mean of 4, 0 and 2
    assert last.returns.tolist() == mean.returns.tolist() == [5.0, 3.0]
    full = make([1.0, 1.5], rows="mean")
    assert full.insert([8, 8], [9.0, -9.0]).tolist() == [-1, -1]  # once, by the mean
