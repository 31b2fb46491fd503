"""A teacher in front of environments: steps and resets in any order, files saved, spoiled and loaded."""

import warnings

import gymnasium as gym
import numpy as np
import pytest
from walks import REFUSED, spoil, walks

from teacherstudent import TeacherEnv, TeacherVecEnv, family_from_gymnasium, teachers
from teacherstudent.contract.spaces import Parameters
from teacherstudent.recording.disk import checkpoint

SPACE = Parameters(a=(0, 1), b=(-1, 1))


class Line(gym.Env):
    """Ends after as many steps as its task says; what it pays is its task."""

    observation_space = gym.spaces.Box(-1, 1, (2,), np.float32)
    action_space = gym.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.task, self.steps = options["task"], 0
        return self.task.astype(np.float32), {}

    def step(self, action):
        self.steps += 1
        over = self.steps >= 1 + int(3 * self.task[0])
        return self.task.astype(np.float32), float(self.task[0]), over, False, {}


FAMILY = family_from_gymnasium(Line, space=SPACE, mastered=0.5, test_tasks=2)
NAMES = ("random", "alp-gmm", "riac", "oracle")


def a_teacher(walk, seed):
    options = {"difficulty_step": (0.1, 0.1), "mastered": 0.5} if walk.seed % 4 == 3 else {}
    return teachers.make(NAMES[walk.seed % 4], SPACE, seed=seed, **options)


class EnvWalk:
    """One environment, alone or in slots."""

    def __init__(self, walk, folder, slots):
        self.walk, self.slots, self.folder = walk, slots, folder
        self.make()

    def make(self):
        self.teacher = a_teacher(self.walk, self.walk.seed)
        if self.slots:
            self.env = TeacherVecEnv(self.teacher, FAMILY.make_vec(self.slots), mastered=0.5, budget=50)
        else:
            self.env = TeacherEnv(Line(), self.teacher, mastered=0.5, budget=50)
        self.started = False

    def call(self, what, call):
        return self.walk.call(what, call, self.teacher.state_dict)

    def advance(self):
        chosen = self.walk.rng.choice(["step", "reset", "save", "load"], p=[0.7, 0.14, 0.06, 0.1])
        getattr(self, chosen)()

    def step(self):
        if not self.started:
            self.reset()
        if not self.started:
            return
        action = np.zeros(self.slots, int) if self.slots else 0
        found = self.call("step", lambda: self.env.step(action))
        if not self.slots and (found[2] or found[3]):
            self.started = False
        most = self.slots or 1
        if len(self.teacher.outstanding) > most:
            self.walk.fail(f"expected at most {most} open tasks, got {self.teacher.outstanding}")

    def reset(self):
        options = {}
        if not self.slots and self.walk.chance(0.2):
            options = {"options": self.walk.one_of({"task": np.zeros(2)}, {"other": 1}, None)}
        if self.call(f"reset({options!r})", lambda: self.env.reset(**options)) is not REFUSED:
            self.started = True

    def save(self):
        path = self.walk.or_odd(self.folder / "saved.npz", 0.1)
        if isinstance(path, str | bytes | int):  # no odd files beside the tests
            path = self.folder
        self.call(f"save({path!r})", lambda: self.env.save(path))

    def load(self):
        path = self.folder / "spoiled.npz"
        whole = self.folder / "whole.npz"
        self.env.save(whole)
        how, state = "its own", checkpoint.load(whole)
        if self.walk.chance(0.7):
            how, state = spoil(self.walk, state)
        try:
            checkpoint.save(path, state)
        except (TypeError, AttributeError):  # no plain data: no file can hold it
            return
        if self.walk.chance(0.2):
            data = bytearray(path.read_bytes())
            data[int(self.walk.rng.integers(len(data)))] ^= 1 << int(self.walk.rng.integers(8))
            path.write_bytes(data)
        if self.call(f"load({how})", lambda: self.env.load(path)) is not REFUSED:
            if len(self.teacher.outstanding):
                self.walk.fail("expected no open task after load")
            self.started = False
            self.reset()
            self.step()


@pytest.mark.parametrize("slots", [0, 1, 3])
def test_environments(slots, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        walks(
            f"environments: {slots} slots",
            0.02,
            lambda walk: EnvWalk(walk, tmp_path, slots).advance,
            least=4,
        )
