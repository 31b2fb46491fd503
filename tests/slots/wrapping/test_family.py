from __future__ import annotations

import os
import subprocess
import sys
import time
import warnings

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.spaces import Box, Dict, Discrete, MultiBinary, Tuple

from teacherstudent import spaces
from teacherstudent.slots.requests import TaskError
from teacherstudent.slots.wrapping.family import family_from_gymnasium
from teacherstudent.testing.families import check_family

SPACE = spaces.Parameters(slope=(-1, 1), goal=(1, 9))


class Ramp(gym.Env):
    """Adds action and slope to a position; over beyond the goal; fails on request."""

    task_space = SPACE
    action_space = Discrete(2)
    observation_space = Box(-np.inf, np.inf, (2,), np.float32)

    def __init__(self, fault=None, render_mode=None):
        self.fault, self.render_mode = fault, render_mode

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        if self.fault == "reset":
            raise ZeroDivisionError("no ground")
        task = (options or {}).get("task")
        self.task = self.task_space.sample() if task is None else task
        self.position = self.np_random.uniform(-0.1, 0.1)
        return self._see(), {"task": self.task, "begun": True}

    def step(self, action):
        if self.fault == "step" and self.task[0] > 0.5:
            raise ZeroDivisionError("ground gone")
        if self.fault == "die" and self.task[0] > 0.5:
            os._exit(3)
        self.position += action + self.task[0]
        reward = np.nan if self.fault == "reward" and self.task[0] > 0.5 else self.position
        over = abs(self.position) > self.task[1]
        return self._see(), reward, bool(over), False, {"at": self.position, "nested": {"a": 1}}

    def render(self):
        return np.zeros((2, 2, 3), np.uint8)

    def _see(self):
        bad = self.fault == "observation" and self.task[0] > 0.5
        return np.array([self.position, np.nan if bad else 0.0], np.float32)


class Narrow(Ramp):
    """Refuses goals that lie too far."""

    def reset(self, *, seed=None, options=None):
        if options["task"][1] > 9:
            raise ValueError("no such goal")
        return super().reset(seed=seed, options=options)


class Nested(Ramp):
    """The same with an observation of parts."""

    observation_space = Dict(
        place=Box(-np.inf, np.inf, (2,), np.float32), more=Tuple((Discrete(3), MultiBinary(2)))
    )

    def _see(self):
        return {"place": super()._see(), "more": (np.int64(1), np.array([0, 1], np.int8))}


class Arms(gym.Env):
    """A one-step bandit whose tasks are numbers."""

    observation_space, action_space = Box(0, 1, (1,), np.float32), Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.arm = int(options["task"])
        return np.zeros(1, np.float32), {}

    def step(self, action):
        return np.zeros(1, np.float32), float(self.arm), True, False, {}


class Deaf(Ramp):
    def reset(self, *, seed=None, options=None):
        return super().reset(seed=seed)


class WithoutOptions(Ramp):
    def reset(self, *, seed=None):
        return super().reset(seed=seed)


class Liar(Ramp):
    def reset(self, *, seed=None, options=None):
        return super().reset(seed=seed, options={"task": np.asarray(options["task"]) / 2})


class Stubborn(Ramp):
    def reset(self, *, seed=None, options=None):
        observation, _ = super().reset(seed=seed, options=dict(options or {}))
        self.task = np.zeros(2)
        return observation, {}


ROWS = np.array([[0.1, 2.0], [0.9, 3.0], [-0.5, 4.0]])


@pytest.mark.parametrize("env", [Ramp, Nested, f"{__name__}:Ramp"])
@pytest.mark.parametrize("processes", [1, 2])
def test_keeps_the_contract(env, processes):
    check_family(
        lambda: family_from_gymnasium(env, mastered=1.0, max_episode_steps=30),
        processes=processes,
        max_steps=30,
    )


def test_discrete_tasks_and_one_step_episodes():
    family = family_from_gymnasium(Arms, space=Discrete(5, start=3))
    check_family(lambda: family)
    assert family.test_tasks().tolist() == [3, 4, 5, 6, 7]
    assert family.test_set == "Arms/all"


def test_each_slot_plays_its_own_task():
    vec = family_from_gymnasium(Ramp).make_vec(3)
    observations, infos = vec.reset(seed=[1, 2, 3], options={"task": ROWS})
    assert np.array_equal(infos["task"], ROWS)
    after, rewards, terminated, truncated, _ = vec.step(np.array([1, 1, 0]))
    moved = observations[:, 0] + [1.1, 1.9, -0.5]
    assert after[:, 0] == pytest.approx(moved, abs=1e-6)
    assert rewards == pytest.approx(moved, abs=1e-6)
    assert not terminated.any()
    assert not truncated.any()


def test_a_masked_reset_leaves_the_other_slots_alone():
    vec = family_from_gymnasium(Ramp).make_vec(3)
    vec.reset(seed=0, options={"task": ROWS})
    before = vec.step(np.ones(3, int))[0]
    outside = np.full((3, 2), np.nan)
    outside[2] = [0.2, 8.0]
    options = {"reset_mask": np.array([False, False, True]), "task": outside}
    after, infos = vec.reset(seed=[None, None, 9], options=options)
    assert np.array_equal(before[:2], after[:2])
    assert abs(after[2, 0]) <= 0.1
    assert infos["_task"].tolist() == [False, False, True]
    assert set(options) == {"reset_mask", "task"}  # the caller's options are left as they were


def test_a_registered_id_and_its_own_cap():
    name = "tests/Ramp-v0"
    if name not in gym.registry:
        gym.register(name, entry_point=Ramp, max_episode_steps=4)
    family = family_from_gymnasium(name, mastered=3.0, score_range=(0, 9), difficulty_step=(0.1, 0.2))
    assert family.space is SPACE
    assert (family.mastered, family.score_range, family.difficulty_step) == (3.0, (0, 9), (0.1, 0.2))
    assert family.test_set == "tests/Ramp-v0/uniform50_seed4222"
    assert family.test_tasks().shape == (50, 2)
    vec = family.make_vec(1)
    vec.reset(seed=0, options={"task": [[0.0, 9.0]]})
    flags = [vec.step([0])[2:4] for _ in range(4)]
    assert [bool(truncated[0]) for _, truncated in flags] == [False, False, False, True]
    assert not any(terminated[0] for terminated, _ in flags)


@pytest.mark.parametrize("stated", ["argument", "wrapper", "registered"])
def test_a_stated_time_limit_is_kept_without_a_word(stated, recwarn):
    if stated == "argument":
        family = family_from_gymnasium(Ramp, max_episode_steps=3)
    elif stated == "wrapper":
        family = family_from_gymnasium(lambda: gym.wrappers.TimeLimit(Ramp(), 3))
    else:
        gym.register("tests/Short-v0", entry_point=Ramp, max_episode_steps=3)
        family = family_from_gymnasium("tests/Short-v0")
    assert not recwarn.list
    vec = family.make_vec(1)
    vec.reset(seed=0, options={"task": [[0.0, 9.0]]})
    assert [bool(vec.step([0])[3][0]) for _ in range(3)] == [False, False, True]


def test_episodes_without_a_stated_limit_are_cut_and_that_is_said(monkeypatch):
    monkeypatch.setattr("teacherstudent.slots.wrapping.family.MOST_STEPS", 4)
    with pytest.warns(UserWarning, match="Ramp states no time limit.*episodes are cut at 4 steps"):
        family = family_from_gymnasium(Ramp)
    vec = family.make_vec(1)
    vec.reset(seed=0, options={"task": [[0.0, 9.0]]})
    assert [bool(vec.step([0])[3][0]) for _ in range(4)] == [False, False, False, True]


def test_options_reach_the_environment_and_frames_come_back():
    family = family_from_gymnasium(Ramp, env_options={"fault": None}, name="ramp", test_tasks=ROWS)
    assert family.make_env(render_mode="rgb_array").render().shape == (2, 2, 3)
    assert np.array_equal(family.test_tasks(), ROWS)
    assert family.test_set == "ramp/given3"


def test_test_tasks_may_lie_outside_the_space_that_teachers_choose_from():
    far = np.array([[0.0, 20.0], [-3.0, 5.0]])
    family = family_from_gymnasium(Ramp, test_tasks=far)
    assert family.space is SPACE
    assert np.array_equal(family.test_tasks(), far)
    assert family.test_space == spaces.Parameters(slope=(-3, 1), goal=(1, 20))
    check_family(lambda: family_from_gymnasium(Ramp, test_tasks=far))
    for processes in (1, 2):
        vec = family.make_vec(2, processes=processes)
        assert vec.reset(options={"task": far})[1]["begun"].all()
        with pytest.raises(ValueError, match="slot 0: expected a task in"):
            vec.reset(options={"task": far * 2})
        vec.close()


@pytest.mark.parametrize("dtype", [np.int8, np.float32])
def test_tests_outside_a_box_must_fit_its_type(dtype):
    class Anything(Ramp):
        def reset(self, *, seed=None, options=None):
            return super().reset(seed=seed, options={"task": np.ravel(options["task"]).astype(float)})

    space = Box(1, 9, (2, 1), dtype)
    family = family_from_gymnasium(Anything, space=space, test_tasks=[[[100], [3]]])
    assert family.test_tasks().dtype == dtype
    assert family.test_space.high.ravel().tolist() == [100, 9]
    if dtype == np.int8:
        with pytest.raises(ValueError, match="numbers that int8 holds"):
            family_from_gymnasium(Anything, space=space, test_tasks=[[[300], [3]]])


def test_drawn_tests_of_a_list_differ_from_each_other():
    family = family_from_gymnasium(Arms, space=Discrete(200), test_tasks=150)
    assert len(set(family.test_tasks().tolist())) == 150
    assert family.test_set == "Arms/different150_seed4222"
    assert family_from_gymnasium(Arms, space=Discrete(200), test_tasks=200).test_set == "Arms/all"


def test_a_split_is_a_space_of_tests_beside_the_teachers():
    split = Discrete(50, start=200)
    family = family_from_gymnasium(Arms, space=Discrete(200), test_space=split, test_tasks=30)
    assert family.space == Discrete(200)
    assert len(set(family.test_tasks().tolist())) == 30
    assert family.test_tasks().min() >= 200
    assert family.test_set == "Arms/different30_seed4222_of_test_space"
    family.make_vec(30).reset(options={"task": family.test_tasks()})
    check_family(lambda: family_from_gymnasium(Arms, space=Discrete(200), test_space=split))
    box = family_from_gymnasium(Ramp, test_space=spaces.Parameters(slope=(2, 3), goal=(1, 9)), test_tasks=9)
    assert box.test_tasks()[:, 0].min() >= 2


def test_test_tasks_follow_from_their_seed():
    same = [family_from_gymnasium(Ramp, test_tasks=7, test_seed=s).test_tasks() for s in (0, 0, 1)]
    assert np.array_equal(same[0], same[1])
    assert not np.array_equal(same[0], same[2])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"environment": Deaf}, "never looks there"),
        ({"environment": WithoutOptions}, "unexpected keyword argument 'options'"),
        ({"environment": Liar}, r"info\['task'\] shows"),
        ({"environment": Stubborn}, "but its task shows"),
        ({"environment": Arms}, "no attribute task_space"),
        ({"environment": "NoSuchThing-v0"}, "NoSuchThing"),
        ({"environment": "no_such_module:Env"}, "no_such_module"),
        ({"environment": Ramp, "env_options": {"fault": "reset"}}, "ZeroDivisionError: no ground"),
        ({"environment": Ramp, "test_tasks": 0}, "at least one task"),
        ({"environment": Ramp, "test_tasks": [[0.0, np.inf]]}, "expected finite numbers"),
        ({"environment": Ramp, "test_tasks": [[0.0]]}, r"expected a number, or tasks of shape \(n, \(2,\)\)"),
        ({"environment": Ramp, "test_tasks": "some"}, "expected a number, or tasks"),
        (
            {"environment": Narrow, "test_tasks": [[0.0, 20.0]]},
            "which lies outside the space .* no such goal",
        ),
        ({"environment": Ramp, "test_space": spaces.Parameters(slope=(0, 1))}, "expected the names, shape"),
        (
            {
                "environment": Ramp,
                "test_tasks": [[0, 5.0]],
                "test_space": spaces.Parameters(slope=(0, 1), goal=(8, 9)),
            },
            "row 0: expected a task in",
        ),
        ({"environment": Ramp, "test_tasks": np.zeros((0, 2))}, "at least one task"),
        ({"environment": Ramp, "score_range": (1, 1)}, "finite low < high"),
        ({"environment": Ramp, "difficulty_step": (1.0,)}, "expected 2 finite numbers"),
        ({"environment": Ramp, "max_episode_steps": 0}, "at least 1"),
        ({"environment": Ramp, "mastered": np.nan}, "mastered: expected a finite number"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        family_from_gymnasium(**arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"environment": 3}, "got 3"),
        ({"environment": lambda: 3}, "to return a gymnasium.Env"),
        ({"environment": Ramp, "space": MultiBinary(3)}, "expected Box"),
        ({"environment": Ramp, "env_options": {"colour": 1}}, "colour"),
    ],
)
def test_arguments_of_a_wrong_type_are_refused(arguments, message):
    with pytest.raises(TypeError, match=message):
        family_from_gymnasium(**arguments)


def test_a_task_shown_in_single_precision_or_as_something_else_is_no_reason_to_refuse():
    class Rounds(Ramp):
        def reset(self, *, seed=None, options=None):
            task = np.asarray(options["task"], np.float32)
            return super().reset(seed=seed, options={"task": task})[0], {"task": "a ramp"}

    assert family_from_gymnasium(Rounds).space is SPACE


def test_copying_the_options_counts_as_reading_them():
    class Copies(Ramp):
        def reset(self, *, seed=None, options=None):
            return super().reset(seed=seed, options={**(options or {})})

    assert family_from_gymnasium(Copies).space is SPACE


@pytest.mark.parametrize("processes", [1, 3])
@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("step", r"slot 1, task \[0.9, 3.0\]: step raised ZeroDivisionError: ground gone"),
        ("reward", r"slot 1, task \[0.9, 3.0\]: step: expected a finite reward, got nan"),
        ("observation", r"slot 1, task \[0.9, 3.0\]: reset: expected a finite observation"),
    ],
)
def test_a_failing_environment_is_named_by_slot_and_task(fault, message, processes):
    family = family_from_gymnasium(Ramp, env_options={"fault": fault})
    vec = family.make_vec(3, processes=processes)
    try:
        with pytest.raises(TaskError, match=message):
            _reset_and_step(vec)
    finally:
        vec.close()


def _reset_and_step(vec):
    vec.reset(seed=0, options={"task": ROWS})
    vec.step(np.zeros(3, int))


def test_a_nested_observation_that_is_not_finite_is_noticed():
    vec = family_from_gymnasium(Nested, env_options={"fault": "observation"}).make_vec(3)
    with pytest.raises(TaskError, match=r"slot 1.*finite observation"):
        vec.reset(options={"task": ROWS})


def test_an_observation_of_another_shape_is_noticed():
    class Short(Ramp):
        def _see(self):
            return np.zeros(1, np.float32)

    with pytest.raises(TaskError, match=r"slot 0.*expected an observation of shape \(2,\), got \(1,\)"):
        family_from_gymnasium(Short).make_vec(2).reset(options={"task": ROWS[:2]})


def test_a_slot_without_an_episode_is_not_stepped():
    vec = family_from_gymnasium(Ramp).make_vec(3)
    with pytest.raises(RuntimeError, match=r"slots \[0, 1, 2\] have no episode"):
        vec.step(np.zeros(3, int))
    vec.reset(options={"task": ROWS, "reset_mask": np.array([True, False, True])})
    with pytest.raises(RuntimeError, match=r"slots \[1\] have no episode"):
        vec.step(np.zeros(3, int))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"seed": [1, 2]}, ValueError, "expected 3 seeds"),
        ({"seed": -1}, ValueError, "slot 0: expected at least 0"),
        ({"seed": 1.5}, TypeError, "seed: expected None"),
        ({"seed": [1, 2, 0.5]}, TypeError, "slot 2: expected an integer"),
        ({"options": {"task": ROWS[:2]}}, ValueError, r"expected shape \(3, 2\)"),
        ({"options": {"task": ROWS * 2}}, ValueError, "slot 1: expected a task in"),
        ({"options": {"task": ROWS, "reset_mask": np.ones(3)}}, TypeError, "expected booleans"),
        ({"options": {"task": ROWS, "reset_mask": np.ones(2, bool)}}, ValueError, r"shape \(3,\)"),
        ({"options": {"task": ROWS, "reset_mask": np.zeros(3, bool)}}, ValueError, "at least one slot"),
    ],
)
@pytest.mark.parametrize("processes", [1, 2])
def test_a_bad_reset_is_refused(arguments, error, message, processes):
    vec = family_from_gymnasium(Ramp).make_vec(3, processes=processes)
    try:
        with pytest.raises(error, match=message):
            vec.reset(**arguments)
    finally:
        vec.close()


def test_infos_of_processes_are_joined():
    family = family_from_gymnasium(Ramp)
    one, two = family.make_vec(3), family.make_vec(3, processes=2)
    mask = np.array([True, True, False])
    for vec in (one, two):
        vec.reset(seed=0, options={"task": ROWS})
    assert two.metadata == one.metadata
    infos = [vec.reset(seed=5, options={"task": ROWS, "reset_mask": mask})[1] for vec in (one, two)]
    infos += [vec.step(np.zeros(3, int))[4] for vec in (one, two)]
    two.close()
    for a, b in (infos[:2], infos[2:]):
        assert a.keys() == b.keys()
    assert infos[0]["_task"].tolist() == infos[1]["_task"].tolist() == mask.tolist()
    assert np.array_equal(infos[2]["at"], infos[3]["at"])
    assert np.array_equal(infos[2]["nested"]["a"], infos[3]["nested"]["a"])


def test_a_process_that_dies_is_named():
    vec = family_from_gymnasium(Ramp, env_options={"fault": "die"}).make_vec(3, processes=3)
    vec.reset(options={"task": ROWS})
    with pytest.raises(
        RuntimeError, match=r"slots 1 to 1: slot 1, task \[0.9, 3.0\]: it died with exit code 3"
    ):
        vec.step(np.zeros(3, int))
    vec.close()


def test_an_environment_that_cannot_be_built_in_a_process_is_named():
    here = os.getpid()

    def only_here():
        if os.getpid() != here:
            raise LookupError("not in this process")
        return Ramp()

    with pytest.raises(RuntimeError, match="process of slots 0 to 0: LookupError: not in this process"):
        family_from_gymnasium(only_here).make_vec(2, processes=2)


def test_processes_that_hang_end_when_their_parent_is_killed():
    script = f"""
import sys, time
sys.path.insert(0, {os.path.join(os.path.dirname(__file__), "..", "..", "shared")!r})
from faulty import HANG_AT_RESET, GOOD, faulty
vec = faulty(high=0.8).make_vec(3, processes=3)
print(*(worker.pid for worker in vec._processes.workers), flush=True)
vec.reset(options={{"task": [[HANG_AT_RESET], [GOOD], [GOOD]]}})
"""
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    workers = [int(pid) for pid in parent.stdout.readline().split()]
    time.sleep(0.5)
    parent.kill()
    parent.wait()
    end = time.monotonic() + 10
    while any(_alive(pid) for pid in workers) and time.monotonic() < end:
        time.sleep(0.05)
    assert not any(_alive(pid) for pid in workers)


def test_closing_ends_the_processes():
    vec = family_from_gymnasium(Ramp).make_vec(2, processes=2)
    workers = list(vec._processes.workers)
    assert all(worker.is_alive() for worker in workers)
    vec.close()
    assert not any(worker.is_alive() for worker in workers)
    with pytest.raises(RuntimeError, match="closed"):
        vec.reset()


def test_processes_can_be_spawned():
    code = """
import multiprocessing
import numpy as np
import teacherstudent
from teacherstudent.envs import make
multiprocessing.set_start_method("spawn")
tracks = teacherstudent.family_from_gymnasium("teacherstudent/StumpTracks-v0")
for family in (make("cartpole-parameters"), tracks):
    seen = []
    for processes in (1, 2):
        vec = family.make_vec(3, processes=processes)
        vec.reset(seed=0, options={"task": family.test_tasks()[:3]})
        vec.action_space.seed(0)
        seen.append(vec.step(vec.action_space.sample())[0])
        vec.close()
    assert np.array_equal(*seen)
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_processes_end_when_their_parent_is_killed():
    read, write = os.pipe()
    parent = os.fork()
    if parent == 0:
        vec = family_from_gymnasium(Ramp).make_vec(3, processes=3)
        os.write(write, " ".join(str(worker.pid) for worker in vec._processes.workers).encode())
        time.sleep(60)
        os._exit(0)
    workers = [int(pid) for pid in os.read(read, 100).split()]
    os.kill(parent, 9)
    os.waitpid(parent, 0)
    deadline = time.monotonic() + 10
    while any(_alive(pid) for pid in workers) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(_alive(pid) for pid in workers)


def _alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().split(")")[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize(("n", "processes"), [(0, 1), (-1, 1), (2, 0), (2, 3)])
def test_impossible_numbers_of_slots_are_refused(n, processes):
    with pytest.raises(ValueError, match="expected"):
        family_from_gymnasium(Ramp).make_vec(n, processes=processes)


class Ignores(gym.Env):
    """Reads its task and does nothing with it; ends by itself."""

    observation_space, action_space = Box(-9, 9, (1,), np.float32), Discrete(2)
    lasts = 20

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.task, self.steps = np.asarray(options["task"], float).ravel(), 0
        self.x = self.np_random.normal()
        return self.see(), {}

    def step(self, action):
        self.steps += 1
        self.x += self.change(action)
        return self.see(), float(self.x), self.steps == self.lasts, False, {}

    def change(self, action):
        return 0.1 * self.np_random.normal() + 0.01 * action

    def see(self):
        return np.array([np.clip(self.x, -9, 9)], np.float32)


class LateChange(Ignores):
    """Its task counts in the last step alone."""

    def change(self, action):
        return self.task[0] if self.steps == self.lasts else super().change(action)


class Endless(Ignores):
    lasts = np.inf


class Unseeded(Ignores):
    """Is not the same under one seed."""

    def reset(self, *, seed=None, options=None):
        return super().reset(seed=None, options=options)


class Breaks(Ignores):
    def step(self, action):
        raise ZeroDivisionError("no ground")


def test_an_environment_that_reads_its_task_and_ignores_it_brings_a_warning():
    for space in (spaces.Parameters(height=(0, 1)), Discrete(5)):
        with pytest.warns(UserWarning, match="expected tasks of Ignores to make a difference"):
            family_from_gymnasium(Ignores, space=space)


@pytest.mark.parametrize("kind", [Ramp, LateChange, Endless, Unseeded, Breaks, "CartPole"])
def test_no_false_alarm(kind):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message=".* states no time limit")
        if kind == "CartPole":
            family_from_gymnasium("teacherstudent/CartPoleParameters-v0")
            return
        family_from_gymnasium(kind, space=None if kind is Ramp else spaces.Parameters(height=(0.1, 1)))
        family_from_gymnasium(Ignores, space=Discrete(1))  # one task makes no difference


def test_looking_at_an_environment_leaves_the_global_generators_alone():
    class Careless(Ignores):
        def change(self, action):
            return np.random.random() * self.task[0]  # noqa: NPY002  # what careless environments do

    np.random.seed(3)  # noqa: NPY002
    expected = np.random.random(2)  # noqa: NPY002
    np.random.seed(3)  # noqa: NPY002
    family_from_gymnasium(Careless, space=spaces.Parameters(height=(0, 1)))
    np.testing.assert_array_equal(np.random.random(2), expected)  # noqa: NPY002


def test_observations_that_do_not_survive_their_space_bring_a_warning():
    class Truncated(Ramp):
        observation_space = Box(0, 255, (2,), np.uint8)

        def _see(self):
            return np.array([0.5, 300.0])

    with pytest.warns(UserWarning, match="do not survive the conversion"):
        family_from_gymnasium(Truncated)
