import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete
from gymnasium.spaces import Dict as DictSpace
from stable_baselines3.common.noise import OrnsteinUhlenbeckActionNoise

from reaching import Reach, assign, reach
from teacherstudent import envs
from teacherstudent.contract.purposes import purposes
from teacherstudent.contract.types import Assignment
from teacherstudent.slots.wrapping.family import family_from_gymnasium
from teacherstudent.students.sb3.student import SB3Student
from teacherstudent.students.sb3.vec_env import TaskVecEnv
from teacherstudent.testing.students import check_student

SMALL = {
    "PPO": {"n_steps": 32, "batch_size": 64, "n_epochs": 2},
    "A2C": {"n_steps": 16},
    "DQN": {"learning_starts": 20, "batch_size": 16, "train_freq": 8, "buffer_size": 500},
}


@pytest.mark.parametrize("algorithm", SMALL)
def test_contract_with_exact_resume(cartpole, algorithm):
    def make(seed):
        return SB3Student(cartpole, seed=seed, algorithm=algorithm, n_envs=4, options=SMALL[algorithm])

    check_student(make, cartpole)


def test_contract_with_normalisation(cartpole):
    def make(seed):
        return SB3Student(cartpole, seed=seed, n_envs=4, normalize=True, options=SMALL["PPO"])

    check_student(make, cartpole)


@pytest.mark.parametrize(
    ("algorithm", "options"),
    [
        ("SAC", {"learning_starts": 20, "batch_size": 16, "train_freq": 4, "buffer_size": 300}),
        ("TD3", {"learning_starts": 20, "batch_size": 16, "train_freq": 4, "buffer_size": 300}),
        ("PPO", {**SMALL["PPO"], "use_sde": True}),
    ],
)
def test_contract_without_snapshots(algorithm, options):
    family = reach()
    check_student(
        lambda seed: SB3Student(family, seed=seed, algorithm=algorithm, n_envs=3, options=options),
        family,
        exact=False,
    )


def test_off_policy_state_holds_networks_optimisers_entropy_and_replay_buffer():
    family = reach()
    options = {"learning_starts": 20, "batch_size": 16, "train_freq": 4, "buffer_size": 300}
    student = SB3Student(family, seed=0, algorithm="SAC", n_envs=2, options=options)
    for k in range(10):
        student.train(assign(student, family, first=100 * k))
    other = SB3Student(family, seed=5, algorithm="SAC", n_envs=2, options=options)
    other.load_state_dict(student.state_dict())
    assert other.model.replay_buffer.pos == student.model.replay_buffer.pos > 10
    np.testing.assert_array_equal(
        other.model.replay_buffer.observations, student.model.replay_buffer.observations
    )
    assert torch.equal(other.model.log_ent_coef, student.model.log_ent_coef)
    mine, theirs = student.model.critic.optimizer.state_dict(), other.model.critic.optimizer.state_dict()
    assert torch.equal(mine["state"][0]["exp_avg"], theirs["state"][0]["exp_avg"])
    assert len(other.holds()) == len(student._queue)  # what was in the slots is lost and says so
    assert len(student.holds()) == len(student._queue) + 2


def test_queue_runs_dry_and_repeats_are_marked():
    family = reach(mastered=-1.0)
    student = SB3Student(family, seed=0, n_envs=2, options={"n_steps": 64, "batch_size": 64})
    outcomes = student.train(assign(student, family))  # 4 tasks, but about 8 episodes fit into the round
    assert (outcomes.ids == -1).sum() == len(outcomes) - 2 - (outcomes.ids[outcomes.ids >= 0] > 1).sum()
    assert (outcomes.ids == -1).any()
    assert student.metrics()["repeated_tasks"] >= (outcomes.ids == -1).sum()
    assert student.wants() > 4  # it has learnt how many it needs


def test_measured_tasks_are_not_trained_on_and_are_charged(cartpole):
    student = SB3Student(cartpole, seed=0, n_envs=2, options=SMALL["PPO"])
    student.train(assign(student, cartpole))
    trained = student.spent()["train"]
    rows = 5
    mixed = Assignment(
        ids=np.arange(50, 50 + rows),
        tasks=cartpole.test_tasks()[:rows],
        purpose=purposes(np.array([0, 0, 1, 0, 1], bool)),
    )
    outcomes = student.train(mixed)
    measured = np.isin(outcomes.ids, [50, 51, 53])
    assert measured.sum() == 3
    assert student.spent()["measure"] == outcomes.cost[measured].sum() > 0
    assert student.spent()["train"] == trained + 64
    assert np.isnan(outcomes.signals["value_l1"][measured]).all()
    assert np.isfinite(outcomes.signals["length"]).all()


def test_gradient_updates_are_optimiser_steps(cartpole):
    student = SB3Student(cartpole, seed=0, n_envs=4, options=SMALL["PPO"])
    student.train(assign(student, cartpole))
    assert student.spent()["updates"] == 2 * (32 * 4 // 64)  # epochs x minibatches


def test_success_prefers_the_environment_s_own_word():
    family = reach(mastered=1e9)
    student = SB3Student(family, seed=0, n_envs=2, options=SMALL["PPO"])
    outcomes = student.evaluate(np.array([[0.1], [3.0]]), seed=0)
    assert outcomes.signals["success"].dtype == bool
    assert outcomes.signals["success"][0] == (outcomes.signals["length"][0] < 15)


def test_linear_schedule_falls_with_the_budget(cartpole):
    options = {**SMALL["PPO"], "learning_rate": "linear:1e-3"}
    student = SB3Student(cartpole, seed=0, n_envs=4, budget=512, options=options)
    rates = []
    for k in range(4):
        student.train(assign(student, cartpole, first=100 * k))
        rates.append(student.metrics()["train/learning_rate"])
    np.testing.assert_allclose(rates, [0.75e-3, 0.5e-3, 0.25e-3, 0.0], atol=1e-12)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"algorithm": "PPPO"}, ValueError, "PPO"),
        ({"algorithm": "torch:Tensor"}, TypeError, "stable-baselines3"),
        ({"algorithm": "nowhere:PPO"}, ValueError, "nowhere"),
        ({"n_envs": 0}, ValueError, "n_envs"),
        ({"options": {"learning_rate": "linear:3e-4"}}, ValueError, "budget"),
    ],
)
def test_bad_arguments(cartpole, options, error, words):
    with pytest.raises(error, match=words):
        SB3Student(cartpole, seed=0, **options)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            {"nsteps": 3},
            r"options: expected arguments of PPO \(\['learning_rate', 'n_steps', .*, got 'nsteps'",
        ),
        ({"device": "cpu"}, "got 'device'"),  # the student's own argument
        ("{n_steps:3}", "options: expected names and values of PPO, got '{n_steps:3}'"),
    ],
)
def test_options_that_the_algorithm_does_not_take(cartpole, options, words):
    with pytest.raises(TypeError, match=words):
        SB3Student(cartpole, seed=0, options=options)


def test_a_family_without_environments_is_refused():
    with pytest.raises(TypeError, match="RLFamily"):
        SB3Student(object(), seed=0)


def test_first_round_without_tasks_is_an_error(cartpole):
    student = SB3Student(cartpole, seed=0, n_envs=2, options=SMALL["PPO"])
    nothing = Assignment(ids=np.zeros(0, int), tasks=np.zeros((0, 4)))
    with pytest.raises(ValueError, match="expected an assignment"):
        student.train(nothing)


def test_policy_kwargs_are_imported(cartpole):
    kwargs = {"activation_fn": "torch.nn:ReLU", "net_arch": [8]}
    student = SB3Student(cartpole, seed=0, n_envs=2, options={**SMALL["PPO"], "policy_kwargs": kwargs})
    assert any(isinstance(m, torch.nn.ReLU) for m in student.model.policy.modules())
    assert isinstance(student.model.action_space, Discrete)


def test_noise_with_a_memory_is_saved_where_environments_are_not():
    family = reach()
    noise = OrnsteinUhlenbeckActionNoise(np.zeros(1), np.ones(1))

    def make():
        options = {"learning_starts": 20, "buffer_size": 500, "batch_size": 16, "action_noise": noise}
        return SB3Student(family, seed=0, algorithm="SAC", n_envs=3, options=options)

    student = make()
    student.train(assign(student, family))
    state = student.state_dict()
    resumed = make()
    resumed.load_state_dict(state)
    assert len(state["algorithm"]["noise"]) == 3
    for mine, theirs in zip(
        resumed.state_dict()["algorithm"]["noise"], state["algorithm"]["noise"], strict=True
    ):
        np.testing.assert_array_equal(mine, theirs)


def test_measuring_goes_on_exactly_whatever_was_tested_before(cartpole):
    def make():
        return SB3Student(cartpole, seed=0, n_envs=4, options=SMALL["PPO"])

    student = make()
    student.evaluate(cartpole.test_tasks()[:3], seed=0)
    student.train(assign(student, cartpole))
    resumed = make()
    resumed.load_state_dict(student.state_dict())
    one = Assignment(ids=np.array([99]), tasks=cartpole.test_tasks()[:1], purpose=purposes(np.array([False])))
    first, second = student.train(one), resumed.train(one)
    assert first.score.tolist() == second.score.tolist()
    for mine, theirs in zip(
        student.model.policy.parameters(), resumed.model.policy.parameters(), strict=True
    ):
        assert torch.equal(mine, theirs)


def test_tests_take_as_many_slots_as_they_have_tasks_for(monkeypatch):
    family, made = envs.make("cartpole-parameters"), []
    make_vec = family.make_vec

    def spy(n, *, processes=1):
        made.append((n, processes))
        return make_vec(n, processes=processes)

    monkeypatch.setattr(family, "make_vec", spy)
    student = SB3Student(family, seed=0, n_envs=20, processes=2, options=SMALL["PPO"])
    tasks = family.test_tasks()
    scores = [student.evaluate(tasks[:n], seed=0).score.tolist() for n in (1, 3, 4, 50, 2, 50)]
    student.close()
    assert made == [(20, 2), (1, 1), (4, 2), (20, 2), (2, 2)]
    assert scores[2][:3] == scores[1]
    assert scores[1][:1] == scores[0]
    assert scores[3] == scores[5]


def test_a_checkpoint_with_fused_adam_continues(cartpole):
    adam = {"policy_kwargs": {"optimizer_kwargs": {"fused": True, "eps": 1e-5}}}
    one, two = (SB3Student(cartpole, seed=0, n_envs=3, options=SMALL["PPO"] | adam) for _ in range(2))
    one.train(assign(one, cartpole))
    two.load_state_dict(one.state_dict())
    after = assign(one, cartpole, first=100)
    assert one.train(after).score.tolist() == two.train(after).score.tolist()
    for a, b in zip(one.model.policy.parameters(), two.model.policy.parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("algorithm", ["PPO", "SAC"])
def test_slots_that_go_on_may_share_a_dict_of_infos(algorithm, monkeypatch):
    """Neither stable-baselines3's loops nor its normalisation write into it, or read it for a slot."""
    family, seen = reach(), []
    step_wait = TaskVecEnv.step_wait

    def shared(self):
        obs, rewards, dones, infos = step_wait(self)
        seen.extend(info for info, done in zip(infos, dones, strict=True) if not done)
        return obs, rewards, dones, infos

    def own(self):
        obs, rewards, dones, infos = step_wait(self)
        return obs, rewards, dones, [dict(info) for info in infos]

    options = SMALL["PPO"] if algorithm == "PPO" else {"learning_starts": 20, "train_freq": 8}
    made = []
    for variant in (shared, own):
        monkeypatch.setattr(TaskVecEnv, "step_wait", variant)
        student = SB3Student(family, seed=0, n_envs=3, algorithm=algorithm, normalize=True, options=options)
        for first in (0, 100, 200, 300):
            student.train(assign(student, family, first=first))
        made.append(student)
    assert seen
    assert not any(seen)
    one, two = (student.model for student in made)
    assert one.env.obs_rms.mean.tolist() == two.env.obs_rms.mean.tolist()
    assert len(one.ep_info_buffer) == len(two.ep_info_buffer) > 0
    for a, b in zip(one.policy.parameters(), two.policy.parameters(), strict=True):
        assert torch.equal(a, b)


def test_an_assignment_of_measured_rows_alone_trains_nothing(cartpole):
    student = SB3Student(cartpole, seed=0, n_envs=2, options=SMALL["PPO"])
    measured = assign(student, cartpole, learn=False)
    outcomes = student.train(measured)
    assert outcomes.ids.tolist() == measured.ids.tolist()
    assert student.spent()["train"] == 0
    assert student.spent()["measure"] == outcomes.cost.sum()


def test_loading_the_state_of_a_fresh_student_starts_over(cartpole):
    fresh, used = (SB3Student(cartpole, seed=0, n_envs=2, options=SMALL["PPO"]) for _ in range(2))
    state = fresh.state_dict()
    first = fresh.train(assign(fresh, cartpole))
    used.train(assign(used, cartpole))
    used.load_state_dict(state)
    again = used.train(assign(used, cartpole))
    np.testing.assert_array_equal(again.score, first.score)
    np.testing.assert_array_equal(again.ids, first.ids)


def test_the_policy_follows_the_observations():
    class Pictures(Reach):
        observation_space = Box(0, 255, (3, 36, 36), np.uint8)

        def _obs(self):
            return np.full((3, 36, 36), int(self.x) + 10, np.uint8)

    class Parts(Reach):
        observation_space = DictSpace(
            {"x": Box(-10, 10, (1,), np.float32), "t": Box(0, 99, (1,), np.float32)}
        )

        def _obs(self):
            return {"x": np.array([self.x], np.float32), "t": np.array([self.t], np.float32)}

    for kind, policy in ((Reach, "ActorCriticPolicy"), (Pictures, "CnnPolicy"), (Parts, "MultiInput")):
        family = family_from_gymnasium(kind, test_tasks=2)
        student = SB3Student(family, seed=0, n_envs=2, options=SMALL["PPO"])
        assert policy in type(student.model.policy).__name__
        student.train(assign(student, family))
        student.evaluate(family.test_tasks(), seed=0)


def test_the_family_says_whether_tests_are_greedy(cartpole, monkeypatch):
    student = SB3Student(cartpole, seed=0, n_envs=4, options=SMALL["PPO"])
    tasks = np.repeat(cartpole.test_tasks()[:1], 20, axis=0)
    greedy = student.evaluate(tasks, seed=3)
    monkeypatch.setattr(cartpole, "test_actions", "sampled", raising=False)
    sampled = student.evaluate(tasks, seed=3)
    assert not np.array_equal(greedy.score, sampled.score)
    np.testing.assert_array_equal(sampled.score, student.evaluate(tasks, seed=3).score)
    assert not np.array_equal(sampled.score, student.evaluate(tasks, seed=4).score)
