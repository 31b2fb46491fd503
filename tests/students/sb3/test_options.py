"""Options of the stable-baselines3 student."""

import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete
from gymnasium.spaces import Dict as DictSpace
from small_sb3 import SMALL

from reaching import Reach, assign
from teacherstudent.slots.wrapping.family import family_from_gymnasium
from teacherstudent.students.sb3.student import SB3Student


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


def test_policy_kwargs_are_imported(cartpole):
    kwargs = {"activation_fn": "torch.nn:ReLU", "net_arch": [8]}
    student = SB3Student(cartpole, seed=0, n_envs=2, options={**SMALL["PPO"], "policy_kwargs": kwargs})
    assert any(isinstance(m, torch.nn.ReLU) for m in student.model.policy.modules())
    assert isinstance(student.model.action_space, Discrete)


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
