"""Weights of ranks, by hand, where scores differ and where they are equal."""

import numpy as np
import pytest
from level_buffers import make


def test_rank_weights():
    # ranks 2, 3, 1: h = 1/2, 1/3, 1
    h = np.array([1 / 2, 1 / 3, 1])
    np.testing.assert_allclose(make([5.0, -1.0, 7.0]).probabilities(), h / h.sum(), rtol=1e-15)
    cold = make([5.0, -1.0, 7.0], temperature=0.5).probabilities()
    np.testing.assert_allclose(cold, np.array([9, 4, 36]) / 49, rtol=1e-15)


@pytest.mark.parametrize(("semantics", "expected"), [("dcd", [2, 3, 6]), ("jaxued", [6, 3, 2])])
def test_equal_scores_rank_by_slot_where_that_is_asked_for(semantics, expected):
    buffer = make([1.0, 1.0, 1.0], semantics=semantics, ties="slot")
    np.testing.assert_allclose(buffer.probabilities(), np.array(expected) / 11)


def test_equal_scores_share_the_weights_of_their_ranks():
    # ranks 1, 2 to 4, 5: h = 1, three times the mean of 1/2, 1/3 and 1/4, 1/5
    h = np.array([1.0, 13 / 36, 1 / 5, 13 / 36, 13 / 36])
    got = make([9.0, 2.0, 1.0, 2.0, 2.0]).probabilities()
    np.testing.assert_allclose(got, h / h.sum(), rtol=1e-14)
    # the last weights are 1e-30 of the first, and still precise
    cold = make([*np.arange(1000.0, 2.0, -1.0), 1.0, 1.0], temperature=0.1).probabilities()
    assert cold[-1] == cold[-2]
    assert cold[-1] / cold[0] == pytest.approx((999.0**-10 + 1000.0**-10) / 2, rel=1e-9, abs=0)


def test_what_is_shared_is_what_ties_broken_at_random_give():
    scores, rng = np.array([1.0, 0.0, 1.0, 1.0, 0.0, 2.0]), np.random.default_rng(0)
    for priority, top_k in (("rank", None), ("topk", 3)):
        options = {"priority": priority, "top_k": top_k}
        found = np.zeros(6)
        for _ in range(4000):
            nudged = scores + 1e-9 * rng.random(6)
            found += make(nudged, **options).probabilities() / 4000
        np.testing.assert_allclose(make(scores, **options).probabilities(), found, atol=0.01)
