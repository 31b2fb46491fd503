"""Tasks that are set by a function, by attributes, by how an environment is built, or by a list."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.spaces import Discrete

from teacherstudent import Experiment, Parameters, Plan, spaces, teachers
from teacherstudent.contract.spaces import choice, whole
from teacherstudent.envs import FAMILIES
from teacherstudent.slots.wrapping.family import family_from_gymnasium
from teacherstudent.testing.families import check_family

GRAVITY = Parameters(g=(1, 15))


class Clock(gym.Env):
    """Shows how its arguments were given; over after some steps."""

    observation_space = gym.spaces.Box(-100, 100, (2,), np.float32)
    action_space = Discrete(2)
    built = 0

    def __init__(self, size=1, kind="slow", render_mode=None):
        type(self).built += 1
        self.size, self.kind, self.render_mode = size, kind, render_mode
        if size > 9:
            self.observation_space = gym.spaces.Box(-1, 1, (3,), np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        self.noise = self.np_random.uniform()
        return self._see(), {"options": options}

    def step(self, action):
        self.steps += 1
        return self._see(), float(self.size), self.steps == 20, False, {"won": self.size > 5}

    def _see(self):
        return np.array([self.size + (10 if self.kind == "quick" else 0), self.noise], np.float32)


def set_gravity(env, task):
    env.unwrapped.g = float(task[0])


def larger(env, task):
    env.unwrapped.size = task + 1


def shown(family, tasks):
    """Return what the slots of a family show first of each task."""
    vec = family.make_vec(len(tasks))
    observations, _ = vec.reset(seed=0, options={"task": np.asarray(tasks)})
    vec.close()
    return observations[:, 0].tolist()


@pytest.mark.parametrize("apply", [set_gravity, lambda env, task: set_gravity(env, task), "attributes"])
def test_attributes_are_set_before_the_reset(apply):
    family = family_from_gymnasium("Pendulum-v1", space=GRAVITY, apply=apply)
    check_family(lambda: family, steps=20)
    env = family.make_env()
    env.reset(seed=0, options={"task": np.array([3.0])})
    assert env.unwrapped.g == 3.0
    env.reset(seed=0)
    assert env.unwrapped.g == 3.0


def test_a_function_goes_into_other_processes():
    def heavier(env, task):
        env.unwrapped.g = float(task[0])

    family = family_from_gymnasium("Pendulum-v1", space=GRAVITY, apply=heavier)
    vecs = [family.make_vec(2, processes=n) for n in (1, 2)]
    tasks = np.array([[1.0], [15.0]])
    seen = []
    for vec in vecs:
        vec.reset(seed=0, options={"task": tasks})
        seen.append(vec.step(np.zeros((2, 1), np.float32))[0])
        vec.close()
    np.testing.assert_array_equal(*seen)
    assert seen[0][0, 2] != seen[0][1, 2]


def test_named_parameters_become_arguments_and_environments_are_kept():
    space = Parameters(size=whole(1, 4), kind=choice("slow", "quick"))
    family = family_from_gymnasium(Clock, space=space, apply="arguments", max_episode_steps=30)
    check_family(lambda: family, steps=30)
    assert shown(family, [[1, 0], [4, 1]]) == [1.0, 14.0]
    env = family.make_env()
    before = Clock.built
    for size in (2, 3, 2, 3, 2):
        assert env.reset(options={"task": np.array([size, 0])})[0][0] == size
    assert Clock.built <= before + 2
    assert family.name == "Clock"


def test_a_function_of_the_task_gives_arguments():
    def options(task):
        return {"size": int(task[0]) * 2}

    space = Parameters(half=whole(1, 4))
    family = family_from_gymnasium(Clock, space=space, env_options=options, max_episode_steps=30)
    check_family(lambda: family, steps=30, processes=1)
    assert shown(family, [[1], [4]]) == [2.0, 8.0]


def test_a_list_of_environments_is_a_space_with_names():
    gym.register("tests/Slow-v0", entry_point=Clock, max_episode_steps=30)
    gym.register("tests/Quick-v0", entry_point=Clock, max_episode_steps=30, kwargs={"kind": "quick"})
    family = family_from_gymnasium(tasks=["tests/Slow-v0", "tests/Quick-v0"], env_options={"size": 2})
    check_family(lambda: family, steps=30)
    assert family.space == spaces.Listed(["tests/Slow-v0", "tests/Quick-v0"])
    assert (family.name, family.test_set) == ("tests/Slow-v0+1", "tests/Slow-v0+1/all")
    assert family.test_names == ("tests/Slow-v0", "tests/Quick-v0")
    assert shown(family, [0, 1]) == [2.0, 12.0]


def test_a_list_of_arguments_of_one_environment():
    tasks = [{"size": 1}, {"size": 3, "kind": "quick"}]
    family = family_from_gymnasium(Clock, tasks=tasks, max_episode_steps=30, name="clocks")
    assert family.space.labels == ("size=1", "size=3, kind=quick")
    assert shown(family, [1, 0]) == [13.0, 1.0]
    again = family_from_gymnasium(Clock, tasks=tasks, names=["easy", "hard"], max_episode_steps=30)
    assert again.space.labels == ("easy", "hard")
    sizes = {"space": Discrete(2), "names": ["one", "two"], "apply": larger, "max_episode_steps": 30}
    named = family_from_gymnasium(Clock, **sizes)
    assert named.space.labels == ("one", "two")
    assert shown(named, [0, 1]) == [1.0, 2.0]


def test_a_run_with_a_list_and_functions_is_named_in_its_manifest(tmp_path):
    @FAMILIES.register("clocks-of-tests")
    def clocks(quick: bool = False):
        kind = "quick" if quick else "slow"
        return family_from_gymnasium(
            Clock,
            tasks=[{"size": 1}, {"size": 6}],
            env_options={"kind": kind},
            success=lambda env, info: info["won"],
            max_episode_steps=30,
        )

    experiment = Experiment(
        teacher="random",
        family="clocks-of-tests",
        plan=Plan(budget=256, test_every=128),
        seed=0,
        student_options={"n_envs": 2, "options": {"n_steps": 64, "batch_size": 64}},
    )
    folder = experiment.folder(tmp_path)
    experiment.run(folder)
    manifest = (folder / "manifest.json").read_text(encoding="utf-8")
    assert "clocks-of-tests" in manifest
    assert "size=6" in manifest
    assert "<lambda>" in manifest
    assert "ListMaker" in manifest


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"apply": "attribute", "space": GRAVITY}, r"one of \('attributes', 'arguments'\), got 'attribute'"),
        ({"apply": "attributes"}, "space: expected a task space beside apply='attributes'"),
        ({"apply": "arguments"}, "space: expected a task space, as an environment that is built"),
        ({"apply": "attributes", "space": Parameters(q=(1, 2))}, "PendulumEnv to have an attribute 'q'"),
        (
            {"apply": lambda env, task: setattr(env, "g", task[0]), "space": GRAVITY},
            "'g' on env.unwrapped, got one that sets it on the wrapper TimeLimit",
        ),
        ({"apply": lambda env, task: task[7], "space": GRAVITY}, "on Pendulum-v1, got IndexError"),
        ({"apply": "arguments", "space": Parameters(q=(1, 2))}, "unexpected keyword argument 'q'"),
        (
            {"apply": set_gravity, "space": GRAVITY, "env_options": lambda task: {}},
            "apply: expected none beside env_options",
        ),
        ({"tasks": [{"g": 1}], "space": GRAVITY}, "space: expected none beside tasks"),
        ({"tasks": [{"g": 1}], "apply": set_gravity}, "apply: expected none beside tasks"),
        ({"tasks": []}, "at least one environment"),
        ({"tasks": [{"g": 1}, {"g": 1}]}, "names: expected names, as the tasks' own are not all different"),
        ({"tasks": [{"g": 1}, {"g": 2}], "names": ["one"]}, "names: expected one for each of 2 tasks"),
        ({"names": ["one"], "space": GRAVITY}, "names: expected tasks in a list beside them"),
        ({"environment": None, "tasks": ["CartPole-v1", "NoSuch-v1"]}, "'NoSuch-v1' to be built"),
        (
            {"environment": None, "tasks": ["CartPole-v1", "Pendulum-v1"]},
            "equal spaces, got Pendulum-v1 .* observations in .* and actions in .* of CartPole-v1",
        ),
        (
            {"environment": Clock, "apply": "arguments", "space": Parameters(size=whole(8, 12))},
            "to have the spaces of the first environment, got observations in",
        ),
    ],
)
def test_what_does_not_fit_is_refused(arguments, message):
    given = {"environment": "Pendulum-v1", **arguments}
    with pytest.raises((ValueError, TypeError), match=message):
        family_from_gymnasium(**given)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"apply": 3}, "apply: expected a function of environment and task"),
        ({"tasks": "CartPole-v1"}, "tasks: expected a list"),
        ({"tasks": ["CartPole-v1"]}, r"tasks\[0\]: expected keyword arguments of 'Pendulum-v1'"),
        ({"environment": None, "tasks": [3]}, r"tasks\[0\]: expected an id"),
        ({"environment": None}, "environment: expected an id"),
        ({"env_options": lambda task: 3, "space": GRAVITY}, "that returns keyword arguments by name, got 3"),
    ],
)
def test_arguments_of_a_wrong_type_are_refused(arguments, message):
    given = {"environment": "Pendulum-v1", **arguments}
    with pytest.raises(TypeError, match=message):
        family_from_gymnasium(**given)


class Forgets(Clock):
    """Undoes in its reset what was set before it."""

    def reset(self, *, seed=None, options=None):
        self.size = 2
        return super().reset(seed=seed, options=options)


def test_a_task_that_changes_nothing_is_noticed():
    with pytest.raises(ValueError, match="its attribute size is 2 after the reset"):
        family_from_gymnasium(Forgets, space=Parameters(size=(1, 5)), apply="attributes", max_episode_steps=9)
    with pytest.warns(UserWarning, match="tasks of Forgets to make a difference"):
        family_from_gymnasium(Forgets, space=Discrete(4), apply=larger, max_episode_steps=9)


def test_every_teacher_of_lists_takes_a_list_of_environments():
    family = family_from_gymnasium(Clock, tasks=[{"size": 1}, {"size": 6}], max_episode_steps=30)
    teacher = teachers.make("exp3s", family, seed=0)
    assert set(teacher.ask(20, progress=0.0).tasks.tolist()) <= {0, 1}
