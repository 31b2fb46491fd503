"""Environments that are built for their task are kept, closed and seeded."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

from teacherstudent.slots.wrapping import rebuilding
from teacherstudent.slots.wrapping.making import EnvMaker
from teacherstudent.slots.wrapping.rebuilding import ArgumentsMaker, ListMaker, different


class Dice(gym.Env):
    """Shows a number drawn at its reset."""

    observation_space = gym.spaces.Box(0, 1, (1,), np.float32)
    action_space = gym.spaces.Discrete(2)
    open = 0

    def __init__(self, sides=6, extra=None):
        type(self).open += 1
        self.sides = sides

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.options = options
        return np.array([self.np_random.uniform()], np.float32), {}

    def close(self):
        type(self).open -= 1


def sides(task):
    return {"sides": int(task)}


def maker(arguments=sides):
    return ArgumentsMaker(target=Dice, arguments=arguments, first=np.array(6))


def test_the_environment_that_was_not_used_for_longest_is_closed(monkeypatch):
    monkeypatch.setattr(rebuilding, "KEPT", 2)
    Dice.open = 0
    env = maker()()
    for task, there in ((6, 1), (7, 2), (6, 2), (8, 2)):
        env.reset(options={"task": np.array(task)})
        assert env.unwrapped.sides == task
        assert Dice.open == there
    sixes = env._kept
    assert [each.unwrapped.sides for each in sixes.values()] == [6, 8]
    env.close()
    assert Dice.open == 0


def test_arguments_that_cannot_be_compared_are_built_anew():
    Dice.open = 0
    env = maker(lambda task: {"extra": object()})()
    first = env.unwrapped
    env.reset(options={"task": np.array(6)})
    assert env.unwrapped is not first
    assert Dice.open == 1
    env.close()
    assert Dice.open == 0


def key_of(arguments):
    return maker(lambda task: arguments).choose(np.array(1)).key


def test_equal_arguments_of_other_types_are_other_arguments():
    assert len({key_of({"extra": value}) for value in (1, 1.0, True, "1")}) == 4
    assert key_of({"a": 1, "b": [2, "x"]}) == key_of({"b": [2, "x"], "a": 1}) is not None
    assert key_of({"a": np.ones(2)}) == key_of({"a": np.ones(2)}) is not None
    assert key_of({"a": np.ones(2)}) != key_of({"a": np.zeros(2)})


def test_episodes_follow_from_the_last_seed_in_new_and_in_old_environments():
    def drawn(tasks):
        env = maker()()
        env.reset(seed=3, options={"task": np.array(6)})
        return [env.reset(options={"task": np.array(task)})[0].item() for task in tasks]

    assert drawn([6, 7, 6]) == drawn([7, 6, 8])
    assert len(set(drawn([6, 7, 6]))) == 3


def test_other_options_are_passed_on_and_the_task_is_not():
    env = maker()()
    env.reset(options={"task": np.array(7), "more": 1})
    assert env.unwrapped.options == {"more": 1}
    env.reset()
    assert (env.unwrapped.options, env.unwrapped.sides) == (None, 7)


def test_a_list_says_its_names_and_caps():
    one = EnvMaker(target=Dice, max_episode_steps=5)
    two = EnvMaker(target=Dice, max_episode_steps=6)
    other = EnvMaker(target="CartPole-v1")
    assert ListMaker(environments=(one, other, other)).name == "Dice+2"
    assert ListMaker(environments=(one, two)).name == "Dice"
    assert ListMaker(environments=(one, one)).max_episode_steps == 5
    assert ListMaker(environments=(one, two)).max_episode_steps is None


def test_spaces_that_differ_are_said():
    box, other = gym.spaces.Box(0, 1, (1,)), gym.spaces.Box(0, 1, (2,))
    discrete = gym.spaces.Discrete(2)
    assert different((box, discrete), (box, discrete)) == ""
    assert different((box, discrete), (other, discrete)).startswith("observations in Box(0.0, 1.0, (2,)")
    env = ArgumentsMaker(
        target=lambda wide: gym.wrappers.FlattenObservation(Dice()) if wide else Wide(),
        arguments=lambda task: {"wide": bool(task)},
        first=np.array(1),
    )()
    with pytest.raises(ValueError, match="to have the spaces of the first environment, got observations in"):
        env.reset(options={"task": np.array(0)})


class Wide(Dice):
    observation_space = gym.spaces.Box(0, 1, (2,), np.float32)
