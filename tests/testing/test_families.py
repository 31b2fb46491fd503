"""The kit for families must notice every broken rule: each family here breaks exactly one."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

from teacherstudent import envs
from teacherstudent.contract.family import Family
from teacherstudent.envs.cartpoles.family import CartPoleParameters
from teacherstudent.envs.cartpoles.slots import CartPoleSlots
from teacherstudent.testing.families import check_family


class Slots(CartPoleSlots):
    """What the broken slots below change."""


def family_of(slots: type[CartPoleSlots]) -> type[CartPoleParameters]:
    class Broken(CartPoleParameters):
        def _group(self, n, *, first_slot=0):
            return slots(n, space=self.space, observe_task=self.observe_task, max_steps=500)

    return Broken


class Autoreset(Slots):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.metadata = {"autoreset_mode": AutoresetMode.NEXT_STEP}


class FirstRowForAll(Slots):
    def reset(self, *, seed=None, options=None):
        options = dict(options or {})
        if "task" in options:
            options["task"] = np.repeat(options["task"][:1], self.num_envs, axis=0)
        return super().reset(seed=seed, options=options)


class SameTaskAlways(Slots):
    def reset(self, *, seed=None, options=None):
        options = dict(options or {})
        options["task"] = np.tile(self.task_space.low, (self.num_envs, 1))
        return super().reset(seed=seed, options=options)


class MaskIgnored(Slots):
    def reset(self, *, seed=None, options=None):
        options = dict(options or {})
        mask = options.pop("reset_mask", None)
        if mask is not None and "task" in options:
            options["task"] = np.clip(options["task"], self.task_space.low, self.task_space.high)
        return super().reset(seed=seed, options=options)


class OthersForgotten(Slots):
    def reset(self, *, seed=None, options=None):
        observations, infos = super().reset(seed=seed, options=options)
        observations[~(options or {}).get("reset_mask", np.ones(self.num_envs, bool))] = 0
        return observations, infos


class SlotDependent(Slots):
    def reset(self, *, seed=None, options=None):
        if isinstance(seed, list):
            seed = [None if s is None else s + i for i, s in enumerate(seed)]
        return super().reset(seed=seed, options=options)


class MaskedRowsChecked(Slots):
    def reset(self, *, seed=None, options=None):
        tasks = (options or {}).get("task")
        if tasks is not None and not all(self.task_space.contains(task) for task in tasks):
            raise ValueError("outside")
        return super().reset(seed=seed, options=options)


class GlobalNoise(Slots):
    def step(self, actions):
        np.random.random()  # noqa: NPY002
        return super().step(actions)


class Unseeded(Slots):
    def reset(self, *, seed=None, options=None):
        return super().reset(options=options)


class ListsOnly(Slots):
    def reset(self, *, seed=None, options=None):
        if isinstance(seed, np.ndarray):
            raise ValueError("no arrays")
        return super().reset(seed=seed, options=options)


class MinusOneIsASeed(Slots):
    def reset(self, *, seed=None, options=None):
        if isinstance(seed, np.ndarray) and len(seed) == self.num_envs and (seed == -1).all():
            seed = np.full(self.num_envs, 5)
        return super().reset(seed=seed, options=options)


class AnySeeds(Slots):
    def reset(self, *, seed=None, options=None):
        if isinstance(seed, np.ndarray):
            seed = np.maximum(seed, -1)
        return super().reset(seed=seed, options=options)


class Double(Slots):
    def step(self, actions):
        observations, *rest = super().step(actions)
        return observations.astype(np.float64), *rest


class Outside(Slots):
    def step(self, actions):
        observations, *rest = super().step(actions)
        observations[0, -1] = 3.0
        return observations, *rest


class NotFinite(Slots):
    def step(self, actions):
        observations, rewards, *rest = super().step(actions)
        return observations, rewards * np.nan, *rest


class Numbers(Slots):
    def step(self, actions):
        observations, rewards, terminated, *rest = super().step(actions)
        return observations, rewards, terminated.astype(float), *rest


class AnyTask(Slots):
    def reset(self, *, seed=None, options=None):
        options = dict(options or {})
        if np.shape(options.get("task"))[:1] == (self.num_envs,):
            tasks = np.nan_to_num(np.asarray(options["task"]))
            options["task"] = np.clip(tasks, self.task_space.low, self.task_space.high)
        return super().reset(seed=seed, options=options)


class HalfRefused(Slots):
    """Refuses a bad task, but only after it has started some slots."""

    def reset(self, *, seed=None, options=None):
        try:
            return super().reset(seed=seed, options=options)
        except ValueError:
            super().reset(seed=99)
            raise


class NeverOver(Slots):
    def step(self, actions):
        done = self._now["done"]
        if done.any():
            self.reset(options={"reset_mask": done.copy()})
        return super().step(actions)


class Forgetful(Slots):
    def get_state(self):
        return super().get_state() | {"episode": np.zeros(self.num_envs, np.int64)}


class Shared(Slots):
    def get_state(self):
        return self._now


class Pickled(Slots):
    def get_state(self):
        return super().get_state() | {"extra": object()}

    def set_state(self, state):
        super().set_state({k: v for k, v in state.items() if k != "extra"})


BROKEN_SLOTS = {
    Autoreset: "autoreset_mode",
    FirstRowForAll: "depend on task, seed and actions only",
    SameTaskAlways: "tasks must make a difference",
    MaskIgnored: "depend on task, seed and actions only",
    OthersForgotten: "as the mask leaves it out",
    SlotDependent: "in a batch of 6",
    MaskedRowsChecked: "ignore the tasks and seeds of slots outside the mask",
    GlobalNoise: "global generator",
    Unseeded: "at a second time",
    ListsOnly: "an int64 array in which -1 stands for None",
    MinusOneIsASeed: "must leave the slot's generator as it is",
    AnySeeds: "an array with a seed below -1",
    Double: "dtype float32",
    Outside: "inside",
    NotFinite: "finite rewards",
    Numbers: "terminated as",
    AnyTask: "tasks outside the space",
    HalfRefused: "after bad resets",
    NeverOver: "must raise while a slot's episode is over",
    Forgetful: "continue to the bit",
    Shared: "a copy that stays as it is",
    Pickled: "plain data",
}


@pytest.mark.parametrize("slots", BROKEN_SLOTS, ids=lambda slots: slots.__name__)
def test_a_broken_rule_of_the_environment_is_named(slots):
    with pytest.raises(AssertionError, match=BROKEN_SLOTS[slots]):
        check_family(family_of(slots), processes=1)


def test_the_unbroken_family_passes_the_same_checks():
    check_family(family_of(Slots), processes=2)


class RandomTests(CartPoleParameters):
    counter = itertools.count()

    def test_tasks(self):
        return super().test_tasks() * (1 - 1e-6 * next(self.counter))


class OutsideTests(CartPoleParameters):
    def test_tasks(self):
        return super().test_tasks() + 100


class LiveTests(CartPoleParameters):
    def __init__(self):
        super().__init__()
        self.tests = super().test_tasks()

    def test_tasks(self):
        return self.tests


class WrongStep(CartPoleParameters):
    def __init__(self):
        super().__init__()
        self.difficulty_step = (1.0,)


class WrongRange(CartPoleParameters):
    def __init__(self):
        super().__init__()
        self.score_range = (1.0, 1.0)


class Unnamed(CartPoleParameters):
    def __init__(self):
        super().__init__()
        self.test_set = ""


class NoSlots(CartPoleParameters):
    def make_vec(self, n, *, processes=1):
        return super().make_vec(max(n, 1), processes=max(processes, 1))


class OtherSpaces(CartPoleParameters):
    def make_env(self, *, render_mode=None):
        return CartPoleParameters(observe_task=False).make_env(render_mode=render_mode)


@pytest.mark.parametrize(
    ("family", "message"),
    [
        (RandomTests, "same at every call"),
        (OutsideTests, "test_tasks must return tasks of the space"),
        (LiveTests, "same at every call"),
        (WrongStep, "difficulty_step must have 4 values"),
        (WrongRange, "score_range"),
        (Unnamed, "test_set"),
        (NoSlots, "must raise ValueError"),
        (OtherSpaces, "make_env and make_vec must agree"),
        (lambda: object(), "must return a Family"),
    ],
)
def test_a_broken_rule_of_the_family_is_named(family, message):
    with pytest.raises(AssertionError, match=message):
        check_family(family, processes=1)


def test_a_family_without_environments_is_checked_as_far_as_it_goes():
    class Plain(Family):
        space = CartPoleParameters().space
        test_set = "one"

        def test_tasks(self):
            return self.space.low[None].copy()

    check_family(Plain)


class Endless(CartPoleSlots):
    """Never fails, and is truncated one step after its cap."""

    def step(self, actions):
        observations, rewards, terminated, truncated, infos = super().step(actions)
        self._now["done"] = truncated = self._now["steps"] > 20
        return observations, rewards, terminated & False, truncated, infos


def test_a_cap_that_is_not_kept_is_noticed():
    with pytest.raises(AssertionError, match="no episode may be longer than 20 steps"):
        check_family(family_of(Endless), processes=1, max_steps=20, steps=10)
    with pytest.raises(AssertionError, match="truncated at step 30 only"):
        check_family(family_of(Endless), processes=1, max_steps=30, steps=10)


def test_a_family_itself_is_taken_and_anything_else_is_told_how():
    check_family(envs.make("toy-grid"))
    with pytest.raises(TypeError, match=r"check_family\(lambda: envs.make"):
        check_family(3)


class Own(Family):
    """Has test tasks that depend on what is made before."""

    space = CartPoleParameters().space
    test_set = "one"
    counter = itertools.count()

    def __init__(self, scale, own=None):
        self.tests = self.space.low[None] * (scale - 1e-3 * next(self.counter))

    def test_tasks(self):
        return self.tests.copy()


def test_a_second_family_is_made_as_the_given_one_was_where_that_is_known():
    with pytest.raises(AssertionError, match="same at every call and in every family"):
        check_family(Own(1.1))
    check_family(Own(1.1, own=object()))  # nobody knows how to make another object
