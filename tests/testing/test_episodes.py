import re

import numpy as np
import pytest

from teacherstudent import envs, spaces
from teacherstudent.testing.episodes import check_step, play, rows, scripts, start
from teacherstudent.testing.sessions import ContractError

SLOTS = 3


@pytest.fixture
def vec():
    made = envs.make("cartpole-parameters").make_vec(SLOTS)
    yield made
    made.close()


def parts_of(vec, steps=40):
    tasks = spaces.sample(envs.make("cartpole-parameters").space, np.random.default_rng(0), SLOTS)
    return scripts(vec.single_action_space, tasks, steps)


def test_scripts_are_the_same_at_every_call(vec):
    first, second = parts_of(vec), parts_of(vec)
    assert [part.seed for part in first] == [7, 8, 9]
    for one, other in zip(first, second, strict=True):
        assert np.array_equal(one.actions, other.actions)
        assert np.array_equal(one.task, other.task)
    assert not np.array_equal(first[0].actions, first[1].actions)


def test_an_episode_has_an_observation_more_than_rewards_and_ends_once(vec):
    episodes = play(vec, parts_of(vec), 500)
    for episode in episodes:
        assert episode.over
        assert len(episode.observations) == len(episode.rewards) + 1
    assert len({len(episode.rewards) for episode in episodes}) > 1  # those that ended first were left alone


def test_going_on_with_episodes_in_flight_is_playing_through(vec):
    parts = parts_of(vec)
    whole = play(vec, parts, 6)
    cut = play(vec, parts, 4, episodes=play(vec, parts, 2))
    assert all(one.same(other) for one, other in zip(whole, cut, strict=True))
    assert not whole[0].same(whole[1])
    cut[0].rewards[-1] += 1e-12
    assert not whole[0].same(cut[0])


def test_observations_of_another_kind_are_refused(vec):
    start(vec, parts_of(vec))
    right = np.zeros((SLOTS, *vec.single_observation_space.shape), np.float32)
    assert np.array_equal(rows(vec, right, "step"), right)
    with pytest.raises(ContractError, match="step must return observations of dtype float32, got float64"):
        rows(vec, right.astype(np.float64), "step")
    with pytest.raises(ContractError, match="reset must return observations inside "):
        rows(vec, np.full_like(right, np.nan), "reset")


def test_columns_of_a_step_have_a_value_for_each_slot(vec):
    rewards, no = np.zeros(SLOTS), np.zeros(SLOTS, bool)
    check_step(vec, rewards, no, no)
    wrong = [
        ((rewards[:2], no, no), "step must return 3 finite rewards, got "),
        ((rewards + np.inf, no, no), "step must return 3 finite rewards, got "),
        ((rewards, no.astype(int), no), "step must return terminated as 3 booleans in an array, got "),
        ((rewards, no, [False] * 3), "step must return truncated as 3 booleans in an array, got "),
        ((rewards, no, no[:2]), "step must return truncated as 3 booleans in an array, got "),
    ]
    for columns, message in wrong:
        with pytest.raises(ContractError, match=re.escape(message)):
            check_step(vec, *columns)
