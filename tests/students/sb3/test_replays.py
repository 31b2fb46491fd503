"""Off-policy algorithms of stable-baselines3 whose slots are bound for rollouts."""

import numpy as np
import pytest
import torch
from binding import all_of
from bound_sb3 import Noisy

from reaching import assign, reach, steps
from teacherstudent import teachers
from teacherstudent.contract.demand import Demand
from teacherstudent.running.before.fit import check_fit
from teacherstudent.students.sb3.replays import estimates
from teacherstudent.students.sb3.student import SB3Student
from teacherstudent.testing.students import check_student

SAC = {"learning_starts": 20, "batch_size": 16, "train_freq": 4, "buffer_size": 300}
DQN = {**SAC, "target_update_interval": 40}
MIXED = np.array([True, False, True])


def made(family, algorithm="SAC", *, rollout_steps=24, **options):
    given = {"options": DQN if algorithm == "DQN" else SAC, "n_envs": 3} | options
    return SB3Student(family, seed=0, algorithm=algorithm, rollout_steps=rollout_steps, **given)


def bound(family, algorithm="SAC", **options):
    student = made(family, algorithm, **options)
    student.bind(all_of(student))
    return student


def weights(student):
    return {name: p.detach().clone() for name, p in student.model.policy.state_dict().items()}


def same(mine, theirs):
    return all(torch.equal(mine[name], theirs[name]) for name in mine)


@pytest.mark.parametrize("normalize", [False, True])
def test_contract(normalize):
    family = steps(Noisy)

    def make(seed):
        student = SB3Student(
            family, seed=seed, algorithm="SAC", n_envs=3, rollout_steps=24, options=SAC, normalize=normalize
        )
        student.offers = {"rollout": student.offers["rollout"]}
        return student

    check_student(make, family, rounds=2, exact=False)


def test_what_each_algorithm_offers(cartpole):
    returns = {"success", "episodes", "length", "max_return", "cut"}
    family = steps(Noisy)
    for algorithm, where in (("DQN", cartpole), ("SAC", family), ("TD3", family), ("DDPG", family)):
        student = made(where, algorithm)
        offered = student.offers["rollout"].keys() | {"success"}
        assert offered == returns | {"td_error", "mean_value"}, algorithm
    student = made(cartpole, "sb3_contrib:QRDQN")
    assert estimates(student.model) == ()
    assert student.offers["rollout"].keys() == returns


@pytest.mark.parametrize("algorithm", ["SAC", "TD3", "DQN"])
@pytest.mark.parametrize("normalize", [False, True])
def test_signals_against_the_library_s_own_critics(cartpole, algorithm, normalize):
    """Episodes of SAC's family last 11 steps, so that a rollout of 8 completes none."""
    family = cartpole if algorithm == "DQN" else steps(Noisy)
    student = bound(family, algorithm, normalize=normalize, rollout_steps=8)
    student.train(assign(student, family))
    found = student.train(assign(student, family, first=3, learn=False))
    model, kept, envs = student.model, student._bound._kept, student._bound.envs
    vec = model.get_vec_normalize_env()
    scale = np.sqrt(vec.ret_rms.var + vec.epsilon) if normalize else 1.0
    errors, values = np.zeros((8, 3)), np.zeros((8, 3))
    for t, step in enumerate(kept.steps):
        obs, after, rewards = step.obs, step.following, step.rewards
        if normalize:
            obs, after = vec.normalize_obs(obs), vec.normalize_obs(after)
            rewards = vec.normalize_reward(rewards)
        obs, after = torch.from_numpy(obs), torch.from_numpy(after)
        actions = torch.from_numpy(step.actions)
        with torch.no_grad():
            if algorithm == "DQN":
                values[t] = model.q_net(obs).max(1).values
                ahead = model.q_net_target(after).max(1).values.numpy()
                taken = model.q_net(obs)[torch.arange(3), actions.flatten()].numpy()
                last = model.q_net(after).max(1).values.numpy()
            else:
                act = model.actor if algorithm == "SAC" else model.actor_target
                best = act(after, deterministic=True) if algorithm == "SAC" else act(after)
                ahead = torch.cat(model.critic_target(after, best), 1).min(1).values.numpy()
                taken = torch.cat(model.critic(obs, actions), 1).min(1).values.numpy()
                best, here = (model.actor(each) for each in (after, obs))
                if algorithm == "SAC":
                    best, here = (model.actor(each, deterministic=True) for each in (after, obs))
                last = torch.cat(model.critic(after, best), 1).min(1).values.numpy()
                values[t] = torch.cat(model.critic(obs, here), 1).min(1).values
        errors[t] = rewards + model.gamma * ~step.terminated * ahead - taken
    cut = ~envs.ends.any(0)
    np.testing.assert_array_equal(found.signals["cut"], cut)
    np.testing.assert_allclose(found.signals["td_error"][cut], np.abs(errors).mean(0)[cut], rtol=1e-4)
    np.testing.assert_allclose(found.signals["mean_value"][cut], scale * values.mean(0)[cut], rtol=1e-4)
    expected = envs.rewards.sum(0) + scale * model.gamma * last
    np.testing.assert_allclose(found.score[cut], expected[cut], rtol=1e-4)
    assert algorithm == "DQN" or cut.all()


def test_measured_rounds_train_nothing_and_store_nothing():
    family = steps(Noisy)
    student = bound(family)
    buffer = student.model.replay_buffer
    before = weights(student)
    for k in range(2):
        student.train(assign(student, family, first=3 * k, learn=False))
    assert same(before, weights(student))
    assert buffer.size() == 0
    assert student.spent()["updates"] == 0
    student.train(assign(student, family, first=6))
    assert not same(before, weights(student))
    assert buffer.size() == 24
    assert student.spent()["measure"] == 2 * 72
    assert student.spent()["train"] == 72
    assert student.spent()["updates"] == 24 / 4


def test_columns_of_measured_slots_repeat_those_that_are_learnt_from():
    family = steps(Noisy)
    student = bound(family)
    assignment = assign(student, family, learn=MIXED)
    student.train(assignment)
    goals = student.model.replay_buffer.observations[:24, :, 1]
    played = assignment.tasks[:, 0].astype(np.float32)
    np.testing.assert_array_equal(goals, np.tile(played[[0, 0, 2]], (24, 1)))
    assert student.spent()["measure"] == 24


def test_teachers_whose_signals_are_there_teach_it():
    family = reach(mastered=-5.0)
    for name, options in (
        ("sfl", {"candidates": 4, "attempts": 1, "keep": 2, "refresh": 2}),
        ("domain-randomization", {}),
        ("robust-plr", {"score": "td_error", "buffer": {"capacity": 6}}),
        ("plr", {"score": "max_mc"}),
        ("accel", {"score": "learnability", "buffer": {"capacity": 6}}),
    ):
        teacher = teachers.make(name, family.space, seed=0, **options)
        student = made(family)
        check_fit(family, teacher, student)
        for _ in range(4):
            teacher.tell(student.train(teacher.ask(student.wants())))
        assert teacher.metrics()["unfinished_share"] == 0


def test_others_are_refused_by_name():
    family = steps(Noisy)
    for options, words in (
        (
            {"score": "value_l1"},
            "PLR needs the signal 'value_l1', which SB3Student does not offer .it offers",
        ),
        ({"score": "positive_value_loss"}, "PLR needs the signal 'positive_value_loss'"),
    ):
        with pytest.raises(ValueError, match=words) as error:
            check_fit(family, teachers.make("plr", family.space, seed=0, **options), made(family))
        assert "'td_error'" in str(error.value)
        served = str(error.value).rpartition("teachers that it serves as they are: ")[2].split(", ")
        assert {"alp-gmm", "domain-randomization", "minimax", "plr"} <= set(served)
        # They need two members, and a family with a line for mastery.
        assert not {"paired", "sfl"} & set(served)
    with pytest.raises(ValueError, match="rollout_steps: expected a whole number of at least 1, got 0"):
        made(family, rollout_steps=0)
    after_episodes = made(family, options={**SAC, "train_freq": (1, "episode")}, n_envs=1)
    assert set(after_episodes.offers) == {"episode"}
    with pytest.raises(
        ValueError, match=r"SFL binds a task for one rollout, which SB3Student cannot .*alp-gmm"
    ):
        check_fit(family, teachers.make("sfl", family.space, seed=0), after_episodes)
    student = bound(family)
    with pytest.raises(ValueError, match="expected to be bound before training"):
        student.bind(Demand(granularity="episode"))
