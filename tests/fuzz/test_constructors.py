"""Wrong arguments of everything public end in one clear error, or are right: a walk over all of them."""

import gymnasium as gym
import numpy as np
import pytest
from curricula import curriculum
from task_spaces import KNOBS
from wrong_values import WRONG, complaint, faults

from teacherstudent import (
    Assignment,
    Entry,
    Experiment,
    LevelBuffer,
    Outcomes,
    Parameters,
    Plan,
    Study,
    TeacherCallback,
    TeacherEnv,
    TeacherVecEnv,
    envs,
    family_from_gymnasium,
    students,
    teachers,
)
from teacherstudent.contract.spaces import Box, Discrete
from teacherstudent.teachers.stages.paths import OpenLoop
from teacherstudent.testing import check_family, check_teacher

NEEDED = {
    "intermediate": {"mastered": 0.5},
    "goal-gan": {"mastered": 0.5, "gan": {"pretrain": 1, "maker": (4,), "critic": (4,)}},
    "setter-solver": {"mastered": 0.5},
    "reverse": {"mastered": 0.5, "easy": [[0.5, 0.5]]},
    "mastery": {"mastered": 0.5},
    "oracle": {"mastered": 0.5, "difficulty_step": (0.1, 0.1)},
    "compose": {"parts": ("lerac",)},
    "currot": {"mastered": 0.5},
    "gradient": {"mastered": 0.5, "easy": [[0.1, 0.1]]},
    "spdl": {"mastered": 0.5},
    "adr": {"mastered": 0.5, "failed": 0.1, "easy": [[0.1, 0.1]]},
    "again": {"curriculum": curriculum(Parameters(a=(0, 1), b=(0, 1)))},
    "terrain-levels": {"mastered": 0.5, "demoted": 0.2, "difficulty_step": (0.1, 0.1)},
}
"""What a teacher cannot do without."""


def space_of(name):
    kind = teachers.get(name)
    if issubclass(kind, OpenLoop):
        return KNOBS
    return Discrete(6) if Box not in kind.accepts else Parameters(a=(0, 1), b=(0, 1))


def work(teacher):
    """Ask and tell a little, and save: what the constructor took must be usable."""
    for _ in range(2):
        asked = teacher.ask(4)
        signals = {name: np.full(4, 0.5) for name in teacher.needs}
        teacher.tell(
            Outcomes(
                ids=asked.ids, tasks=asked.tasks, score=np.arange(4) / 4, cost=np.ones(4), signals=signals
            )
        )
    teacher.state_dict()
    teacher.metrics()


@pytest.mark.parametrize("name", teachers.names())
def test_teachers(name):
    base = {"space": space_of(name), "seed": 0, **NEEDED.get(name, {})}
    assert faults(teachers.get(name), base, work) == []


SPACE = Parameters(a=(0, 1))
ROW = {"ids": [0], "tasks": [[0.5]], "score": [1.0], "cost": [1.0]}


class Line(gym.Env):
    """Ends after two steps; what it pays is its task."""

    observation_space = gym.spaces.Box(-1, 1, (1,), np.float32)
    action_space = gym.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.task, self.steps = options["task"], 0
        return self.task.astype(np.float32), {}

    def step(self, action):
        self.steps += 1
        return self.task.astype(np.float32), float(self.task[0]), self.steps == 2, False, {}


FAMILY = family_from_gymnasium(Line, space=SPACE, mastered=0.5, test_tasks=2)
PLAN = Plan(budget=10, may_never_act=True)


def teacher():
    return teachers.make("random", SPACE, seed=0)


def make_teacher(seed):
    return teachers.make("random", SPACE, seed=seed)


def play(env):
    """Two episodes of an environment or a VecEnv."""
    env.reset()
    for _ in range(4):
        env.step(np.zeros(env.num_envs, int) if hasattr(env, "num_envs") else 0)
        if not hasattr(env, "num_envs"):
            env.reset()


def build(experiment):
    experiment.manifest()
    experiment.folder("runs")
    experiment.check()


def ask(n, progress):
    return teacher().ask(n, progress=progress)


def tell(outcomes):
    made = teacher()
    made.ask(1)
    made.tell(outcomes)


def drop(ids):
    made = teacher()
    made.ask(1)
    made.drop(ids)


def load(teacher_name, space, ids, rng, algorithm, whole):
    """Load a state of which an entry is replaced; the whole state if that is no mapping of entries."""
    made = teacher()
    made.ask(3)
    state = made.state_dict()
    changes = {"teacher": teacher_name, "space": space, "ids": ids, "rng": rng, "algorithm": algorithm}
    state |= {name: value for name, value in changes.items() if value is not AS_IS}
    fresh = teacher()
    fresh.load_state_dict(state if whole is AS_IS else whole)
    fresh.ask(2)


def keep(buffer):
    buffer.insert([[0.5]], [1.0])


def evaluation(envs, tasks, mastered, seed):
    return TeacherVecEnv.evaluation(envs, tasks, mastered=mastered, seed=seed)


AS_IS = object()
STATE = dict.fromkeys(("teacher_name", "space", "ids", "rng", "algorithm", "whole"), AS_IS)
EXPERIMENT = {"teacher": "random", "family": "toy-grid", "student": "competence", "plan": PLAN}
STUDY = {"name": "s", "family": "toy-grid", "student": "competence", "teachers": {"random": {}}, "budget": 10}

ENTRY_POINTS = {
    "Assignment": (Assignment, {"ids": [0], "tasks": [[0.5]]}, None),
    "Outcomes": (Outcomes, ROW, None),
    "concatenate": (Outcomes.concatenate, {"parts": [Outcomes(**ROW)]}, None),
    "ask": (ask, {"n": 1, "progress": 0.0}, None),
    "tell": (tell, {"outcomes": Outcomes(**ROW)}, None),
    "drop": (drop, {"ids": np.array([0])}, None),
    "load_state_dict": (load, STATE, None),
    "LevelBuffer": (LevelBuffer, {"space": SPACE}, keep),
    "Plan": (Plan, {"budget": 10}, lambda plan: plan.intervals()),
    "Entry": (Entry, {}, None),
    "Study": (Study, STUDY, lambda study: [one.folder("runs") for one in study.experiments()]),
    "Experiment": (Experiment, EXPERIMENT, build),
    "TeacherEnv": (TeacherEnv, {"env": Line(), "teacher": teacher(), "mastered": 0.5, "budget": 9}, play),
    "TeacherVecEnv": (TeacherVecEnv, {"teacher": teacher(), "envs": FAMILY.make_vec(1)}, play),
    "family_from_gymnasium": (
        family_from_gymnasium,
        {"environment": Line, "space": SPACE, "test_tasks": 2},
        lambda family: family.make_vec(1).close(),
    ),
    "evaluation": (
        evaluation,
        {"envs": FAMILY.make_vec(1), "tasks": [[0.5]], "mastered": None, "seed": 0},
        play,
    ),
    "TeacherCallback": (TeacherCallback, {"teacher": teacher()}, None),
    "check_family": (lambda factory: check_family(factory, steps=2, processes=1), {"factory": FAMILY}, None),
    "check_teacher": (lambda factory: check_teacher(factory, episodes=9), {"factory": make_teacher}, None),
}
"""What is public beside the registries: a call, right arguments, and what is done with the result."""


@pytest.mark.parametrize("name", ENTRY_POINTS)
def test_entry_points(name):
    target, base, use = ENTRY_POINTS[name]
    assert faults(target, base, *([] if use is None else [use])) == []


@pytest.mark.parametrize("name", envs.names())
def test_families(name):
    """All families; environments are not made, as those of walkers are compiled first."""
    if name.startswith("fashion"):
        pytest.skip("its files are not installed; its options are those of digits and the files'")
    assert faults(envs.get(name), {}, lambda family: family.test_tasks()) == []


SMALL = {
    "rsl-rl": {"n_envs": 2, "n_steps": 4, "device": "cpu"},
    "classifier": {"backbone": "cnn", "backbone_options": {"width": 2}},
}
"""What makes a student quickly."""


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("competence", "toy-grid"),
        ("leaky-rnn", "parity"),
        ("sb3", "cartpole-parameters"),
        ("rsl-rl", "cartpole-parameters"),
        ("classifier", "digits-stages"),
        ("classifier", "digits-examples"),
    ],
)
def test_students(name, family):
    base = {"family": envs.make(family), "seed": 0, **SMALL.get(name, {})}
    assert faults(students.get(name), base, lambda student: student.close()) == []


@pytest.mark.parametrize("label", WRONG)
def test_parameters(label):
    assert complaint(lambda: Parameters(a=WRONG[label]())) is None
