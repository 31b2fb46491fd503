import numpy as np
import pytest
import torch
from compiling import slots_that_compile
from small_sb3 import SMALL

from reaching import assign, reach
from teacherstudent import envs
from teacherstudent.contract.purposes import purposes
from teacherstudent.contract.types import Assignment
from teacherstudent.students.sb3.student import SB3Student
from teacherstudent.students.sb3.vec_env import TaskVecEnv
from teacherstudent.testing.students import check_student


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


def test_first_round_without_tasks_is_an_error(cartpole):
    student = SB3Student(cartpole, seed=0, n_envs=2, options=SMALL["PPO"])
    nothing = Assignment(ids=np.zeros(0, int), tasks=np.zeros((0, 4)))
    with pytest.raises(ValueError, match="expected an assignment"):
        student.train(nothing)


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


def test_the_family_says_whether_tests_are_greedy(cartpole, monkeypatch):
    student = SB3Student(cartpole, seed=0, n_envs=4, options=SMALL["PPO"])
    tasks = np.repeat(cartpole.test_tasks()[:1], 20, axis=0)
    greedy = student.evaluate(tasks, seed=3)
    monkeypatch.setattr(cartpole, "test_actions", "sampled", raising=False)
    sampled = student.evaluate(tasks, seed=3)
    assert not np.array_equal(greedy.score, sampled.score)
    np.testing.assert_array_equal(sampled.score, student.evaluate(tasks, seed=3).score)
    assert not np.array_equal(sampled.score, student.evaluate(tasks, seed=4).score)


def test_slots_of_training_and_of_tests_compile(cartpole, monkeypatch):
    compiled = []
    slots_that_compile(monkeypatch, lambda self: compiled.append(self.num_envs))
    SB3Student(cartpole, seed=0, n_envs=70, options=SMALL["PPO"]).compile()
    assert compiled == [70, 64]


def test_slots_that_compile_nothing_are_left_alone(cartpole):
    student = SB3Student(cartpole, seed=0, n_envs=4, options=SMALL["PPO"])
    student.compile()
    assert not student._test_envs
