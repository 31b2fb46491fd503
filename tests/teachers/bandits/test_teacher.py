"""What all bandits over discrete tasks have in common."""

import itertools
import time
import tracemalloc

import gymnasium as gym
import numpy as np
import pytest

from teacherstudent import Experiment, Plan, family_from_gymnasium, teachers
from teacherstudent.contract.spaces import Discrete
from teacherstudent.contract.types import Outcomes
from teacherstudent.envs import register
from teacherstudent.recording.runs import Run
from teacherstudent.testing import check_teacher
from teacherstudent.testing.sessions import difference

QUICK = {
    "exp3s": {"eta": 0.3, "epsilon": 0.1},
    "tscl-online": {"rate": 0.5},
    "tscl-naive": {"window": 4, "rate": 1.0},
}
"""Options that decide within some hundred outcomes."""
BANDITS = ("exp3s", "tscl-online", "tscl-naive", "tscl-window", "tscl-sampling", "progress-thompson")
GAIN = {"reward": "score"}
every = pytest.mark.parametrize("name", BANDITS)


def make(name, k=5, seed=0, **options):
    return teachers.make(name, Discrete(k), seed=seed, **options)


def teach(teacher, gains, steps, rng, deviation=0.3):
    """Play one arm after the other and return the arms."""
    arms = np.empty(steps, int)
    for i in range(steps):
        asked = teacher.ask(progress=i / steps)
        arms[i] = asked.tasks[0]
        score = gains[arms[i]] + deviation * rng.standard_normal(1)
        signals = {"score_se": np.full(1, deviation)}
        teacher.tell(
            Outcomes(ids=asked.ids, tasks=asked.tasks, score=score, cost=np.ones(1), signals=signals)
        )
    return arms


@every
@pytest.mark.parametrize(
    "options",
    [
        {"reward": "score", "per_cost": True, "moves": "advance", "final": [-1, 0.3]},
        {"reward": "shared", "per_cost": False},
    ],
)
def test_contract_with_options(name, options):
    check_teacher(lambda seed: make(name, 4, seed, **options))


@pytest.mark.parametrize("name", ["tscl-online", "tscl-naive", "tscl-window", "tscl-sampling"])
def test_contract_with_boltzmann(name):
    check_teacher(lambda seed: make(name, 4, seed, policy="boltzmann", score_range=(0.0, 1.0)))


@every
@pytest.mark.parametrize("reward", ["score", "progress", "signed", "shared"])
def test_a_batch_told_at_once_equals_its_rows(name, reward):
    rng = np.random.default_rng([0, 1])
    batch, single = (make(name, reward=reward, per_cost=True) for _ in range(2))
    for _ in range(3):
        asked, again = batch.ask(33), single.ask(33)
        assert asked.tasks.tolist() == again.tasks.tolist()
        told = Outcomes(ids=asked.ids, tasks=asked.tasks, score=rng.random(33), cost=rng.random(33))
        told = told.select(rng.permutation(33))
        batch.tell(told)
        for i in range(33):
            single.tell(told.select(slice(i, i + 1)))
    assert difference(batch.state_dict(), single.state_dict()) is None


@every
@pytest.mark.parametrize("moves", ["free", "advance"])
def test_propensities_weigh_rows_as_off_policy_evaluation_needs_them(name, moves):
    rng = np.random.default_rng(3)
    teacher = make(name, 4, reward="score", moves=moves, **QUICK.get(name, {}))
    teach(teacher, np.array([0.0, 1.0, 1.2, 0.4]), 40, rng)
    while name == "tscl-naive" and teacher.state_dict()["algorithm"]["rest"]:  # to the end of a block
        teacher.ask()
    allowed = teacher.snapshot()["probabilities"] > 0
    asked = teacher.ask(40_000)
    propensity = asked.notes["propensity"]
    if name == "tscl-naive":
        assert (propensity.reshape(-1, 4)[:, 1:] == 1).all()
        propensity, arms = propensity[::4], asked.tasks[::4]
    else:
        arms = asked.tasks
    for arm in np.flatnonzero(allowed):
        weights = np.where(arms == arm, 1 / propensity, 0.0)  # of mean 1
        slack = 0.02 if name == "progress-thompson" else 0.0  # of an estimate
        played = np.mean(arms == arm)
        if played > 0.02:
            assert weights.mean() == pytest.approx(1, abs=slack + 5 * weights.std() / np.sqrt(len(arms)))
        else:
            assert propensity[arms == arm].max(initial=0) < 0.05


@every
def test_identical_arms_have_no_order(name):
    shares = []
    for seed in range(60):
        rng = np.random.default_rng([seed, 1])  # not the teacher's own stream
        arms = teach(make(name, 4, seed, **GAIN, **QUICK.get(name, {})), np.ones(4), 40, rng)
        shares.append(np.bincount(arms, minlength=4) / 40)
    mean, error = np.mean(shares, axis=0), np.std(shares, axis=0, ddof=1) / np.sqrt(60)
    assert (np.abs(mean - 0.25) < 4 * error).all(), mean


@every
def test_a_useless_arm_is_left(name):
    """Its share falls below 2 epsilon / k; that of progress-thompson, which has no epsilon, below 0.04."""
    gains = np.array([1.0, 1.0, 0.0, 1.0, 1.0])
    fresh = [make(name, 5, seed, **GAIN, **QUICK.get(name, {})) for seed in range(8)]
    rng = np.random.default_rng([0, 1])
    late = np.array([teach(teacher, gains, 300, rng)[100:] for teacher in fresh])
    assert np.mean(late == 2) < 2 * 0.1 / 5


@every
def test_the_best_of_arms_is_preferred(name):
    gains = np.array([0.0, 0.0, 0.0, 1.0])
    arms = teach(make(name, 4, 0, **GAIN, **QUICK.get(name, {})), gains, 400, np.random.default_rng([0, 1]))
    assert np.mean(arms[200:] == 3) > 0.6


@every
def test_advance_moves_one_arm_at_a_time_and_reaches_the_end(name):
    gains = np.array([0.0, 0.5, 1.0, 1.5, 2.0])
    teacher = make(name, 5, 1, moves="advance", **GAIN, **QUICK.get(name, {}))
    arms = teach(teacher, gains, 400, np.random.default_rng([1, 1]))
    assert arms[0] <= 1
    assert np.abs(np.diff(arms)).max() == 1
    assert np.mean(arms[200:]) > 2.5
    p = teacher.snapshot()["probabilities"]
    assert p[np.abs(np.arange(5) - arms[-1]) > 1].max() == 0
    assert p.sum() == pytest.approx(1)


def test_advance_holds_from_ask_to_ask():
    teacher = make("exp3s", 5, 0, moves="advance", eta=1e-9, **GAIN)
    position = 0
    for _ in range(30):
        arms = teacher.ask(40).tasks
        assert np.abs(arms - position).max() == 1
        assert np.abs(np.diff(arms)).max() == (2 if 0 < position < 4 else 1)
        position = arms[-1]


@every
def test_the_final_arm_is_forced(name):
    teacher = make(name, 5, 0, final=(-2, 0.4), **GAIN)
    arms = teach(teacher, np.array([5.0, 0, 0, 0, 0]), 50, np.random.default_rng([0, 1]))
    assert (arms[30:] == 3).all()
    assert np.mean(arms[:30] == 3) < 0.8
    assert teacher.snapshot()["probabilities"].tolist() == [0, 0, 0, 1, 0]


@every
def test_snapshot_and_metrics_have_one_form(name):
    teacher = make(name, 3, 0)
    for _ in range(2):
        found, metrics = teacher.snapshot(), teacher.metrics()
        assert {"tasks", "probabilities", "value", "told"} <= found.keys()
        assert all(column.shape == (3,) for column in found.values())
        assert found["probabilities"].sum() == pytest.approx(1)
        assert {"arm_likeliest", "arm_mean", "arm_entropy"} <= metrics.keys()
        assert 0 <= metrics["arm_entropy"] <= 1 + 1e-12
        teach(teacher, np.array([0.0, 1.0, 2.0]), 30, np.random.default_rng([0, 1]))
    assert found["told"].sum() == 30


@every
def test_one_arm_is_a_legal_choice(name):
    teacher = make(name, 1, 0, moves="advance", final=(0, 0.5))
    assert (teach(teacher, np.ones(1), 20, np.random.default_rng([0, 1])) == 0).all()
    assert teacher.metrics()["arm_entropy"] == 0


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("tscl-sampling", {}),
        ("tscl-sampling", {"reward": "score", "policy": ("thompson", 0.0)}),
        ("progress-thompson", {}),
        ("progress-thompson", {"reward": "score", "common": 1.0}),
        ("progress-thompson", {"common": 0.0}),
    ],
)
@pytest.mark.parametrize("binary", [True, False])
def test_what_is_logged_is_how_often_an_arm_is_drawn(name, options, binary):
    """Over many asks in one state: each logs its own estimate, so that their mean has no error left."""
    teacher, rng = make(name, 6, 1, **options), np.random.default_rng(3)
    for i in range(60):
        asked = teacher.ask(4)
        score = 0.02 * i * (1 + 0.15 * asked.tasks) / 6 + 0.3 * rng.standard_normal(4)
        score = (score > 0).astype(float) if binary else score
        teacher.tell(Outcomes(ids=asked.ids, tasks=asked.tasks, score=score, cost=np.ones(4)))
    asks, n = 50, 4000
    drawn, logged = np.zeros(6), [[] for _ in range(6)]
    for _ in range(asks):
        asked = teacher.ask(n)
        propensity = asked.notes["propensity"]
        drawn += np.bincount(asked.tasks, minlength=6)
        for arm in range(6):
            logged[arm] += propensity[asked.tasks == arm][:1].tolist()
    share = drawn / drawn.sum()
    for arm in np.flatnonzero(share > 0.001):
        assert np.mean(logged[arm]) == pytest.approx(share[arm], abs=5 * np.sqrt(share[arm] / drawn.sum()))
        # An estimate is close in every single ask, and not the same one.
        assert np.std(logged[arm]) < 0.005
    if name == "tscl-sampling" or options.get("common") == 0.0:
        assert max(np.std(p) for p in logged if p) < 1e-12
    elif binary is False:
        assert max(np.std(p) for p in logged if p) > 1e-6


@every
def test_thousands_of_arms_are_fast_and_a_million_fit_into_memory(name):
    rng = np.random.default_rng(0)
    teacher = make(name, 1500)
    for _ in range(60):  # every arm has been played, twice by most bandits
        asked = teacher.ask(64)
        teacher.tell(Outcomes(ids=asked.ids, tasks=asked.tasks, score=rng.random(64), cost=np.ones(64)))
    start = time.process_time()
    asked = teacher.ask(64)
    teacher.tell(Outcomes(ids=asked.ids, tasks=asked.tasks, score=rng.random(64), cost=np.ones(64)))
    assert time.process_time() - start < 2  # 0.02 to 0.3 s where nothing else runs; 5 to 20 s for the square
    tracemalloc.start()
    teacher = make(name, 1_000_000)
    asked = teacher.ask(3)
    teacher.tell(Outcomes(ids=asked.ids, tasks=asked.tasks, score=rng.random(3), cost=np.ones(3)))
    assert set(teacher.ask(2).tasks.tolist()) <= set(range(1_000_000))
    assert tracemalloc.get_traced_memory()[1] < 2e9
    tracemalloc.stop()


@every
@pytest.mark.parametrize("size", [1e100, 1e155, 1.7e308])
def test_huge_scores_are_taken_or_refused_by_row(name, size):
    for reward, shape in itertools.product(("progress", "score", "shared"), ("one", "signs", "always")):
        teacher, rng = make(name, 4, reward=reward, per_cost=False), np.random.default_rng(0)
        with np.errstate(all="ignore"):
            for i in range(12):
                asked, score = teacher.ask(25), rng.random(25)
                if shape == "always":
                    score[:] = -size
                elif i == 4:
                    score[3:] = size if shape == "one" else np.resize([size, -size], 22)
                told = Outcomes(ids=asked.ids, tasks=asked.tasks, score=score, cost=np.ones(25))
                if np.abs(score).max() <= 1e100:
                    teacher.tell(told)
                    continue
                before = teacher.state_dict()
                with pytest.raises(ValueError, match=r"row [03] \(id .*expected a score within 1e\+100"):
                    teacher.tell(told)
                assert difference(before, teacher.state_dict()) is None
                teacher.drop(asked.ids)
            assert np.isfinite(teacher.snapshot()["probabilities"]).all()
            assert np.isfinite(list(teacher.metrics().values())).all()


class Lanes(gym.Env):
    """Episodes of ten steps whose reward is the number of the task, where the action is right."""

    observation_space = gym.spaces.Box(-1, 1, (2,), np.float32)
    action_space = gym.spaces.Discrete(2)
    task_space = Discrete(4)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.task, self.left = int(options["task"]), 10
        return self.observation_space.sample() * 0, {}

    def step(self, action):
        self.left -= 1
        return np.zeros(2, np.float32), float(self.task * action), self.left == 0, False, {}


@register("lanes-of-test-bandits")
def lanes():
    """Return the family of `Lanes`."""
    return family_from_gymnasium(Lanes)


@pytest.mark.parametrize("name", ["exp3s", "progress-thompson"])
def test_reinforcement_learning_with_discrete_tasks_is_taught_and_recorded(name, tmp_path):
    experiment = Experiment(
        teacher=name,
        family="lanes-of-test-bandits",
        plan=Plan(budget=1_000, test_every=500),
        student_options={"n_envs": 4, "options": {"n_steps": 64}},
    )
    experiment.run(tmp_path / "run")
    records = Run.load(tmp_path / "run").records()
    last = records[-1]["snapshot"]
    assert last["probabilities"].shape == last["value"].shape == (4,)
    assert last["probabilities"].sum() == pytest.approx(1)
    assert last["told"].sum() >= 1_000 / 10 - 4
    episodes = Run.load(tmp_path / "run").episodes()
    asked = episodes["propensity"][episodes["id"] >= 0]
    assert len(asked) > 0
    assert ((asked > 0) & (asked <= 1)).all()
