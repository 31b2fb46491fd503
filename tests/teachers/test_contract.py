"""Every registered teacher, in every variant and on every kind of space it accepts, keeps the contract."""

import inspect
import typing

import numpy as np
import pytest
from curricula import curriculum
from task_spaces import Bits, easy_tasks, spaces_for
from threadpoolctl import threadpool_limits

from teacherstudent import teachers
from teacherstudent.contract.spaces import Box, Discrete, Parameters
from teacherstudent.teachers.stages.paths import OpenLoop
from teacherstudent.testing import check_teacher
from teacherstudent.testing.sessions import Session, plausible_outcomes

SPACES = {
    "parameters": Parameters(height=(0, 3), spacing=(-2, 6)),
    "box": Box(-1.0, 1.0, (3, 1), np.float32),
    "discrete": Discrete(6, start=2),
    "levels": Bits(),
}


MIXTURE = {"fit_rate": 60, "n_components": (2, 4)}
ADVERSARY = {
    "adversary": {"lr": 0.01, "noise": 4, "hidden": (8,), "epochs": 1, "minibatches": 2, "normalise": True}
}
REPLAY = {"buffer": {"capacity": 40, "temperature": 1.0}}
OPTIONS = {
    "minimax": ADVERSARY,
    "paired": ADVERSARY,
    "repaired": ADVERSARY | {"replay": 0.5, **REPLAY},
    "alp-gmm": MIXTURE,
    "covar-gmm": MIXTURE,
    "riac": {"region_size": 60},
    "currot": {"particles": 40, "batch": 20},
    "gradient": {"particles": 20, "batch": 20, "stages": 3},
    "spdl": {"batch": 20},
    "adr": {"queue": 3},
    "reverse": {"new": 20, "old": 10},
    "goal-gan": {
        "update_size": 10,
        "gan": {"pretrain": 2, "iterations": 3, "batch_size": 8, "maker": (4,), "critic": (4,)},
    },
    "setter-solver": {
        "fit_rate": 60,
        "steps": 2,
        "window": 150,
        "networks": {"hidden": 4, "judge": (4,), "blocks": 1, "layers": 1, "batch_size": 8},
    },
    "vds": {
        "fit_rate": 60,
        "steps": 2,
        "window": 150,
        "candidates": 40,
        "ensemble": {"networks": 3, "hidden": (4,), "batch_size": 8},
    },
    "intermediate": {"fit_rate": 60, "candidates": 40, "window": 150},
    "plr": REPLAY,
    "robust-plr": REPLAY,
    "accel": REPLAY,
    "parallel-plr": REPLAY,
    "parallel-accel": REPLAY,
    "sfl": {"refresh": 3, "candidates": 20, "attempts": 2, "keep": 10},
    "compose": {"parts": ("lerac", {"name": "rex", "law": "cosine"})},
}
"""Options by teacher that bring several of its phases within a few hundred tasks."""
EPISODES = dict.fromkeys(("minimax", "paired", "repaired"), 100)
"""Tasks in each session by teacher; those that train a network reach their last phase soon."""


@pytest.fixture(autouse=True)
def one_thread():
    """Small fits are many times slower on several threads when the machine is busy."""
    with threadpool_limits(1):
        yield


def variants(name):
    """Return the values of the constructor's ``variant``, or None if it has none."""
    hints = typing.get_type_hints(teachers.get(name).__init__)
    return typing.get_args(hints["variant"]) if "variant" in hints else (None,)


def options(name, variant, space):
    """Return what a launcher would fill in, and what speeds this test up."""
    known = {
        "score_range": (0.0, 1.0),
        "mastered": 0.3,
        "difficulty_step": (0.1,) * int(np.prod(space.shape)),
        "easy": easy_tasks(space),
        "variant": variant,
    }
    if name == "again" and isinstance(space, Box):
        known |= {"curriculum": curriculum(space), "episodes": 20, "alp_gmm": MIXTURE}
    taken = inspect.signature(teachers.get(name)).parameters
    return {k: v for k, v in known.items() if k in taken and v is not None} | OPTIONS.get(name, {})


CASES = [
    pytest.param(name, variant, space, id=f"{name}-{variant}-{kind}")
    for name in teachers.names()
    for variant in variants(name)
    for kind, space in spaces_for(name, SPACES).items()
]


def test_no_teacher_is_left_out():
    assert {"alp-gmm", "covar-gmm", "oracle", "random", "riac"} <= set(teachers.names())
    assert {case.values[0] for case in CASES} == set(teachers.names())
    assert {"riac-paper-box", "riac-fixed-parameters", "random-None-levels"} <= {case.id for case in CASES}


@pytest.mark.parametrize(("name", "variant", "space"), CASES)
def test_contract(name, variant, space):
    check_teacher(
        lambda seed: teachers.make(name, space, seed=seed, **options(name, variant, space)),
        episodes=EPISODES.get(name, 300),
        deterministic=name in ("constant", "in-order", "mastery") or issubclass(teachers.get(name), OpenLoop),
    )


@pytest.mark.parametrize(("name", "variant", "space"), CASES)
def test_a_teacher_says_when_it_acts(name, variant, space):
    """What it waits for before it acts is over once it has heard enough: then its rows count as steered."""
    teacher = teachers.make(name, space, seed=0, **options(name, variant, space))
    wait = teacher.first_action()
    assert wait is None or wait.rows > 0
    before = teacher.decisions()
    Session(teacher, plausible_outcomes).run(600)
    assert teacher.first_action() is None
    # Whoever counts decisions has counted some by then.
    assert teacher.decisions() is None or teacher.decisions() > before


@pytest.mark.parametrize("name", teachers.names())
def test_other_spaces_and_bad_seeds_are_refused(name):
    accepts = teachers.get(name).accepts
    for space in [*SPACES.values(), *spaces_for(name, SPACES).values()]:
        if isinstance(space, Parameters) and space not in spaces_for(name, SPACES).values():
            continue  # other names than the teacher's
        if not isinstance(space, accepts):
            with pytest.raises(TypeError, match=r"expected a space of type .*, got "):
                teachers.make(name, space, seed=0, **options(name, None, space))
            continue
        with pytest.raises(ValueError, match="seed: expected an integer of at least 0, got -1"):
            teachers.make(name, space, seed=-1, **options(name, None, space))
        with pytest.raises(TypeError, match=r"seed: expected an int .*, got 'a'"):
            teachers.make(name, space, seed="a", **options(name, None, space))
    if issubclass(Box, accepts):
        for low, high in ((0.0, 0.0), (0.0, np.inf), (-np.inf, 0.0)):
            empty = Box(np.array([low]), np.array([high]), dtype=np.float64)
            with pytest.raises(ValueError, match="x0: expected finite low < high"):
                teachers.make(name, empty, seed=0, **options(name, None, empty))


@pytest.mark.parametrize("name", teachers.names())
def test_the_constructor_is_the_configuration(name):
    parameters = inspect.signature(teachers.get(name)).parameters
    assert next(iter(parameters)) == "space"
    keywords = [p for key, p in parameters.items() if key != "space"]
    assert all(p.kind is p.KEYWORD_ONLY for p in keywords)
    assert len(keywords) - 1 <= 8, "at most 8 options beside space and seed"
    assert all(p.default is not p.empty for key, p in parameters.items() if key not in ("space", "seed"))
