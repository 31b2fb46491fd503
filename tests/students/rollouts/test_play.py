import numpy as np
import pytest

from teacherstudent import envs
from teacherstudent.envs.cartpoles.slots import CartPoleSlots
from teacherstudent.envs.walkers.slots import WalkerSlots
from teacherstudent.slots.narrowing import LiveSlots
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


@pytest.mark.parametrize(("slots", "tasks"), [(16, 11), (16, 16), (8, 19), (1, 2)])
def test_slots_that_wait_cost_nothing_and_change_nothing(monkeypatch, slots, tasks):
    """The same to the bit as at full width, also where actions are drawn for all slots."""
    widths = []
    step = WalkerSlots.step

    def counted(self, actions):
        widths.append(self.num_envs)
        return step(self, actions)

    monkeypatch.setattr(WalkerSlots, "step", counted)
    family = envs.make("stump-tracks", solver="fast", stuck=(60, 0.5))

    def played():
        widths.clear()
        rng = np.random.default_rng(0)
        weights = rng.normal(size=(24, 4))

        def policy(obs, first):
            return np.tanh(obs @ weights) + rng.normal(scale=0.1, size=(len(obs), 4))

        made = family.make_vec(slots)
        found = [
            play(made, policy, family.test_tasks()[:tasks], range(tasks), mastered=0.0) for _ in range(2)
        ]
        return found, sum(widths)

    narrow, few = played()
    monkeypatch.setattr(LiveSlots, "narrows", False)
    whole, many = played()
    for mine, theirs in zip(narrow, whole, strict=True):
        assert mine.score.tolist() == theirs.score.tolist()
        assert mine.cost.tolist() == theirs.cost.tolist()
        assert mine.signals["success"].tolist() == theirs.signals["success"].tolist()
    assert tasks == 2 or len(set(narrow[0].cost.tolist())) > 1
    # Every step that is made counts.
    assert few == sum(found.cost.sum() for found in narrow)
    assert slots == 1 or few < many
