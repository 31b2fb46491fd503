import numpy as np
import pytest

from teacherstudent import envs
from teacherstudent.envs.cartpoles.slots import CartPoleSlots
from teacherstudent.students.rollouts.play import play, successes


def act(obs, first):
    return (obs[:, 2] > 0).astype(np.int64)


@pytest.mark.parametrize("slots", [1, 3, 7, 20])
def test_outcomes_do_not_depend_on_the_number_of_slots(slots):
    family = envs.make("cartpole-parameters")
    tasks = family.test_tasks()[:13]
    seeds = list(range(13))
    alone = [play(family.make_vec(1), act, tasks[[i]], [i], mastered=40.0) for i in range(13)]
    together = play(family.make_vec(slots), act, tasks, seeds, mastered=40.0)
    assert together.score.tolist() == [a.score[0] for a in alone]
    assert together.cost.tolist() == together.signals["length"].tolist()
    assert together.signals["success"].tolist() == [bool(s > 40) for s in together.score]
    assert len(set(together.score.tolist())) > 5
    assert (together.ids == -1).all()
    by_array = play(family.make_vec(slots), act, tasks, np.arange(13), mastered=40.0)
    assert by_array.score.tolist() == together.score.tolist()


def test_seeds_reach_the_slots_as_an_array_that_names_the_started_ones():
    class Spy(CartPoleSlots):
        def reset(self, *, seed=None, options=None):
            seen.append((seed, options["reset_mask"].tolist()))
            return super().reset(seed=seed, options=options)

    seen = []
    family = envs.make("cartpole-parameters")
    play(Spy(2, space=family.space, max_steps=500), act, family.test_tasks()[:3], [5, 6, 7], mastered=None)
    assert seen[0][0].dtype == np.int64
    assert seen[0][0].tolist() == [5, 6]
    assert sorted(seen[1][0].tolist()) == [-1, 7]
    assert all(((seed >= 0) == mask).all() for seed, mask in seen)


def test_success_is_the_environments_word_where_it_has_one():
    info = {"is_success": np.array([True, False, False]), "_is_success": np.array([True, False, True])}
    returns = np.array([1.0, 9.0, 9.0])
    assert successes(np.arange(3), returns, info, 5.0).tolist() == [True, True, False]
    assert successes(np.arange(3), returns, {}, 5.0).tolist() == [False, True, True]
