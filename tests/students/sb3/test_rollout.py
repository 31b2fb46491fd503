"""The stable-baselines3 student bound for rollouts."""

import numpy as np
import pytest
import torch
from binding import CHUNKS, EPISODES, all_of
from bound_sb3 import OPTIONS, Noisy, bound
from gymnasium.spaces import Box
from gymnasium.spaces import Dict as DictSpace
from stable_baselines3 import PPO

from reaching import Steps, assign, steps
from teacherstudent.contract.accounts.plan import Plan
from teacherstudent.contract.demand import Demand
from teacherstudent.contract.purposes import purposes
from teacherstudent.contract.spaces import Parameters, sample
from teacherstudent.contract.teacher import Teacher
from teacherstudent.contract.types import Assignment, seed_sequence
from teacherstudent.networks.state import PrivateGenerators
from teacherstudent.recording.runs import Run
from teacherstudent.running.before.fit import check_fit
from teacherstudent.running.loop import run
from teacherstudent.students.sb3.student import SB3Student
from teacherstudent.students.sb3.vec_env import TaskVecEnv
from teacherstudent.testing.sessions import difference
from teacherstudent.testing.students import check_student


def weights(student):
    return {name: p.detach().clone() for name, p in student.model.policy.state_dict().items()}


def assert_equal(mine, theirs):
    assert mine.keys() == theirs.keys()
    for name in mine:
        assert torch.equal(mine[name], theirs[name]), name


@pytest.mark.parametrize("normalize", [False, True])
def test_contract(cartpole, normalize):
    check_student(
        lambda seed: SB3Student(cartpole, seed=seed, n_envs=4, normalize=normalize, options=OPTIONS),
        cartpole,
        rounds=2,
    )


@pytest.mark.parametrize(
    "options",
    [
        {"algorithm": "A2C", "options": {"n_steps": 16}},
        {"options": {**OPTIONS, "use_sde": True, "sde_sample_freq": 4}, "normalize": True},
    ],
)
def test_contract_without_snapshots_is_exact_when_bound(options):
    family = steps(Noisy)

    def make(seed):
        return SB3Student(family, seed=seed, n_envs=3, **options)

    check_student(make, family, rounds=2, exact=False)


def test_one_level_for_ever_is_plain_ppo_bit_for_bit():
    """Episodes whose length divides the rollout's, and no randomness in them: nothing is cut or drawn."""
    family = steps()
    level = np.array([[0.4]])
    student = bound(family, seed=5)
    for k in range(3):
        tasks = np.repeat(level, 4, axis=0)
        student.train(Assignment(ids=np.arange(4 * k, 4 * k + 4), tasks=tasks))

    number = int(seed_sequence(5).spawn(3)[0].generate_state(1)[0]) % 2**31
    slots = TaskVecEnv(family.make_vec(4), lambda n: (np.full(n, -1), np.repeat(level, n, axis=0)), seed=0)
    with PrivateGenerators(number).active():
        plain = PPO("MlpPolicy", slots, seed=number, **OPTIONS)
        plain.learn(3 * 4 * 32)
    assert_equal(weights(student), plain.policy.state_dict())
    assert student.spent()["updates"] == 3 * 2 * 4


@pytest.mark.parametrize("normalize", [False, True])
def test_measuring_leaves_everything_as_it_is(normalize):
    family = steps(Noisy)
    student = bound(family, normalize=normalize)
    student.train(assign(student, family))
    before = student.state_dict()["algorithm"]
    spent = student.spent()
    outcomes = student.train(assign(student, family, first=4, learn=False))
    after = student.state_dict()["algorithm"]
    assert after["counters"].pop("num_timesteps") == before["counters"].pop("num_timesteps") + 128
    if normalize:  # scratch of the rollout that was just played
        for state in (before, after):
            for name in ("returns", "old_obs", "old_reward"):
                del state["normalize"][name]
        assert before["moments"]["ret"]["count"] > 100
    assert difference(after, before) is None
    assert student.spent()["measure"] == spent["measure"] + 128 == outcomes.cost.sum()
    assert student.spent()["train"] == spent["train"] == 128
    assert student.spent()["updates"] == spent["updates"]
    assert np.isfinite(outcomes.signals["value_l1"]).all()


def test_rows_that_are_measured_play_as_those_that_are_learnt():
    family = steps(Noisy)
    one, two = bound(family), bound(family)
    learnt = one.train(assign(one, family))
    measured = two.train(assign(two, family, learn=[True, False, True, False]))
    assert learnt.score.tolist() == measured.score.tolist()
    for name in learnt.signals:
        assert learnt.signals[name].tolist() == measured.signals[name].tolist()


@pytest.mark.parametrize("algorithm", ["PPO", "A2C"])
def test_the_update_sees_the_learnt_columns_only(algorithm, monkeypatch):
    family = steps(Noisy)
    learn = np.array([True, False, True, False])
    options = {"algorithm": algorithm, "options": OPTIONS if algorithm == "PPO" else {"n_steps": 16}}
    honest, spoilt, whole = (bound(family, **options) for _ in range(3))
    honest.train(assign(honest, family, learn=learn))
    collect = type(spoilt.model).collect_rollouts

    def spoil(self, env, callback, buffer, n_rollout_steps):
        done = collect(self, env, callback, buffer, n_rollout_steps)
        for name in ("observations", "actions", "advantages", "returns", "values", "log_probs"):
            getattr(buffer, name)[:, ~learn] = np.nan
        return done

    monkeypatch.setattr(type(spoilt.model), "collect_rollouts", spoil)
    spoilt.train(assign(spoilt, family, learn=learn))
    monkeypatch.undo()
    assert_equal(weights(spoilt), weights(honest))
    whole.train(assign(whole, family))
    with pytest.raises(AssertionError):
        assert_equal(weights(whole), weights(honest))
    samples = len(honest.model.rollout_buffer.advantages)
    assert samples == honest.model.n_steps, "the buffer must be whole again"


def test_fewer_learnt_rows_mean_fewer_minibatches(cartpole):
    student = bound(cartpole)
    student.train(assign(student, cartpole, learn=[True, False, False, False]))
    assert student.spent()["updates"] == 2 * (32 // 32)
    assert student.spent() | {"environment_seconds": 0} == {
        "train": 32.0,
        "measure": 96.0,
        "updates": 2.0,
        "environment_seconds": 0,
    }


def test_normalisation_follows_the_learnt_rows(cartpole):
    one, two = bound(cartpole, normalize=True), bound(cartpole, normalize=True)
    one.train(assign(one, cartpole, learn=[True, True, False, False]))
    rms = one.model.get_vec_normalize_env()
    assert rms.obs_rms.count == pytest.approx(2 * 33, abs=1e-3)  # and the start
    assert rms.ret_rms.count == pytest.approx(2 * 32, abs=1e-3)
    two.train(assign(two, cartpole))
    assert two.model.get_vec_normalize_env().obs_rms.count == pytest.approx(4 * 33, abs=1e-3)


def test_rewards_that_are_normalised_leave_scores_and_mean_values_in_their_units():
    family = steps(Noisy)
    student = bound(family, normalize=True)
    found = student.train(assign(student, family))
    assert (found.score < 0).all()
    slots, buffer = student._bound.envs, student.model.rollout_buffer
    assert np.flatnonzero(slots.ends[:, 0]).tolist() == [10, 21]
    assert found.score[0] == pytest.approx(slots.rewards[:22, 0].sum() / 2)
    scale = np.sqrt(student.model.get_vec_normalize_env().ret_rms.var + 1e-8)
    assert scale > 1.5
    values = buffer.values.reshape(4, 32)[0]  # flattened by the update, slot by slot
    assert found.signals["mean_value"][0] == pytest.approx(values[:22].mean() * scale, rel=1e-5)
    assert found.signals["length"].tolist() == [11.0] * 4
    assert found.signals["episodes"].tolist() == [2] * 4


def test_the_schedule_follows_trained_and_measured_steps(cartpole):
    options = {**OPTIONS, "learning_rate": "linear:1e-3"}
    student = bound(cartpole, budget=512, options=options)
    rates = []
    for k, learn in enumerate([True, False, True, True]):
        student.train(assign(student, cartpole, first=4 * k, learn=learn))
        rates.append(student.model.policy.optimizer.param_groups[0]["lr"])
    np.testing.assert_allclose(rates, [0.75e-3, 0.75e-3, 0.25e-3, 0.0], atol=1e-12)


def test_images_and_dictionaries_can_be_bound():
    class Pictures(Steps):
        observation_space = Box(0, 255, (36, 36, 3), np.uint8)

        def _obs(self):
            return np.full((36, 36, 3), self.t, np.uint8)

    class Parts(Steps):
        observation_space = DictSpace(
            {"t": Box(-10, 10, (1,), np.float32), "g": Box(-1, 1, (1,), np.float32)}
        )

        def _obs(self):
            return {"t": np.array([self.t], np.float32), "g": self.task.astype(np.float32)}

    for kind, normalize in ((Pictures, False), (Parts, True)):
        family = steps(kind)
        student = bound(family, n_envs=2, normalize=normalize)
        outcomes = student.train(assign(student, family, learn=[True, False]))
        assert outcomes.signals["episodes"].tolist() == [4, 4]


def test_what_cannot_be_bound_says_so(cartpole):
    off = SB3Student(cartpole, seed=0, algorithm="DQN", n_envs=2)
    with pytest.raises(ValueError, match=r"sb3: DQN: expected signals among .* got \['value_l1'\]"):
        off.bind(Demand(granularity="rollout", signals=frozenset({"value_l1"})))
    student = SB3Student(cartpole, seed=0, n_envs=2, options=OPTIONS)
    with pytest.raises(ValueError, match="'chunk'"):
        student.bind(CHUNKS)
    student.train(Assignment(ids=np.arange(4), tasks=cartpole.test_tasks()[:4]))
    student.bind(all_of(student, "episode"))
    with pytest.raises(ValueError, match="before training"):
        student.bind(all_of(student))
    other = bound(cartpole, n_envs=2)
    other.bind(all_of(other))
    with pytest.raises(ValueError, match="before training"):
        other.bind(EPISODES)
    with pytest.raises(ValueError, match="other kind"):
        other.load_state_dict(student.state_dict())
    with pytest.raises(ValueError, match="expected 2 tasks, one for each slot, got 3"):
        other.train(Assignment(ids=np.arange(3), tasks=cartpole.test_tasks()[:3]))


class Half(Teacher[Parameters]):
    """Learns from the first half of the rows."""

    accepts = (Parameters,)
    needs = frozenset({"max_return", "mean_value"})
    granularity = "rollout"

    def _ask(self, ids, progress):
        learn = np.arange(len(ids)) < len(ids) // 2
        return Assignment(ids=ids, tasks=sample(self.space, self.rng, len(ids)), purpose=purposes(learn))

    def _tell(self, outcomes):
        assert (outcomes.signals["max_return"] >= outcomes.score).all()

    def _state(self):
        return {}

    def _load(self, state):
        pass


def trio(normalize=True):
    family = steps(Noisy)
    student = SB3Student(family, seed=0, n_envs=4, normalize=normalize, options=OPTIONS)
    return family, Half(family.space, seed=0), student


PLAN = Plan(budget=1000, test_every=500, checkpoint_every=256)
RECURRENT = {
    "algorithm": "sb3_contrib:RecurrentPPO",
    "options": {**OPTIONS, "policy_kwargs": {"lstm_hidden_size": 8, "net_arch": [8]}},
}


def test_recurrent_contract(cartpole):
    check_student(lambda seed: SB3Student(cartpole, seed=seed, n_envs=3, **RECURRENT), cartpole, rounds=2)


def test_recurrent_updates_see_the_learnt_columns_only(monkeypatch):
    family, learn = steps(Noisy), np.array([True, False, True, False])
    honest, spoilt = (bound(family, **RECURRENT) for _ in range(2))
    honest.train(assign(honest, family, learn=learn))
    collect = type(spoilt.model).collect_rollouts

    def spoil(self, env, callback, buffer, n_rollout_steps):
        done = collect(self, env, callback, buffer, n_rollout_steps)
        assert not buffer.hidden_states_pi[0].any(), "a rollout must start with nothing in mind"
        assert buffer.hidden_states_pi[1].any()
        for name in ("observations", "advantages", "returns", "episode_starts"):
            getattr(buffer, name)[:, ~learn] = np.nan
        for name in ("hidden_states_pi", "cell_states_pi", "hidden_states_vf", "cell_states_vf"):
            getattr(buffer, name)[:, :, ~learn] = np.nan
        return done

    monkeypatch.setattr(type(spoilt.model), "collect_rollouts", spoil)
    spoilt.train(assign(spoilt, family, learn=learn))
    assert_equal(weights(spoilt), weights(honest))
    spoilt.train(assign(spoilt, family, first=4, learn=learn))


def test_a_recurrent_policy_forgets_at_the_start_of_an_episode():
    class Blind(Steps):
        def _obs(self):
            return np.ones(2, np.float32)

    family = steps(Blind)
    student = bound(family, **RECURRENT)
    student.train(assign(student, family))
    buffer = student.model.rollout_buffer  # flattened slot by slot; an episode has 8 steps
    values = buffer.values.reshape(4, 4, 8)
    np.testing.assert_allclose(values, np.broadcast_to(values[0, 0], values.shape), atol=1e-6)
    assert np.ptp(values[0, 0]) > 1e-3


@pytest.mark.parametrize("normalize", [False, True])
def test_a_rollout_shorter_than_an_episode_is_scored_with_its_rest_s_value(normalize):
    """Episodes last 11 steps, rollouts 8; measured rows leave the value function as it is."""
    family = steps(Noisy)
    student = bound(family, normalize=normalize, options=OPTIONS | {"n_steps": 8})
    student.train(assign(student, family))
    found = student.train(assign(student, family, first=4, learn=False))
    model = student.model
    scale = 1.0
    if normalize:
        scale = np.sqrt(model.get_vec_normalize_env().ret_rms.var + model.get_vec_normalize_env().epsilon)
    with torch.no_grad():
        values = model.policy.predict_values(torch.from_numpy(model._last_obs))[:, 0].numpy()
    so_far = student._bound.envs.rewards.sum(0)
    np.testing.assert_allclose(found.score, so_far + scale * model.gamma * values, rtol=1e-4)
    np.testing.assert_array_equal(found.score, found.signals["max_return"])
    assert found.signals["cut"].tolist() == [1] * 4
    assert found.signals["episodes"].tolist() == [0] * 4
    assert found.signals["length"].tolist() == [8] * 4


def test_a_run_binds_its_student_before_it_looks_at_the_signals():
    family, teacher, student = trio()
    check_fit(family, teacher, student)
    found = student.train(teacher.ask(student.wants()))
    assert found.signals.keys() == teacher.needs | teacher.reads | {"episodes", "length", "max_return", "cut"}


def test_a_run_resumes_exactly_though_the_environments_cannot_be_saved(tmp_path):
    whole = run(*trio(), tmp_path / "whole", PLAN)
    rounds = iter([False] * 4 + [True])
    run(*trio(), tmp_path / "part", PLAN, stop=lambda: next(rounds))
    ledger = run(*trio(), tmp_path / "part", PLAN, resume=True)
    assert ledger.dropped == 0
    assert ledger.costs["train"] == ledger.costs["measure"] == whole.costs["measure"] == 512
    one, two = (Run.load(tmp_path / name) for name in ("whole", "part"))
    for mine, theirs in ((one.episodes(), two.episodes()), (one.tests(), two.tests())):
        assert mine.keys() == theirs.keys()
        for name in [name for name in mine if name != "time" and "seconds" not in name]:
            np.testing.assert_array_equal(mine[name], theirs[name], err_msg=name)
    episodes = one.episodes()
    assert len(episodes["id"]) == 32
    assert episodes["purpose"].tolist() == [0, 0, 1, 1] * 8
    assert set(episodes["episodes"].tolist()) == {2}
