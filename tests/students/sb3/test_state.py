"""What is saved of stable-baselines3's algorithms."""

import numpy as np
import torch
from small_sb3 import SMALL
from stable_baselines3.common.noise import OrnsteinUhlenbeckActionNoise

from reaching import assign, reach
from teacherstudent.students.sb3.student import SB3Student


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


def test_a_checkpoint_with_fused_adam_continues(cartpole):
    adam = {"policy_kwargs": {"optimizer_kwargs": {"fused": True, "eps": 1e-5}}}
    one, two = (SB3Student(cartpole, seed=0, n_envs=3, options=SMALL["PPO"] | adam) for _ in range(2))
    one.train(assign(one, cartpole))
    two.load_state_dict(one.state_dict())
    after = assign(one, cartpole, first=100)
    assert one.train(after).score.tolist() == two.train(after).score.tolist()
    for a, b in zip(one.model.policy.parameters(), two.model.policy.parameters(), strict=True):
        assert torch.equal(a, b)


def test_loading_the_state_of_a_fresh_student_starts_over(cartpole):
    fresh, used = (SB3Student(cartpole, seed=0, n_envs=2, options=SMALL["PPO"]) for _ in range(2))
    state = fresh.state_dict()
    first = fresh.train(assign(fresh, cartpole))
    used.train(assign(used, cartpole))
    used.load_state_dict(state)
    again = used.train(assign(used, cartpole))
    np.testing.assert_array_equal(again.score, first.score)
    np.testing.assert_array_equal(again.ids, first.ids)
