import numpy as np
import pytest

from teacherstudent.contract.spaces import Discrete
from teacherstudent.contract.types import Outcomes
from teacherstudent.teachers.bandits.drifting import kalman
from teacherstudent.teachers.bandits.progress_thompson import ProgressThompson
from teacherstudent.testing.sessions import difference

GAIN = {"reward": "score", "per_cost": False}


def tell(teacher, tasks, score, error=None, cost=None):
    cost = np.ones(len(tasks)) if cost is None else np.asarray(cost, float)
    signals = {} if error is None else {"score_se": np.asarray(error, float)}
    ids = np.full(len(tasks), -1)
    score = np.asarray(score, float)
    teacher.tell(Outcomes(ids=ids, tasks=np.asarray(tasks), score=score, cost=cost, signals=signals))


def noise(teacher):
    return teacher.state_dict()["algorithm"]["noise"]["variance"]


def test_the_update_by_hand():
    # Variances 4 and 1, covariance 1, noise 4: gains 4/8 and 1/8; reward 3 at mean 1.
    mean, covariance = kalman(np.array([1.0, 0.0]), np.array([[4.0, 1.0], [1.0, 1.0]]), 0, 3.0, 4.0)
    np.testing.assert_allclose(mean, [2.0, 0.25])
    np.testing.assert_allclose(covariance, [[2.0, 0.5], [0.5, 0.875]])
    mean, covariance = kalman(np.zeros(2), np.zeros((2, 2)), 0, 3.0, 0.0)
    assert mean.tolist() == [0, 0]


def test_without_drift_it_is_the_mean_weighted_by_precision():
    rng = np.random.default_rng(0)
    teacher = ProgressThompson(Discrete(3), seed=0, drift=0.0, **GAIN)
    arms, score, error = rng.integers(0, 3, 60), rng.standard_normal(60), rng.random(60) + 0.1
    tell(teacher, arms, score, error)
    found = teacher.snapshot()
    for a in range(3):
        precision = 1 / error[arms == a] ** 2
        np.testing.assert_allclose(found["value"][a], np.average(score[arms == a], weights=precision))
        np.testing.assert_allclose(found["deviation"][a], precision.sum() ** -0.5)


def posterior(k, arms, score, error, steps, common):
    """Condition all rewards at once: unknown first means, random walks, noise (universal kriging).

    ``steps``: the variance of the step before each reward.
    """
    walked = np.cumsum(steps)
    alike = common + (1 - common) * (arms[:, None] == arms)
    n = len(arms)
    prior = np.minimum.outer(walked, walked) * alike + np.diag(error**2)
    known = np.linalg.inv(prior)
    which = np.eye(k)[arms]
    spread = np.linalg.inv(which.T @ known @ which)
    first = spread @ which.T @ known @ score
    cross = walked * (
        common + (1 - common) * (np.arange(k)[:, None] == arms)
    )  # the last mean with each reward
    mean = first + cross @ known @ (score - which @ first)
    rest = np.eye(k) - cross @ known @ which
    own = walked[n - 1] * (common + (1 - common) * np.eye(k))
    return mean, own - cross @ known @ cross.T + rest @ spread @ rest.T


@pytest.mark.parametrize("common", [0.0, 0.4, 1.0])
def test_the_filter_equals_conditioning_on_all_rewards(common):
    rng = np.random.default_rng(0)
    k, n = 3, 25
    teacher = ProgressThompson(Discrete(k), seed=0, drift=0.3, common=common, **GAIN)
    arms, score, error = rng.integers(0, k, n), rng.standard_normal(n), rng.random(n) + 0.3
    arms[:6] = [1, 1, 0, 1, 0, 2]
    steps = []
    for i in range(n):
        tell(teacher, arms[i : i + 1], score[i : i + 1], error[i : i + 1])
        steps.append(0.3 * noise(teacher))
    mean, covariance = posterior(k, arms, score, error, np.array(steps), common)
    state = teacher.state_dict()["algorithm"]
    np.testing.assert_allclose(state["mean"], mean, rtol=1e-8)
    np.testing.assert_allclose(state["covariance"], covariance, rtol=1e-8, atol=1e-10)


def test_the_noise_by_hand():
    teacher = ProgressThompson(Discrete(3), seed=0, **GAIN)
    tell(teacher, [0, 1], [1.0, 3.0])
    assert noise(teacher) == 5  # mean square of 1 and 3
    tell(teacher, [0], [4.0])
    assert noise(teacher) == (5 + 3**2 / 2) / 2
    tell(teacher, [2, 1], [100.0, 5.0])  # a first reward after the first pair does not count
    assert noise(teacher) == pytest.approx((5 + 4.5 + 2) / 3)


def test_without_a_standard_error_the_noise_is_estimated():
    rng = np.random.default_rng(0)
    teacher = ProgressThompson(Discrete(2), seed=0, drift=0.0, **GAIN)
    tell(teacher, np.tile([0, 1], 400), np.tile([10.0, -10.0], 400) + 0.5 * rng.standard_normal(800))
    assert noise(teacher) == pytest.approx(0.25, rel=0.5)  # the last 100 pairs
    found = teacher.snapshot()
    np.testing.assert_allclose(found["value"], [10, -10], atol=0.1)
    np.testing.assert_allclose(found["deviation"], 0.5 / np.sqrt(400), rtol=0.5)


def test_reward_and_its_error_are_per_cost():
    teacher = ProgressThompson(Discrete(2), seed=0, reward="score", drift=0.0)
    tell(teacher, [0, 1], [6.0, 1.0], [2.0, 0.5], [4.0, 1.0])
    found = teacher.snapshot()
    assert found["value"].tolist() == [1.5, 1.0]
    assert found["deviation"].tolist() == [0.5, 0.5]


def test_the_error_of_a_level_is_not_that_of_a_change():
    for reward in ("progress", "shared"):
        one, two = (ProgressThompson(Discrete(2), seed=0, reward=reward) for _ in range(2))
        tell(one, [0, 1, 0, 1, 0], [1.0, 2.0, 4.0, 2.5, 3.0], np.full(5, 0.3))
        tell(two, [0, 1, 0, 1, 0], [1.0, 2.0, 4.0, 2.5, 3.0])
        assert difference(one.state_dict(), two.state_dict()) is None


def test_every_arm_is_played_once_first():
    teacher = ProgressThompson(Discrete(6), seed=0, **GAIN)
    played = []
    for _ in range(6):
        asked = teacher.ask()
        played.append(int(asked.tasks[0]))
        score = np.array([100.0 if played[-1] == 2 else 0.0])
        teacher.tell(Outcomes(ids=asked.ids, tasks=asked.tasks, score=score, cost=np.ones(1)))
    assert sorted(played) == list(range(6))
    assert np.isnan(ProgressThompson(Discrete(2), seed=0).snapshot()["value"]).all()


def test_the_share_of_an_arm_is_its_probability_to_be_the_best():
    teacher = ProgressThompson(Discrete(2), seed=0, drift=0.0, **GAIN)
    tell(teacher, [0, 1], [0.0, 1.0], [0.6, 0.8])  # difference 1, standard deviation 1: Phi(-1)
    expected = 0.158655
    assert teacher.snapshot()["probabilities"][0] == pytest.approx(expected, abs=1e-6)
    share = np.mean(teacher.ask(20_000).tasks == 0)
    assert share == pytest.approx(expected, abs=4 * np.sqrt(expected * (1 - expected) / 20_000))


def test_a_common_decline_is_no_reason_to_leave_an_arm():
    values = {}
    for common in (0.0, 1.0):
        teacher = ProgressThompson(Discrete(2), seed=0, drift=0.5, common=common, **GAIN)
        tell(teacher, [1, 0], [0.9, 1.0], [0.01, 0.01])
        tell(teacher, np.zeros(20, int), np.linspace(1, 0.2, 20), np.full(20, 0.01))
        values[common] = teacher.snapshot()["value"]
    assert values[0.0][1] == 0.9  # taken for the better one now
    np.testing.assert_allclose(values[1.0], [0.2, 0.1], atol=0.02)


def test_a_forgotten_arm_is_played_again_for_its_own_progress_only():
    for reward, arm in (("progress", 1), ("score", 0)):
        teacher = ProgressThompson(Discrete(2), seed=0, reward=reward, per_cost=False)
        score = np.linspace([0.0, 1.0], [0.1, 0.0], 12) if reward == "progress" else np.tile([0.1, -0.5], 12)
        tell(teacher, np.tile([0, 1], 12), score.ravel())
        assert teacher.snapshot()["probabilities"].argmax() == arm


@pytest.mark.parametrize("error", [True, False])
def test_a_batch_equals_its_rows(error):
    rng = np.random.default_rng(0)
    batch, single = (ProgressThompson(Discrete(4), seed=0, reward="score") for _ in range(2))
    arms, score, cost = rng.integers(0, 4, 30), rng.random(30), rng.random(30)
    se = rng.random(30) if error else None
    tell(batch, arms, score, se, cost)
    for i in range(30):
        one = slice(i, i + 1)
        tell(single, arms[one], score[one], se[one] if error else None, cost[one])
    assert difference(batch.state_dict(), single.state_dict()) is None


@pytest.mark.parametrize("bad", [[0.1, -0.1], [0.1, np.nan], [[0.1], [0.1]]])
def test_a_bad_standard_error_is_refused_and_changes_nothing(bad):
    teacher = ProgressThompson(Discrete(2), seed=0, reward="score")
    tell(teacher, [0, 1, 0], [1.0, 2.0, 2.0], [0.1, 0.2, 0.1])
    before = teacher.state_dict()
    with pytest.raises(ValueError, match=r"score_se: expected \(2,\) finite numbers >= 0, got"):
        tell(teacher, [0, 1], [1.0, 2.0], bad)
    assert difference(before, teacher.state_dict()) is None


def test_exact_observations_are_no_division_by_zero():
    teacher = ProgressThompson(Discrete(2), seed=0, **GAIN)
    tell(teacher, [0, 1, 0, 1, 0], [1.0, 2.0, 1.0, 2.0, 1.0], np.zeros(5))
    np.testing.assert_allclose(teacher.snapshot()["value"], [1, 2])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"drift": -0.1}, "progress-thompson: drift: expected a variance of at least 0, got -0.1"),
        ({"drift": np.inf}, "progress-thompson: drift"),
        ({"common": 1.5}, r"progress-thompson: common: expected a share in \[0, 1\], got 1.5"),
        ({"moves": "back"}, "progress-thompson: moves"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        ProgressThompson(Discrete(2), seed=0, **options)
