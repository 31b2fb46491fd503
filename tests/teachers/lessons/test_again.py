"""AGAIN: steps by reward, time and pool, what is drawn, late rows, a planted student, bad input."""

import numpy as np
import pytest
from curricula import curriculum

from teacherstudent import teachers
from teacherstudent.contract.spaces import Parameters
from teacherstudent.contract.types import Outcomes

SPACE = Parameters(a=(0, 10), b=(-1, 1))
FIT = {"fit_rate": 60, "n_components": (2, 3)}


def make(seed=0, **options):
    return teachers.make("again", SPACE, seed=seed, **{"curriculum": curriculum(SPACE)} | options)


def tell(teacher, asked, score):
    teacher.tell(Outcomes.of(asked, score=np.broadcast_to(score, len(asked)), cost=np.ones(len(asked))))


def unasked(n, score):
    tasks = np.tile([5.0, 0.0], (n, 1))
    return Outcomes(ids=np.full(n, -1), tasks=tasks, score=np.full(n, score), cost=np.ones(n))


def step(teacher):
    return teacher.metrics()["step"]


def test_tasks_come_from_the_present_step_in_proportion_to_alp():
    teacher = make(random_task_ratio=0)
    tasks = teacher.ask(4000).tasks
    first = np.abs(tasks - [10 / 6, -2 / 3]).max(axis=1) < 2.5
    near = np.linalg.norm((tasks - [10 / 6, -2 / 3]) / [10, 2], axis=1) < 0.2
    np.testing.assert_allclose(near.mean(), 0.75, atol=0.03)
    assert first.sum() >= near.sum()
    np.testing.assert_allclose(tasks[near].mean(axis=0), [10 / 6, -2 / 3], atol=0.05)
    np.testing.assert_allclose(tasks[near].std(axis=0), [0.5, 0.1], rtol=0.1)
    found = teacher.snapshot()
    np.testing.assert_allclose(found["weights"], [0.75, 0.25])
    np.testing.assert_allclose(found["means"][0], [10 / 6, -2 / 3, 0.6])


def test_a_share_is_uniform():
    tasks = make(random_task_ratio=1).ask(4000).tasks
    np.testing.assert_allclose(np.histogram(tasks[:, 0], 4, (0, 10))[0] / 4000, 0.25, atol=0.03)


def test_reward_steps_on_when_the_earlier_score_is_passed():
    teacher = make(random_task_ratio=0, episodes=4)
    assert teacher.first_action().rows == 4
    late = teacher.ask(2)
    tell(teacher, teacher.ask(3), 1.0)
    assert step(teacher) == 0  # three of four
    tell(teacher, teacher.ask(1), -2.2)  # mean 0.2
    assert step(teacher) == 0
    tell(teacher, teacher.ask(1), 1.4)  # mean of the last four 0.3: not above
    assert step(teacher) == 0
    tell(teacher, teacher.ask(3), [1.0, 1.0, 9.0])
    assert step(teacher) == 1
    tell(teacher, late, 9.0)  # of the step before
    teacher.tell(unasked(9, 9.0))
    tell(teacher, teacher.ask(3), 9.0)
    assert step(teacher) == 1
    tell(teacher, teacher.ask(1), 9.0)
    assert step(teacher) == 2
    for _ in range(3):
        tell(teacher, teacher.ask(9), 9.0)
    assert step(teacher) == 2  # the last one
    strict = make(random_task_ratio=0, episodes=4, tolerance=4)
    tell(strict, strict.ask(40), 1.0)  # 1.2 is asked for
    assert step(strict) == 0
    scaled = make(random_task_ratio=0, episodes=4, tolerance=4, score_range=(0, 0.5))
    tell(scaled, scaled.ask(40), 1.0)  # 0.3 is 0.6 of the range: 2.4 is asked for
    assert step(scaled) == 0


@pytest.mark.parametrize("size", [1, 5, 60])
def test_batches_make_no_difference(size):
    scores = np.random.default_rng(0).random(60)
    teacher = make(random_task_ratio=0, episodes=6)
    asked = teacher.ask(60)
    whole = Outcomes.of(asked, score=scores, cost=np.ones(60))
    for start in range(0, 60, size):
        teacher.tell(whole.select(slice(start, start + size)))
    means = np.convolve(scores, np.ones(6) / 6, "valid")
    assert step(teacher) == int((means > 0.3).any())


def test_time_goes_by_the_episodes_of_the_earlier_run():
    teacher = make(step="time")
    assert teacher.first_action().rows == 40
    teacher.tell(unasked(39, 0.0))
    assert step(teacher) == 0
    tell(teacher, teacher.ask(1), 0.0)
    assert step(teacher) == 1
    teacher.tell(unasked(1000, 0.0))
    assert step(teacher) == 2
    fixed = make(step="time", episodes=10)
    fixed.tell(unasked(19, 0.0))
    assert step(fixed) == 1
    bare = curriculum(SPACE)
    del bare["episodes"], bare["scores"]
    assert make(step="time", curriculum=bare).first_action().rows == 250


def test_a_pool_holds_all_steps():
    teacher = make(step="pool", random_task_ratio=0)
    found = teacher.snapshot()
    np.testing.assert_allclose(found["weights"], np.array([3, 1, 3, 1, 3, 1]) / 12)
    assert teacher.first_action().rows == 250
    tell(teacher, teacher.ask(100), 1.0)
    assert step(teacher) == 0


def test_alp_gmm_explores_beside_it():
    """Scores change at high a alone, which the curriculum never visits: ALP-GMM brings it there."""
    options = {"step": "time", "episodes": 10**6, "alp_gmm": FIT}
    for exploration, least, most in ((None, 0.2, 1.0), (0.5, 0.48, 0.52), (0.0, 0.0, 0.0)):
        teacher = make(random_task_ratio=0.2, exploration=exploration, **options)
        rng = np.random.default_rng(0)
        for _ in range(12):
            asked = teacher.ask(50)
            tell(teacher, asked, np.where(asked.tasks[:, 0] > 8, rng.random(50) * 3, 0.0))
        assert least <= 1 - teacher.metrics()["followed"] <= most + 1e-9
        share = (teacher.ask(2000).tasks[:, 0] > 8).mean()
        assert (share > 0.1) == (exploration != 0.0)


def rounds(teacher):
    """Return how long a student takes that learns from tasks just within its reach alone."""
    skill = 0.1
    count = 0
    while skill <= 0.8 and count < 1000:
        asked = teacher.ask(20)
        a = asked.tasks[:, 0] / 10
        tell(teacher, asked, (a < skill + 0.1).astype(float))
        skill += 0.0015 * (np.abs(a - skill) < 0.1).sum()
        count += 1
    return count


def test_a_student_goes_the_way_again():
    way = curriculum(SPACE, steps=5) | {"scores": [0.7] * 5}
    ours = [rounds(make(seed, curriculum=way, episodes=10)) for seed in range(3)]
    uniform = [rounds(teachers.make("random", SPACE, seed=seed)) for seed in range(3)]
    assert max(ours) < 0.85 * min(uniform)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"curriculum": None}, ValueError, "curriculum: expected the mixtures of an earlier run"),
        ({"step": "R"}, ValueError, r"step: expected one of \['reward', 'time', 'pool'\], got 'R'"),
        ({"episodes": 0}, ValueError, "episodes: expected a whole number of at least 1"),
        ({"tolerance": -1}, ValueError, "tolerance: expected a finite number of at least 0"),
        ({"exploration": 2}, ValueError, "exploration: expected a finite number"),
        ({"random_task_ratio": -1}, ValueError, "random_task_ratio: expected a finite number"),
        ({"alp_gmm": {"seed": 1}}, TypeError, "alp_gmm: expected no 'seed'"),
        ({"alp_gmm": {"fitrate": 1}}, TypeError, "alp_gmm: expected options among"),
        ({"alp_gmm": {"fit_rate": 0}}, ValueError, "fit_rate: expected a whole number"),
    ],
)
def test_bad_options(options, error, message):
    with pytest.raises(error, match=message):
        make(**options)


def test_reward_needs_scores():
    bare = curriculum(SPACE)
    del bare["scores"]
    with pytest.raises(ValueError, match="expected scores, one for each step, with step='reward', got none"):
        make(curriculum=bare)


@pytest.mark.parametrize("change", [{"now": 3}, {"told": -1}, {"scores": np.zeros(51)}])
def test_damaged_states_are_refused(change):
    teacher = make()
    state = teacher.state_dict()
    rule = state["algorithm"]["rule"] | change
    with pytest.raises(ValueError, match=next(iter(change))):
        teacher.load_state_dict(state | {"algorithm": state["algorithm"] | {"rule": rule}})
