import numpy as np
import pytest
from bandit_teachers import NAN, same

from teacherstudent.contract.spaces import Discrete
from teacherstudent.contract.stored.saved import difference
from teacherstudent.contract.types import Outcomes
from teacherstudent.teachers.bandits.arms import Arms, Rules, push, slopes


def rules(**options):
    return Rules(**({"reward": "progress", "per_cost": False, "moves": "free", "final": None} | options))


def make(k=3, start=0, **options):
    return Arms(Discrete(k, start=start), rules(**options), "who")


def rows(tasks, score, cost=None):
    cost = np.ones(len(tasks)) if cost is None else cost
    return Outcomes(ids=np.full(len(tasks), -1), tasks=np.array(tasks), score=score, cost=cost)


def test_progress_by_hand():
    arms = make(start=2)
    told = arms.take(rows([2, 4, 2, 2, 4], [1.0, 10.0, 3.0, 2.0, 14.0]))
    assert told.arm.tolist() == [0, 2, 0, 0, 2]
    same(told.gain, [NAN, NAN, 2, -1, 4])
    same(told.time, [1, 2, 3, 4, 5])
    same(told.curve, [1, 10, 3, 2, 14])
    told = arms.take(rows([4, 3, 2], [15.0, 7.0, 2.5]))
    same(told.gain, [1, NAN, 0.5])
    same(told.time, [6, 7, 8])
    assert arms.told.tolist() == [4, 1, 3]


def test_shared_progress_by_hand():
    told = make(reward="shared").take(rows([0, 2, 0, 2], [1.0, 4.0, 3.0, 5.0]))
    same(told.gain, [NAN, 3, -1, 2])
    same(told.curve, [NAN, 3, -1, 5])  # sums of the arm's own gains: 3 and 3 + 2 of arm 2, -1 of arm 0
    same(told.time, [0, 1, 1, 2])


def test_gains_per_cost_by_hand():
    arms = make(reward="score", per_cost=True)
    told = arms.take(rows([0, 1, 0, 0], [6.0, 1.0, 3.0, 9.0], [2.0, 4.0, 0.0, 3.0]))
    same(told.gain, [3, 0.25, NAN, 3])  # cost 0 trained nothing
    same(told.time, [2, 4, 2, 5])
    same(told.curve, [6, 1, NAN, 15])
    arms = make(per_cost=True)
    told = arms.take(rows([0, 0, 0], [6.0, 8.0, 2.0], [2.0, 0.0, 3.0]))
    same(told.gain, [NAN, NAN, -2])  # 2 - 8 over 3: the measured 8 is what the next is compared with
    same(told.time, [2, 2, 5])


def test_levels_are_clipped_to_the_range_and_gains_are_divided_by_its_width():
    told = make(score_range=(10, 20)).take(rows([0, 0, 0], [5.0, 12.0, 30.0]))
    same(told.curve, [0, 0.2, 1])
    np.testing.assert_allclose(told.gain[1:], [0.2, 0.8])
    told = make(reward="score", score_range=(10, 20)).take(rows([0, 0], [0.0, -5.0]))
    same(told.gain, [0, -0.5])


@pytest.mark.parametrize("reward", ["score", "progress", "shared"])
@pytest.mark.parametrize("per_cost", [False, True])
def test_a_batch_equals_its_rows(reward, per_cost):
    rng = np.random.default_rng(0)
    batch, single = (make(reward=reward, per_cost=per_cost) for _ in range(2))
    outcomes = rows(rng.integers(0, 3, 40), rng.random(40), rng.random(40) * (rng.random(40) < 0.8))
    told = [batch.take(outcomes.select(slice(0, 17))), batch.take(outcomes.select(slice(17, 40)))]
    alone = [single.take(outcomes.select(slice(i, i + 1))) for i in range(40)]
    for name in ("arm", "gain", "time", "curve"):
        one, two = (np.concatenate([getattr(t, name) for t in parts]) for parts in (told, alone))
        np.testing.assert_array_equal(one, two)
    state, other = batch.state(), single.state()
    for key in state:
        np.testing.assert_array_equal(state[key], other[key])


def test_advance_allows_neighbours_and_starts_at_the_first_arm():
    arms = make(5, moves="advance")
    assert arms.allowed(0.0).tolist() == [True, True, False, False, False]
    arms.hand(np.array([7, 8]), np.array([1, 2]), 0.0, np.ones(2))
    assert arms.allowed(0.0).tolist() == [False, True, True, True, False]
    arms.hand(np.array([9]), np.array([4]), 0.0, np.ones(1))
    assert arms.allowed(0.0).tolist() == [False, False, False, True, True]
    assert make(5).allowed(0.0).all()


def test_the_final_arm_is_forced_for_the_final_share():
    for final, arm in (((-1, 0.25), 3), ([1, 0.25], 1)):
        for moves in ("free", "advance"):
            arms = make(4, final=final, moves=moves)
            assert np.flatnonzero(arms.allowed(0.75)).tolist() == [arm]
            assert np.flatnonzero(arms.allowed(1.0)).tolist() == [arm]
            assert arms.allowed(0.7499).sum() > 1
    assert make(4, final=(-1, 0.0)).allowed(1.0).all()


def test_tasks_carry_the_start_and_dtype_of_the_space():
    asked = make(3, start=-4).hand(np.array([0, 1]), np.array([2, 0]), 0.5, np.ones(2))
    assert asked.tasks.tolist() == [-2, -4]
    assert asked.tasks.dtype == Discrete(3).dtype


def test_only_progress_is_taken_absolute():
    values = np.array([-2.0, 1.0])
    same(make().appeal(values), [2, 1])
    same(make(reward="score").appeal(values), values)
    same(make(reward="shared").appeal(values), values)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"reward": "return"}, r"who: reward: expected one of .*, got 'return'"),
        ({"moves": "back"}, r"who: moves: expected one of .*, got 'back'"),
        ({"score_range": (1.0, 1.0)}, r"who: score_range: expected finite low < high, got \(1.0, 1.0\)"),
        ({"score_range": (0.0, np.inf)}, "score_range: expected finite"),
        ({"final": (3, 0.1)}, "who: final: expected an arm from -3 to 2, got 3"),
        ({"final": (-4, 0.1)}, "final: expected an arm from -3 to 2, got -4"),
        ({"final": (0.5, 0.1)}, "final: expected an arm and a share"),
        ({"final": (0, 0.1, 1)}, "final: expected an arm and a share"),
        ({"final": 0.4}, r"who: final: expected an arm and a share of the budget, got 0\.4"),
        ({"final": ("a", 0.4)}, "final: expected an arm and a share"),
        ({"final": (0, None)}, "final: expected an arm and a share"),
        ({"score_range": 3.0}, r"who: score_range: expected finite low < high, got 3\.0"),
        ({"final": (0, 1.1)}, r"who: final: expected a share in \[0, 1\], got 1.1"),
    ],
)
def test_bad_rules_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        make(**options)


def test_slopes_equal_numpy_polyfit():
    rng = np.random.default_rng(0)
    times, curves = 1e5 + 100 * rng.random((30, 8)), rng.standard_normal((30, 8))
    there = rng.integers(2, 9, 30)
    curves[np.arange(8) < 8 - there[:, None]] = np.nan
    expected = [np.polyfit(t[-n:] - 1e5, y[-n:], 1)[0] for t, y, n in zip(times, curves, there, strict=True)]
    np.testing.assert_allclose(slopes(times, curves), expected, rtol=1e-7)


def test_slopes_of_few_points():
    times = np.array([[NAN, NAN, NAN], [NAN, NAN, 5], [NAN, 2, 4], [3, 3, 3]])
    curves = np.array([[NAN, NAN, NAN], [NAN, NAN, 5], [NAN, 1, 7], [1, 2, 3]])
    same(slopes(times, curves), [1, 1, 3, 0])


def test_push_keeps_the_newest():
    fifo = np.full((3, 3), NAN)
    push(fifo, np.array([0, 2, 0]), np.array([1.0, 2.0, 3.0]))
    same(fifo, [[NAN, 1, 3], [NAN] * 3, [NAN, NAN, 2]])
    push(fifo, np.array([0, 2, 0, 0, 0]), np.array([4.0, 5.0, 6.0, 7.0, 8.0]))
    same(fifo, [[6, 7, 8], [NAN] * 3, [NAN, 2, 5]])


def test_push_equals_a_plain_loop():
    rng = np.random.default_rng(0)
    fifo, plain = np.full((6, 4), NAN), [[] for _ in range(6)]
    for n in (0, 1, 3, 30, 5, 100):
        arms, values = rng.integers(0, 6, n), rng.random(n)
        push(fifo, arms, values)
        for a, value in zip(arms.tolist(), values.tolist(), strict=True):
            plain[a] = (plain[a] + [value])[-4:]
        same(fifo, [[NAN] * (4 - len(row)) + row for row in plain])


@pytest.mark.parametrize(
    ("options", "score", "cost", "message"),
    [
        (
            {"reward": "score", "per_cost": True},
            [1.0, 1e100],
            [1.0, 1e-90],
            "row 1 .*a reward within 1e.120, got 1e",
        ),
        (
            {"reward": "score", "per_cost": True},
            [1.0, 1.0],
            [1.0, 1e-101],
            "row 1 .*cost of 0 or at least 1e-100",
        ),
        (
            {"reward": "progress", "per_cost": True},
            [-1e100, 1e100],
            [1.0, 1e-50],
            "row 1 .*a reward within 1e",
        ),
        ({"reward": "shared", "per_cost": True}, [-1e100, 1e100], [1.0, 1e-50], "row 1 .*a reward within 1e"),
        ({"reward": "score", "score_range": (0.0, 5e-324)}, [0.0, -1e100], [1.0, 1.0], "row 1 .*got -inf"),
    ],
)
def test_rewards_beyond_any_use_are_refused_by_row_and_nothing_changes(options, score, cost, message):
    arms = make(**options)
    arms.hand(np.array([0, 1]), np.array([2, 2]), 0.0, np.ones(2))
    before = arms.state()
    told = Outcomes(ids=np.array([0, 1]), tasks=np.array([2, 2]), score=score, cost=cost)
    with pytest.raises(ValueError, match="who: " + message):
        arms.take(told)
    assert difference(before, arms.state()) is None
    arms.take(rows([2, 1], [0.0, 0.0]))


def test_many_rows_of_many_arms_equal_a_plain_loop():
    rng = np.random.default_rng(1)
    for reward in ("progress", "score", "shared"):
        arms, last, clock, total, previous = make(40, reward=reward, per_cost=True), {}, {}, {}, None
        for n in (1, 7, 200):
            arm, score, cost = rng.integers(0, 40, n), rng.random(n), rng.random(n)
            told = arms.take(rows(arm, score, cost))
            for i, a in enumerate(arm.tolist()):
                before = {"progress": last.get(a), "score": 0.0, "shared": previous}[reward]
                if before is None:
                    assert np.isnan(told.gain[i])
                else:
                    assert told.gain[i] == (score[i] - before) / cost[i]
                    clock[a], total[a] = clock.get(a, 0.0) + cost[i], total.get(a, 0.0) + (score[i] - before)
                if reward != "progress" and before is not None:
                    assert (told.time[i], told.curve[i]) == (clock[a], total[a])
                last[a] = previous = score[i]


@pytest.mark.parametrize(
    ("entry", "value"),
    [
        ("position", 3), ("position", -1), ("progress", 2.0), ("told", np.array([0, -1, 0])),
        ("last", np.array([0.0, np.inf, 1.0])), ("clock", np.array([0.0, NAN, 1.0])), ("total", -1.0),
        ("sum", np.array([0.0, 1.0])), ("asked", np.array([4, 4])), ("asked", np.array([-4, 4])),
        ("propensity", np.array([0.0, 0.5])), ("propensity", np.array([0.5])),
        ("propensity", np.array([1.5, 1])),
    ],
)  # fmt: skip
def test_a_damaged_state_is_refused(entry, value):
    arms = make()
    arms.hand(np.array([4, 5]), np.array([0, 1]), 0.0, np.array([0.2, 0.3]))
    state = arms.state()
    make().load(state)
    with pytest.raises(ValueError, match="who: arms"):
        make().load(state | {entry: value})


def test_propensities_are_kept_until_they_are_told_or_dropped():
    arms = make()
    arms.hand(np.array([4, 5, 6]), np.array([0, 1, 0]), 0.0, np.array([0.2, 0.3, 0.5]))
    same(arms.propensity(np.array([6, -1, 4])), [0.5, NAN, 0.2])
    told = arms.take(
        Outcomes(ids=np.array([5, -1]), tasks=np.array([1, 1]), score=np.ones(2), cost=np.ones(2))
    )
    same(told.propensity, [0.3, NAN])
    arms.drop(np.array([4]))
    assert arms.state()["asked"].tolist() == [6]
    other = make()
    other.load(arms.state())
    same(other.propensity(np.array([4, 5, 6])), [NAN, NAN, 0.5])
