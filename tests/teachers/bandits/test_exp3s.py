import numpy as np
import pytest

from teacherstudent.contract.spaces import Discrete
from teacherstudent.contract.types import Outcomes
from teacherstudent.teachers.bandits import exp3s
from teacherstudent.teachers.bandits.exp3s import Exp3S, exp3s_update, quantile, rescale


def outcomes(ids, tasks, score, cost=None):
    cost = np.ones(len(tasks)) if cost is None else np.asarray(cost, float)
    return Outcomes(ids=np.asarray(ids), tasks=np.asarray(tasks), score=np.asarray(score, float), cost=cost)


def state(teacher):
    return teacher.state_dict()["algorithm"]


def by_loops(weights, arm, estimate, eta, alpha):
    """The update of the paper, term by term."""
    k = len(weights)
    new = []
    for i in range(k):
        own = np.exp(weights[i] + eta * (estimate if i == arm else 0.0))
        others = 0.0
        for j in range(k):
            if j != i:
                others += np.exp(weights[j] + eta * (estimate if j == arm else 0.0))
        new.append(np.log((1 - alpha) * own + alpha / (k - 1) * others))
    return new


def in_place(weights, arm, estimate, eta, alpha):
    """A wrong update that circulates: an arm sees the new weights before it, and no other reward."""
    weights = list(weights)
    k = len(weights)
    for i in range(k):
        own = np.exp(weights[i] + eta * (estimate if i == arm else 0.0))
        others = sum(np.exp(weights[j]) for j in range(k) if j != i)
        weights[i] = np.log((1 - alpha) * own + alpha / (k - 1) * others)
    return weights


CASES = [(k, alpha) for k in (2, 3, 7) for alpha in (0.0, 1e-6, 0.1, 0.5)]


@pytest.mark.parametrize(("k", "alpha"), CASES)
def test_the_update_equals_a_double_loop(k, alpha):
    rng = np.random.default_rng(k)
    for _ in range(20):
        weights, arm, estimate = rng.standard_normal(k), int(rng.integers(k)), 10 * rng.standard_normal()
        found = exp3s_update(weights, arm, estimate, 0.3, alpha)
        np.testing.assert_allclose(
            found, by_loops(weights, arm, estimate, 0.3, alpha), rtol=1e-12, atol=1e-12
        )
        if alpha >= 0.1:
            wrong = in_place(weights, arm, estimate, 0.3, alpha)
            assert np.abs(found - found[0] - (np.array(wrong) - wrong[0])).max() > 1e-6


@pytest.mark.parametrize(("k", "alpha"), [*CASES, (3, 2 / 3)])
def test_mass_is_conserved_and_a_constant_changes_nothing(k, alpha):
    rng = np.random.default_rng(k)
    weights = rng.standard_normal(k)
    moved = weights.copy()
    moved[1] += 0.3 * 4.0
    found = exp3s_update(weights, 1, 4.0, 0.3, alpha)
    assert np.exp(found).sum() == pytest.approx(np.exp(moved).sum(), rel=1e-12)
    np.testing.assert_allclose(exp3s_update(weights + 5, 1, 4.0, 0.3, alpha), found + 5, rtol=1e-12)


def test_the_update_by_hand():
    # v = (0 + 0.5 * 2, 0): e, 1. With alpha 1/4: log(3/4 e + 1/4), log(3/4 + 1/4 e).
    found = exp3s_update(np.zeros(2), 0, 2.0, 0.5, 0.25)
    np.testing.assert_allclose(found, np.log([0.75 * np.e + 0.25, 0.75 + 0.25 * np.e]), rtol=1e-14)
    assert exp3s_update(np.zeros(1), 0, 2.0, 0.5, 0.25).tolist() == [1.0]


def test_huge_weights_stay_finite():
    found = exp3s_update(np.array([800.0, -800.0, 0.0]), 0, 1000.0, 1.0, 0.1)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found, [1800 + np.log(0.9), 1800 + np.log(0.05), 1800 + np.log(0.05)])


def test_exp3_is_the_special_case():
    """Auer's Exp3: weights multiplied by exp(gamma * r / (p k)), p = (1 - gamma) w / sum(w) + gamma / k."""
    k, gamma = 4, 0.2
    teacher = Exp3S(
        Discrete(k), seed=0, reward="score", quantiles=None, alpha=0.0, epsilon=gamma, eta=gamma / k
    )
    rng, weights = np.random.default_rng(0), np.ones(k)
    for _ in range(300):
        p = (1 - gamma) * weights / weights.sum() + gamma / k
        np.testing.assert_allclose(teacher.snapshot()["probabilities"], p, rtol=1e-10)
        asked = teacher.ask()
        arm, reward = int(asked.tasks[0]), rng.random()
        teacher.tell(outcomes(asked.ids, asked.tasks, [reward]))
        weights[arm] *= np.exp(gamma * reward / (p[arm] * k))


def test_a_run_by_hand():
    teacher = Exp3S(Discrete(2), seed=0, reward="score", epsilon=0.5, eta=0.5)
    asked = teacher.ask(3)  # every probability is 1/2
    teacher.tell(outcomes(asked.ids, [0, 0, 0], [1.0, 3.0, 3.0]))
    # No history: 0, and an alpha of 1/2 makes both equal again. History of one: 0. History 1, 3: its
    # quantiles are 1.4 and 2.6, so 3 becomes 1, divided by 1/2, times eta: log-weights 1, 0, alpha 1/4.
    expected = np.log([0.75 * np.e + 0.25, 0.75 + 0.25 * np.e])
    np.testing.assert_allclose(state(teacher)["weights"], expected, rtol=1e-14)
    assert state(teacher)["history"].tolist() == [1.0, 3.0, 3.0]
    assert state(teacher)["updates"] == 3


def test_late_rewards_are_divided_by_the_probability_at_the_ask():
    options = {"reward": "score", "quantiles": None, "alpha": 0.0, "epsilon": 0.1, "eta": 1.0}
    teacher = Exp3S(Discrete(2), seed=0, **options)
    early = teacher.ask()  # probabilities of 1/2
    teacher.tell(outcomes([-1], [1], [3.0]))
    before = state(teacher)["weights"]
    assert before[1] == 3 / 0.5
    assert teacher.snapshot()["probabilities"].max() > 0.9
    teacher.tell(outcomes(early.ids, early.tasks, [1.0]))
    assert state(teacher)["weights"][early.tasks[0]] - before[early.tasks[0]] == 1 / 0.5


def test_a_row_that_was_not_asked_for_takes_the_present_probability():
    teacher = Exp3S(Discrete(2), seed=0, reward="score", quantiles=None, alpha=0.0, epsilon=0.5, eta=1.0)
    teacher.tell(outcomes([-1, -1], [0, 0], [np.log(3) / 2, 1.0]))
    # After the first: weights log 3 and 0, softmax 3/4, mixed with a half: 5/8.
    assert state(teacher)["weights"][0] == pytest.approx(np.log(3) + 8 / 5)


def test_dropped_tasks_are_forgotten():
    teacher = Exp3S(Discrete(3), seed=0)
    asked = teacher.ask(4)
    teacher.drop(asked.ids[1:3])
    assert state(teacher)["arms"]["asked"].tolist() == [0, 3]


def test_quantiles_equal_numpys():
    rng = np.random.default_rng(0)
    for n in (1, 2, 5, 100):
        values = np.sort(rng.standard_normal(n)).tolist()
        for q in (0.0, 0.2, 0.5, 0.8, 1.0):
            assert quantile(values, q) == pytest.approx(np.quantile(values, q), rel=1e-12)


def test_rescaling_against_the_full_history():
    rng = np.random.default_rng(0)
    history = []
    for reward in rng.standard_normal(300):
        if len(history) > 1:
            low, high = np.percentile(history, [20, 80])
            expected = np.clip(2 * (reward - low) / (high - low) - 1, -1, 1)
            assert rescale(reward, sorted(history), (0.2, 0.8)) == pytest.approx(expected, abs=1e-12)
        else:
            assert rescale(reward, history, (0.2, 0.8)) == 0
        history.append(reward)
    assert rescale(9.0, [5.0] * 8, (0.2, 0.8)) == 0  # the quantiles coincide


def test_the_reservoir_is_a_uniform_sample_and_its_quantiles_those_of_all(monkeypatch):
    monkeypatch.setattr(exp3s, "HISTORY", 200)
    teacher = Exp3S(Discrete(2), seed=0, reward="score")
    rewards = np.random.default_rng(1).permutation(4000).astype(float)
    rewards[2000:] += 4000  # newer rewards are greater: a window would see no small ones
    teacher.tell(outcomes(np.full(4000, -1), np.zeros(4000, int), rewards))
    kept = state(teacher)["history"]
    assert len(kept) == 200
    assert (np.diff(kept) >= 0).all()
    place = np.searchsorted(np.sort(rewards), kept) / 4000
    for q in (0.2, 0.5, 0.8):
        assert np.mean(place < q) == pytest.approx(q, abs=4 * np.sqrt(q * (1 - q) / 200))


def test_probabilities_have_a_floor_and_reach_it():
    teacher = Exp3S(Discrete(5), seed=0, reward="score", eta=0.5, epsilon=0.1)
    rng = np.random.default_rng(0)
    for _ in range(400):
        asked = teacher.ask()
        teacher.tell(outcomes(asked.ids, asked.tasks, (asked.tasks == 3) + 0.1 * rng.standard_normal(1)))
        assert teacher.snapshot()["probabilities"].min() >= 0.1 / 5 - 1e-12
    p = teacher.snapshot()["probabilities"]
    assert p[3] > 0.8
    assert (np.delete(p, 3) < 2 * 0.1 / 5).all()


def test_an_outcome_without_a_reward_changes_nothing():
    teacher = Exp3S(Discrete(3), seed=0)
    teacher.tell(outcomes([-1, -1], [0, 1], [5.0, 7.0]))
    assert state(teacher)["updates"] == 0
    teacher.tell(outcomes([-1], [1], [9.0], cost=[4.0]))
    assert state(teacher)["history"].tolist() == [0.5]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epsilon": 0.0}, r"exp3s: epsilon: expected a share in \(0, 1\], got 0.0"),
        ({"eta": 0.0}, "exp3s: eta: expected a step size above 0, got 0.0"),
        ({"eta": np.nan}, "exp3s: eta"),
        ({"alpha": 0.7}, r"exp3s: alpha: expected a share in \[0, 0.666667\] for 3 arms, got 0.7"),
        ({"alpha": -0.1}, "exp3s: alpha"),
        ({"quantiles": (0.8, 0.2)}, r"exp3s: quantiles: expected 0 <= low < high <= 1, got \(0.8, 0.2\)"),
        ({"reward": "loss"}, "exp3s: reward"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Exp3S(Discrete(3), seed=0, **options)
