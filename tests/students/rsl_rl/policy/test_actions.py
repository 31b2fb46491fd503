"""What the policy's floats mean to environments."""

import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Dict, Discrete, MultiBinary, MultiDiscrete
from pictured import BYTES, pictured

from reaching import assign
from teacherstudent import students
from teacherstudent.students.rsl_rl.policy.actions import Actions

CPU = torch.device("cpu")
SMALL = {"n_envs": 4, "n_steps": 12, "device": "cpu", "policy": {"hidden_dims": [16]}}


@pytest.mark.parametrize(
    ("space", "columns", "outputs", "given", "taken"),
    [
        (Discrete(3, start=2), 1, 3, [[1.0]], [3]),
        (MultiDiscrete([3, 2], start=[1, 5]), 2, 5, [[2.0, 0.0]], [[3, 5]]),
        (MultiDiscrete([[3, 2], [2, 2]]), 4, 9, [[2.0, 0.0, 1.0, 1.0]], [[[2, 0], [1, 1]]]),
        (MultiBinary(3), 3, 6, [[1.0, 0.0, 1.0]], [[1, 0, 1]]),
        (Box(-1, 1, (2, 1), np.float32), 2, 2, [[0.5, 7.0]], [[[0.5], [1.0]]]),
    ],
)
def test_columns_outputs_and_what_environments_take(space, columns, outputs, given, taken):
    actions = Actions(space, CPU)
    assert (actions.columns, actions.outputs) == (columns, outputs)
    assert actions.bounded(torch.tensor(given)).tolist() == taken


def test_other_actions_are_refused():
    with pytest.raises(TypeError, match="Discrete, MultiDiscrete or MultiBinary, got Dict"):
        Actions(Dict(a=Discrete(2)), CPU)
    with pytest.raises(TypeError, match="got Box"):
        Actions(Box(0, 3, (2,), np.int64), CPU)


def played(student):
    """Return what the first slot has played."""
    return [np.ravel(action).tolist() for action in student._envs.envs.envs[0].unwrapped.actions]


@pytest.mark.parametrize("actions", [MultiDiscrete([4, 2], start=[1, 0]), MultiBinary(3)])
def test_several_choices_at_a_time_are_played_and_learnt(actions):
    family = pictured(Box(0, 1, (4,), np.float32), actions)
    student = students.make("rsl-rl", family, seed=0, options={"learning_rate": 3e-3}, **SMALL)
    for _ in range(15):
        student.train(assign(student, family))
    # The reward is the first choice's number, so its highest one pays most.
    last = float(student.evaluate(family.test_tasks(), seed=0).score.mean())
    best = 6 * float(family.test_tasks().mean()) * (4 if actions.shape == (2,) else 1)
    assert last > 0.9 * best
    assert all(len(set(column)) > 1 for column in zip(*played(student), strict=True))
    student.close()


def test_images_and_their_family_are_saved_and_go_on():
    family = pictured(BYTES)
    one, two = (students.make("rsl-rl", family, seed=0, **SMALL) for _ in range(2))
    one.train(assign(one, family))
    two.load_state_dict(one.state_dict())
    tasks = family.test_tasks()
    assert one.evaluate(tasks, seed=3).score.tolist() == two.evaluate(tasks, seed=3).score.tolist()
