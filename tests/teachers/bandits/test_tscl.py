import numpy as np
import pytest

from teacherstudent.contract.spaces import Discrete
from teacherstudent.contract.types import Outcomes
from teacherstudent.teachers.bandits.tscl_naive import TSCLNaive
from teacherstudent.teachers.bandits.tscl_online import TSCLOnline
from teacherstudent.teachers.bandits.tscl_sampling import TSCLSampling
from teacherstudent.teachers.bandits.tscl_window import TSCLWindow

ALL = (TSCLOnline, TSCLNaive, TSCLWindow, TSCLSampling)
NAN = np.nan


def tell(teacher, tasks, score, cost=None):
    cost = np.ones(len(tasks)) if cost is None else np.asarray(cost, float)
    ids = np.full(len(tasks), -1)
    teacher.tell(Outcomes(ids=ids, tasks=np.asarray(tasks), score=np.asarray(score, float), cost=cost))


def value(teacher):
    return teacher.snapshot()["value"]


def probabilities(teacher):
    return teacher.snapshot()["probabilities"]


def test_online_by_hand():
    teacher = TSCLOnline(Discrete(3), seed=0, rate=0.5)
    np.testing.assert_allclose(probabilities(teacher), 1 / 3)
    tell(teacher, [0, 1, 0, 0, 1], [0.5, 1.0, 0.9, 0.7, 0.2])
    # arm 0: changes 0.4, -0.2: 0.5 * 0.4 = 0.2, then 0.2 + 0.5 * (-0.2 - 0.2) = 0; arm 1: 0.5 * -0.8
    np.testing.assert_allclose(value(teacher), [0.0, -0.4, 0.0], atol=1e-15)
    np.testing.assert_allclose(
        probabilities(teacher), [0.1 / 3, 0.9 + 0.1 / 3, 0.1 / 3]
    )  # |-0.4| is greatest


def test_online_boltzmann_by_hand():
    teacher = TSCLOnline(Discrete(2), seed=0, rate=1.0, policy=("boltzmann", 0.5))
    tell(teacher, [0, 0, 1, 1], [0, -1, 0, 0.5])
    weight = np.exp([1 / 0.5, 0.5 / 0.5])
    np.testing.assert_allclose(probabilities(teacher), weight / weight.sum())


def test_the_authors_code_compares_a_first_score_with_0_and_signed_values():
    teacher = TSCLOnline(Discrete(3), seed=0, rate=0.5, reward="signed")
    tell(teacher, [0, 1, 0], [0.5, -1.0, 0.9])
    # arm 0: 0.5 * 0.5 = 0.25, then 0.25 + 0.5 * (0.4 - 0.25); arm 1: 0.5 * (-1 - 0)
    np.testing.assert_allclose(value(teacher), [0.325, -0.5, 0.0])
    np.testing.assert_allclose(probabilities(teacher), [0.9 + 0.1 / 3, 0.1 / 3, 0.1 / 3])


def test_the_authors_code_leaves_an_arm_that_is_forgotten():
    paper, fixed = (TSCLSampling(Discrete(2), seed=0, window=1, reward=r) for r in ("signed", "progress"))
    for teacher in (paper, fixed):
        tell(teacher, [0, 1, 0, 1], [0.0, 0.9, 0.1, 0.0])  # changes 0.1 and -0.9
    np.testing.assert_allclose(probabilities(paper), [0.95, 0.05], atol=1e-3)
    np.testing.assert_allclose(probabilities(fixed), [0.05, 0.95], atol=1e-3)
    window, naive = (cls(Discrete(2), seed=0, window=2, reward="signed") for cls in (TSCLWindow, TSCLNaive))
    for teacher in (window, naive):
        tell(teacher, [0, 1, 0, 1], [0.0, 0.9, 0.1, 0.0])
        np.testing.assert_allclose(probabilities(teacher), [0.95, 0.05])


def test_naive_by_hand():
    teacher = TSCLNaive(Discrete(2), seed=0, rate=0.5, window=3)
    tell(teacher, [1, 1], [0.0, 1.0])
    assert value(teacher).tolist() == [0, 0]
    tell(teacher, [0, 1, 1], [7.0, 5.0, 9.0])
    # arm 1 at times 1, 2, 4: 0, 1, 5: sum (t - 7/3)(y - 2) / sum (t - 7/3)^2 = (8/3 + 1/3 + 5) / (14/3)
    np.testing.assert_allclose(value(teacher), [0, 0.5 * 8 / (14 / 3)], rtol=1e-14)
    assert teacher.state_dict()["algorithm"]["points"].tolist() == [[0, 3, 7], [1, 5, 9]]
    tell(teacher, [1, 1], [8.0, 7.0])
    np.testing.assert_allclose(value(teacher)[1], 0.5 * 8 / (14 / 3) * 0.5 - 0.5)


def test_naive_hands_out_blocks():
    teacher = TSCLNaive(Discrete(50), seed=0, window=4)
    arms = np.concatenate([teacher.ask(n).tasks for n in (1, 2, 7, 1, 1, 12, 4)])
    blocks = arms.reshape(-1, 4)
    assert (blocks == blocks[:, :1]).all()
    assert len(set(blocks[:, 0].tolist())) > 4
    assert teacher.ask(1).tasks[0] != arms[-1]  # 28 handed out: a new block begins


def test_naive_leaves_its_block_for_the_final_arm():
    teacher = TSCLNaive(Discrete(9), seed=1, window=100, final=(-1, 0.5))
    first = teacher.ask(3).tasks
    assert first[0] != 8
    assert teacher.ask(3, progress=0.5).tasks.tolist() == [8, 8, 8]


def test_window_by_hand():
    teacher = TSCLWindow(Discrete(3), seed=0, window=3)
    assert value(teacher).tolist() == [1, 1, 1]
    tell(teacher, [0, 1, 0, 0, 0], [100.0, 3.0, 1.0, 3.0, 8.0])
    # arm 0 keeps times 3, 4, 5: slope 3.5; arm 1 has one score, arm 2 none: 1
    np.testing.assert_allclose(value(teacher), [3.5, 1, 1])
    np.testing.assert_allclose(probabilities(teacher), [0.9 + 0.1 / 3, 0.1 / 3, 0.1 / 3])
    tell(teacher, [1], [-9.0])
    np.testing.assert_allclose(value(teacher), [3.5, -12 / 4, 1])


def test_window_equals_polyfit_over_cost():
    rng = np.random.default_rng(0)
    teacher = TSCLWindow(Discrete(4), seed=0, window=6, per_cost=True)
    arms, scores, costs = rng.integers(0, 4, 80), rng.random(80), rng.random(80) + 0.5
    tell(teacher, arms, scores, costs)
    times = np.cumsum(costs)
    expected = [np.polyfit(times[arms == a][-6:], scores[arms == a][-6:], 1)[0] for a in range(4)]
    np.testing.assert_allclose(value(teacher), expected, rtol=1e-9)


def test_window_on_gains_takes_the_slope_of_their_sum():
    teacher = TSCLWindow(Discrete(2), seed=0, window=3, reward="score", per_cost=True)
    tell(teacher, [0, 1, 0, 1, 0], [9.0, -1.0, 2.0, -4.0, 6.0], [1, 1, 1, 2, 3])
    # arm 0: sums 9, 11, 17 at its own costs 1, 2, 5: polyfit; arm 1: -1, -5 at 1, 3
    np.testing.assert_allclose(value(teacher), [np.polyfit([1, 2, 5], [9, 11, 17], 1)[0], -2])
    assert probabilities(teacher).argmax() == 0  # a negative gain is a harm: -2 is not preferred to 2


def test_sampling_by_hand():
    teacher = TSCLSampling(Discrete(3), seed=0, window=2, policy=("thompson", 0.3))
    tell(teacher, [0, 0, 0, 0, 1, 1], [9.0, 0.0, 0.5, 0.2, 0.0, 0.4])
    np.testing.assert_allclose(
        teacher.state_dict()["algorithm"]["changes"], [[0.5, -0.3], [NAN, 0.4], [NAN] * 2]
    )
    np.testing.assert_allclose(value(teacher), [0.1, 0.4, 1])
    # arm 2 has no change: 1 beats all
    np.testing.assert_allclose(probabilities(teacher), [0.1, 0.1, 0.8], rtol=1e-12)
    tell(teacher, [2, 2, 2], [0.0, 0.0, 0.0])
    # arm 0 draws 0.5 (wins) or 0.3 (loses to arm 1's 0.4), one half each
    np.testing.assert_allclose(probabilities(teacher), [0.45, 0.45, 0.1], rtol=1e-12)
    arms = teacher.ask(20_000).tasks
    np.testing.assert_allclose(np.bincount(arms) / 20_000, [0.45, 0.45, 0.1], atol=4 * 0.5 / np.sqrt(20_000))


def test_sampling_by_the_mean():
    teacher = TSCLSampling(Discrete(2), seed=0, policy=("epsilon", 0.2))
    tell(teacher, [0, 0, 0, 1, 1, 1], [0.0, 4.0, 0.0, 0.0, 1.0, 2.0])
    np.testing.assert_allclose(value(teacher), [0, 1])
    np.testing.assert_allclose(probabilities(teacher), [0.1, 0.9])


@pytest.mark.parametrize("kind", ALL)
def test_an_arm_that_is_forgotten_is_trained_again(kind):
    teacher = kind(Discrete(3), seed=0)
    n = 22
    arms = np.repeat([0, 1, 2], n)
    tell(teacher, arms, np.concatenate([np.full(n, 1.0), np.linspace(1, 0, n), np.full(n, 0.5)]))
    assert probabilities(teacher).argmax() == 1
    other = kind(Discrete(3), seed=0, reward="score")
    tell(other, arms, np.repeat([0.1, -5.0, 0.0], n))
    assert probabilities(other).argmax() == 0


BAD = [
    ({"policy": "greedy"}, "policy: expected one of"),
    ({"reward": "loss"}, "reward: expected one of"),
    ({"final": (9, 0.1)}, "final: expected an arm"),
]


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize(("options", "message"), BAD)
def test_bad_options_are_refused(kind, options, message):
    with pytest.raises(ValueError, match="tscl-.*: " + message):
        kind(Discrete(3), seed=0, **options)


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (TSCLOnline, {"rate": 0.0}, r"tscl-online: rate: expected a step in \(0, 1\], got 0.0"),
        (TSCLOnline, {"policy": "thompson"}, "tscl-online: policy"),
        (TSCLNaive, {"rate": 1.1}, "tscl-naive: rate"),
        (TSCLNaive, {"window": 1}, "tscl-naive: window: expected a whole number of at least 2, got 1"),
        (TSCLWindow, {"window": 1}, "tscl-window: window: expected a whole number of at least 2, got 1"),
        (TSCLSampling, {"window": 0}, "tscl-sampling: window: expected a whole number of at least 1, got 0"),
        (TSCLNaive, {"window": 2.5}, r"window: expected a whole number of at least 2, got 2\.5"),
        (TSCLWindow, {"window": 2.5}, r"window: expected a whole number of at least 2, got 2\.5"),
        (TSCLSampling, {"window": True}, "window: expected a whole number of at least 1, got True"),
        (TSCLWindow, {"policy": ("epsilon",)}, "policy: expected a name, or a name and a number, got"),
    ],
)
def test_own_bad_options_are_refused(kind, options, message):
    with pytest.raises(ValueError, match=message):
        kind(Discrete(3), seed=0, **options)
