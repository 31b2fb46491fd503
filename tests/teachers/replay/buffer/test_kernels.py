"""Weights of levels by hand, and draws that follow them."""

import numpy as np
import pytest
from level_buffers import aged, make


def test_proportional_weights():
    # negative scores count as 0; without staleness 0.001 is added
    got = make([3.0, -2.0, 1.0], priority="proportional").probabilities()
    np.testing.assert_allclose(got, np.array([3.001, 0.001, 1.001]) / 4.003)
    fresh = make([3.0, -2.0, 1.0], priority="proportional", staleness=0.5, temperature=0.5)
    # P_S = 9/10, 0, 1/10; staleness of the new levels is 2, 1, 0: P_C = 2/3, 1/3, 0
    np.testing.assert_allclose(fresh.probabilities(), [0.45 + 1 / 3, 1 / 6, 0.05])
    none = aged([0.0, -2.0], [1, 3], priority="proportional", staleness=0.5)
    np.testing.assert_allclose(none.probabilities(), [0.5 * 0.5 + 0.5 * 0.25, 0.5 * 0.5 + 0.5 * 0.75])


@pytest.mark.parametrize(
    ("scores", "temperature", "expected"),
    [
        # (300 / 300, 1 / 300, 250 / 300, 1 / 300) ** 125: 300 ** 125 is above every float
        ([300.0, 1.0, 250.0, 1.0], 0.008, [1.0, 0.0, (5 / 6) ** 125, 0.0]),
        # (1, 1 / 2, 1 / 10, 0) ** 100: 1e-4 ** 100 is below every float
        ([1e-4, 5e-5, 1e-5, 0.0], 0.01, [1.0, 0.5**100, 0.1**100, 0.0]),
    ],
)
def test_proportional_weights_at_low_temperatures(scores, temperature, expected):
    options = {"priority": "proportional", "temperature": temperature, "staleness": 1e-9}
    got = aged(scores, [0, 0, 0, 1], **options).probabilities()
    np.testing.assert_allclose(got[:3], expected[:3], rtol=1e-8, atol=1e-290)
    assert (got >= 0).all()


@pytest.mark.parametrize("highest", [1e-4, 300.0])
def test_proportional_weights_follow_the_highest_score_of_a_batch(highest):
    rng = np.random.default_rng(0)
    options = {"priority": "proportional", "temperature": 0.01, "staleness": 0.3, "capacity": 6}
    together, alone = make(**options), make(**options)
    levels, scores = rng.integers(1, 40, 200), highest * rng.random(200) ** np.linspace(9, 0.1, 200)
    met = [buffer.meet(200) for buffer in (together, alone)]
    slots = together.insert(levels, scores, met=met[0])
    assert len(np.unique(slots)) > 4
    for i in range(200):  # weights are counted anew for each
        assert alone.insert(levels[[i]], scores[[i]], met=met[1][[i]]) == slots[i]


def test_top_k_weights():
    buffer = make([1.0, 3.0, 2.0, 0.0], priority="topk", top_k=2)
    e = np.exp([3.0, 2.0])
    np.testing.assert_allclose(buffer.probabilities(), [0, e[0] / e.sum(), e[1] / e.sum(), 0])
    np.testing.assert_allclose(make([1e4, 0.0], priority="topk", top_k=2).probabilities(), [1, 0])


def test_staleness_weights():
    buffer = aged([4.0, 2.0], [1, 3], staleness=0.3)
    # by score two thirds and one, by age one quarter and three
    np.testing.assert_allclose(buffer.probabilities(), [0.7 * 2 / 3 + 0.3 / 4, 0.7 / 3 + 0.9 / 4])
    assert buffer.staleness.tolist() == [1, 3]


def test_the_all_fresh_buffer():
    scores, capacity = [4.0, 2.0], 8
    jaxued = aged(scores, [0, 0], staleness=0.3, capacity=capacity, semantics="jaxued")
    np.testing.assert_allclose(jaxued.probabilities(), [0.7 * 2 / 3 + 0.15, 0.7 / 3 + 0.15])
    # dcd gives every level 1 / capacity and normalises when it draws: 0.7 + 0.3 / 4 = 0.775
    dcd = aged(scores, [0, 0], staleness=0.3, capacity=capacity)
    expected = np.array([0.7 * 2 / 3 + 0.3 / 8, 0.7 / 3 + 0.3 / 8]) / 0.775
    np.testing.assert_allclose(dcd.probabilities(), expected)
    assert dcd.effective_size() == pytest.approx(1 / (expected**2).sum())


@pytest.mark.parametrize("semantics", ["dcd", "jaxued"])
def test_draws_follow_the_probabilities_as_they_change(semantics):
    start = aged([3.0, 1.0, 2.0, 0.0, 1.5], [0, 4, 1, 7, 2], staleness=0.6, semantics=semantics, capacity=9)
    state, rng = start.state_dict(), np.random.default_rng(0)
    drawn = []
    for _ in range(6000):
        start.load_state_dict(state)
        drawn.append(start.sample(rng, 3))
    drawn = np.array(drawn)
    expected = np.zeros((3, 5))
    for path in np.ndindex(5, 5, 5):
        start.load_state_dict(state)
        chance = 1.0
        for j, slot in enumerate(path):
            p = start.probabilities()
            expected[j, slot] += chance * p[slot] if j == 2 else 0
            chance *= p[slot]
            after = start.state_dict()
            stamp = after["stamp"].copy()
            stamp[slot] = after["clock"] + 1
            start.load_state_dict(after | {"clock": after["clock"] + 1, "stamp": stamp})
    start.load_state_dict(state)
    counts = np.bincount(drawn[:, 0], minlength=5) / 6000
    np.testing.assert_allclose(counts, start.probabilities(), atol=0.025)
    np.testing.assert_allclose(np.bincount(drawn[:, 2], minlength=5) / 6000, expected[2], atol=0.025)


def test_the_first_draw_of_an_all_fresh_buffer():
    buffer = aged([4.0, 2.0], [0, 0], staleness=0.9, capacity=8)
    state, rng = buffer.state_dict(), np.random.default_rng(0)
    first = []
    for _ in range(4000):
        buffer.load_state_dict(state)
        first.append(buffer.sample(rng, 1)[0])
    buffer.load_state_dict(state)
    np.testing.assert_allclose(np.mean(first), buffer.probabilities()[1], atol=0.03)
