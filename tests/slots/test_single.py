"""A batch of one slot as a gymnasium environment."""

import numpy as np
import pytest
from counting import Counts

from teacherstudent.slots.single import OneSlotEnv


class Alone(OneSlotEnv[Counts]):
    """One that counts how often it is rendered."""

    metadata = {"render_modes": ["human"]}
    frames = 0

    def render(self):
        self.frames += 1


def test_one_slot_alone_is_a_slot_of_a_batch():
    slots, env = Counts(2), Alone(Counts(1), render_mode=None)
    for seed in (3, None):
        _, told = slots.reset(seed=None if seed is None else [0, seed])
        seen, info = env.reset(seed=seed)
        assert seen.tolist() == [0.0]
        assert info["task"] == told["task"][1]
        assert env.task is info["task"]
        for action, over in ((1, False), (0, False), (1, False), (1, True)):
            batch, rewards, *_ = slots.step([0, action])
            assert env.step(action) == (batch[1], rewards[1], over, False, {"is_success": over})
    env.reset(options={"task": [0.5]})
    assert env.step(1)[0].tolist() == [0.5]
    assert env.frames == 0
    with pytest.raises(ValueError, match="task: slot 0"):
        env.reset(options={"task": [2.0]})


def test_an_environment_draws_its_first_seed_from_its_own_generator():
    first, second = Alone(Counts(1), render_mode=None), Alone(Counts(1), render_mode=None)
    for env in (first, second):
        env.np_random = np.random.default_rng(0)
    assert first.reset()[1]["task"] == second.reset()[1]["task"]


def test_a_window_shows_every_step():
    env = Alone(Counts(1), render_mode="human")
    env.reset(seed=0)
    env.step(1)
    assert env.frames == 2
