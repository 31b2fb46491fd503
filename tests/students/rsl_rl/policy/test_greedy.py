"""The greedy policy of rsl_rl as one module: the student's own actions, on numbers and on images."""

import gymnasium as gym
import numpy as np
import pytest
import torch

pytest.importorskip("rsl_rl")

from tensordict import TensorDict

from teacherstudent.networks.pixels import parts_of
from teacherstudent.students.rsl_rl.policy.actions import Actions
from teacherstudent.students.rsl_rl.policy.greedy import GreedyPolicy
from teacherstudent.students.rsl_rl.policy.models import models

CPU = torch.device("cpu")
NUMBERS = gym.spaces.Box(-1, 1, (3,), np.float32)
IMAGE = gym.spaces.Box(0, 255, (7, 7, 3), np.uint8)


def actor_of(space, actions):
    """Return an actor of random weights and the parts that it reads."""
    torch.manual_seed(0)
    parts = parts_of(space)
    row = torch.zeros(2, sum(part.size for part in parts))
    obs = TensorDict({"obs": row}, [2])
    return models(obs, parts, actions, {}, normalize=True)[0], parts


@pytest.mark.parametrize("space", [NUMBERS, IMAGE], ids=["numbers", "image"])
@pytest.mark.parametrize(
    "actions",
    [
        gym.spaces.Discrete(4, start=2),
        gym.spaces.MultiDiscrete([2, 3]),
        gym.spaces.Box(-0.01, 0.01, (2,), np.float32),
    ],
    ids=["discrete", "several", "box"],
)
def test_it_acts_as_the_actor(space, actions):
    between = Actions(actions, CPU)
    actor, parts = actor_of(space, between)
    space.seed(0)
    obs = torch.from_numpy(np.stack([space.sample() for _ in range(16)])).float()
    with torch.no_grad():
        expected = between.bounded(actor({"obs": obs.reshape(16, -1)}, stochastic_output=False))
        found = GreedyPolicy(actor, parts, between)(obs)
    assert torch.equal(found, expected)
    assert all(actions.contains(each.astype(actions.dtype)) for each in found.numpy())


def test_dictionaries_are_refused():
    between = Actions(gym.spaces.Discrete(2), CPU)
    actor, parts = actor_of(gym.spaces.Dict({"a": NUMBERS, "b": NUMBERS}), between)
    with pytest.raises(ValueError, match="export: expected observations in one array of numbers, got parts"):
        GreedyPolicy(actor, parts, between)
