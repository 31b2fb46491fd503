"""What an environment or a user's function says of success reaches students."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

from teacherstudent import Parameters, students
from teacherstudent.contract.types import Assignment
from teacherstudent.slots.wrapping.family import family_from_gymnasium
from teacherstudent.slots.wrapping.success import SaysSuccess, UnknownSuccessError

SPACE = Parameters(goal=(0, 10))


class Wins(gym.Env):
    """Is won where the goal is above 5; three steps long."""

    observation_space = gym.spaces.Box(-10, 10, (1,), np.float32)
    action_space = gym.spaces.Discrete(2)
    said = "won"
    goal = 0.0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        return np.array([self.goal], np.float32), {}

    def step(self, action):
        self.steps += 1
        over = self.steps == 3
        info = {self.said: np.float64(self.goal > 5)} if over and self.said else {}
        return np.array([self.goal], np.float32), 0.0, over, False, info


class OnlyWhenWon(Wins):
    """Says nothing of episodes that are lost, as many environments do."""

    def step(self, action):
        observation, reward, over, cut, info = super().step(action)
        return observation, reward, over, cut, {name: value for name, value in info.items() if value}


def family(kind=Wins, **options):
    return family_from_gymnasium(kind, space=SPACE, apply="attributes", max_episode_steps=9, **options)


WAYS = ["won", lambda env, info: info["won"], lambda env, info: env.unwrapped.goal > 5]


@pytest.mark.parametrize("success", WAYS)
@pytest.mark.parametrize("student", ["sb3", "rsl-rl"])
def test_success_is_a_signal_without_a_line_on_the_return(student, success):
    options = {"n_steps": 8, "n_envs": 2}
    if student == "sb3":
        options = {"n_envs": 2, "options": {"n_steps": 8, "batch_size": 16}}
    made = students.make(student, family(success=success), seed=0, device="cpu", **options)
    tasks = np.array([[2.0], [8.0], [9.0]])
    found = made.evaluate(tasks, seed=0)
    assert found.signals["success"].tolist() == [False, True, True]
    rows = made.train(Assignment(ids=np.arange(2), tasks=tasks[:2]))
    assert set(zip(rows.tasks[:, 0].tolist(), rows.signals["success"].tolist(), strict=True)) == {
        (2.0, False),
        (8.0, True),
    }
    made.close()


def test_success_wins_over_the_return():
    wins = family(success="won", mastered=-1.0)
    made = students.make("sb3", wins, seed=0, n_envs=1, options={"n_steps": 8, "batch_size": 8})
    assert made.evaluate(np.array([[2.0], [8.0]]), seed=0).signals["success"].tolist() == [False, True]
    made.close()


def test_a_name_that_never_comes_is_refused_before_a_run():
    with pytest.raises(ValueError, match=r"Wins: success: expected 'solved' in the info .*, got \['won'\]"):
        family(success="solved")
    with pytest.raises(ValueError, match=r"Wins: success: expected what the function .* got None"):
        family(success=lambda env, info: None)
    with pytest.raises(ValueError, match=r"info\.get\('won', False\)"):
        family(OnlyWhenWon, success="won", test_tasks=[[1.0]])
    assert family(OnlyWhenWon, success=lambda env, info: info.get("won", False)).says_success
    with pytest.raises(TypeError, match="success: expected a name"):
        family(success=3)


def test_a_name_that_is_not_seen_in_time_brings_a_warning(monkeypatch):
    monkeypatch.setattr("teacherstudent.slots.wrapping.success.MOST_STEPS", 2)
    with pytest.warns(UserWarning, match=r"expected 'won' in the infos of Wins, got \[\] after 2 steps"):
        family(success="won")


def test_only_the_last_step_says_it():
    env = SaysSuccess(Wins(), "won")
    env.reset()
    env.unwrapped.goal = 7.0
    assert [env.step(0)[4] for _ in range(3)] == [{}, {}, {"won": 1.0, "is_success": True}]
    env = SaysSuccess(Wins(), "solved")
    env.reset()
    env.step(0)
    env.step(0)
    with pytest.raises(UnknownSuccessError, match="expected 'solved'"):
        env.step(0)


@pytest.mark.parametrize(
    ("value", "said"), [(True, True), (0.0, False), (np.array([1]), True), ("yes", None), (np.nan, None)]
)
def test_yes_and_no_are_written_in_many_ways(value, said):
    env = SaysSuccess(Wins(), lambda env, info: value)
    env.reset()
    env.step(0)
    env.step(0)
    if said is None:
        with pytest.raises(UnknownSuccessError, match="to be true or false"):
            env.step(0)
    else:
        assert env.step(0)[4]["is_success"] is said
