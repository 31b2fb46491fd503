"""Options come back from a manifest as they were given, or are refused by name."""

import enum
import json
import math
from collections import OrderedDict
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from torch import nn

from teacherstudent.contract.accounts.plan import Plan
from teacherstudent.recording.disk import plain
from teacherstudent.running.experiment import Experiment
from teacherstudent.running.options import check_options, restore

PLAN = Plan(budget=10)


class Colour(enum.Enum):
    RED = "red"


class Word(enum.StrEnum):
    A = "a"


class Number(enum.IntEnum):
    ONE = 1


class Pair(NamedTuple):
    a: int
    b: int


def same(a, b):
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, np.ndarray):
        equal = np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
        return a.dtype == b.dtype and a.shape == b.shape and equal
    if isinstance(a, float | np.floating):
        return (math.isnan(a) and math.isnan(b)) or (a == b and math.copysign(1, a) == math.copysign(1, b))
    return a == b


KEPT = [
    None,
    True,
    0,
    -(2**70),
    0.1,
    1e-320,
    -0.0,
    math.inf,
    -math.inf,
    math.nan,
    "",
    "ü\x1b\n\u202e",
    "\ud800",
    [],
    [1, 2.5, "x", None, True],
    (),
    (1, "episode"),
    ((1, (2, [3, (4,)])),),
    {"a": (1, 2), "b": {"c": [(math.inf, 1)]}},
    {"$array": 1, "$tuple": [1]},
    set(),
    {1, 2, 3},
    {"a", "b"},
    frozenset({5}),
    Path("data/x.npy"),
    np.bool_(True),
    np.int8(-3),
    np.uint64(2**64 - 1),
    np.float16(0.1),
    np.float32(0.1),
    np.float64(0.1),
    np.float32("nan"),
    np.float64("-inf"),
    np.arange(6).reshape(2, 3),
    np.zeros((0, 3), np.float32),
    np.array(1.5),
    np.array([1.0, math.nan]),
    np.array([True, False]),
    np.array(["a", "bcd"]),
    np.array([1, 2], ">i2"),
    [np.float32(0.5), (np.arange(2), Path("x"))],
]


@pytest.mark.parametrize("value", KEPT, ids=lambda value: type(value).__name__)
def test_options_come_back_as_they_were(value):
    options = {"first": value, "second": {"inner": [value]}}
    kinds = check_options(options, "teacher_options")
    there = json.loads(plain.dumps({"options": options, "kinds": kinds}))
    found = restore(there["options"], there["kinds"], "teacher_options")
    assert same(found, options)


@pytest.mark.parametrize(
    "value",
    [
        lambda: 0,
        nn.ReLU,
        math.sqrt,
        object(),
        Colour.RED,
        Word.A,
        Number.ONE,
        Pair(1, 2),
        b"bytes",
        1j,
        10**5000,
        {1: "a"},
        {"a": {("x",): 1}},
        {1, "a"},
        {(1, 2)},
        np.array([object()]),
        np.array([1.0, math.inf]),
        np.longdouble(0.1),
        np.array([1j]),
        np.datetime64("2020-01-01"),
        np.str_("x"),
        range(3),
        iter([1]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_no_manifest_holds_is_refused_by_its_name(value):
    with pytest.raises(TypeError, match=r"student_options\.policy\[1\].*: expected .*, got"):
        Experiment(teacher="random", family="toy-grid", plan=PLAN, student_options={"policy": [0, value]})


def test_a_class_is_told_how_it_can_be_named():
    with pytest.raises(
        TypeError, match=r"family_options\.net: .*give torch.nn.modules.activation:ReLU as a text"
    ):
        Experiment(teacher="random", family="toy-grid", plan=PLAN, family_options={"net": nn.ReLU})


def test_endless_options_are_refused():
    options = {}
    options["again"] = options
    with pytest.raises(ValueError, match=r"teacher_options\.again.*expected at most \d+ levels"):
        Experiment(teacher="random", family="toy-grid", plan=PLAN, teacher_options=options)
    with pytest.raises(TypeError, match="teacher_options: expected a mapping of names to values, got 3"):
        Experiment(teacher="random", family="toy-grid", plan=PLAN, teacher_options=3)


def test_mappings_of_other_kinds_come_back_as_plain_ones():
    options = {"a": OrderedDict(b=1)}
    assert restore(options, check_options(options, "x"), "x") == {"a": {"b": 1}}


@pytest.mark.parametrize(
    "kinds",
    [
        3,
        [3],
        [[["a"], "object"]],
        [[["b"], "tuple"]],
        [[["a"], "numpy object"]],
        [[["a"], ["array", "|O", [1]]]],
    ],
)
def test_damaged_notes_on_options_are_refused(kinds):
    with pytest.raises(ValueError, match="teacher_options: expected what was written"):
        restore({"a": [1]}, kinds, "teacher_options")


def test_a_run_is_resumed_with_the_options_it_had(tmp_path):
    experiment = Experiment(
        teacher="alp-gmm",
        family="toy-grid",
        student="competence",
        plan=Plan(budget=60, test_every=30),
        teacher_options={"initial": ([0.1, 0.2], (0.3, np.float32(0.4))), "fit_rate": np.int64(20)},
        family_options={"cells": 10},
        student_options={"noise": np.float64(0.1)},
    )
    rounds = iter(range(100))
    experiment.run(tmp_path / "run", stop=lambda: next(rounds) > 20)
    again = Experiment.from_folder(tmp_path / "run")
    assert again == experiment
    assert same(dict(again.teacher_options), dict(experiment.teacher_options))
    assert same(dict(again.student_options), dict(experiment.student_options))
    assert again.run(tmp_path / "run", resume=True).spent == 60
