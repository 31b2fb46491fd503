"""What objects say of themselves, and that a run is not resumed with objects that say something else."""

from __future__ import annotations

import copy
import dataclasses
import enum
import functools
import logging
import pickle
from types import MappingProxyType

import numpy as np
import pytest
import torch
from gymnasium.spaces import Discrete

from teacherstudent import Family, Plan, Teacher, envs, run, students, teachers
from teacherstudent.contract.stored.settings import arguments_of, describe, maker, settings_of
from teacherstudent.recording.runs import Run
from teacherstudent.running.experiment import Experiment
from teacherstudent.students.competence import CompetenceStudent


class Own(Family):
    def __init__(self, scores, *, noise=0.1, **more):
        self.space = Discrete(3)
        self.test_set = "own"
        del scores, noise, more

    def test_tasks(self):
        return np.arange(3)


class Heir(Own):
    def __init__(self, *, heir=1):
        super().__init__([1, 2], noise=0.5)
        self.heir = heir


class Same(Own):
    """Has no constructor of its own."""


@dataclasses.dataclass
class Fields(Family):
    cells: int = 3
    device: str = "cpu"
    space = Discrete(3)
    test_set = "own"

    def test_tasks(self):
        return np.arange(3)


def test_arguments_are_noted_without_defaults():
    assert settings_of(Own([1, 2])) == {"scores": [1, 2]}
    assert settings_of(Own((1, 2), noise=0.1)) == {"scores": [1, 2]}
    assert settings_of(Own(np.array([1, 2]), noise=0.2, extra="x")) == {
        "scores": [1, 2],
        "noise": 0.2,
        "extra": "x",
    }
    assert settings_of(Heir()) == {}
    assert settings_of(Heir(heir=3)) == {"heir": 3}
    assert settings_of(Same(scores=[])) == {"scores": []}
    assert settings_of(Fields(4)) == {"cells": 4}
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        Own()


def test_registered_things_note_theirs():
    family = envs.make("toy-grid", cells=7)
    assert settings_of(family) == {"cells": 7}
    teacher = teachers.make("alp-gmm", family.space, seed=3, random_task_ratio=0.4)
    assert settings_of(teacher) == {"seed": 3, "random_task_ratio": 0.4}
    assert settings_of(CompetenceStudent(family, seed=np.random.SeedSequence(1).spawn(2)[1])) == {
        "seed": {"entropy": 1, "spawn_key": [1]}
    }


def test_where_and_how_long_is_no_setting():
    student = students.make(
        "rsl-rl", envs.make("cartpole-parameters"), seed=0, n_envs=4, device="cpu", budget=1e5
    )
    assert settings_of(student) == {"seed": 0, "n_envs": 4}
    student.close()


def test_objects_are_made_again_from_their_arguments():
    scores = np.arange(3.0)
    own = Own(scores, noise=0.2, extra={"a": (1, one)})
    scores[:] = 9
    again = maker(own)()
    assert type(again) is Own
    assert again is not own
    assert settings_of(again) == settings_of(own)
    assert settings_of(again)["scores"] == [0, 1, 2]
    assert settings_of(maker(own, "noise")(0.5)) | {"noise": 0.2} == settings_of(own)
    family = envs.make("toy-grid", cells=7)
    student = CompetenceStudent(family, seed=np.random.SeedSequence(1), batch=3)
    other = maker(student, "seed")(4)
    assert other.family is family
    assert settings_of(other) == {"seed": 4, "batch": 3}
    for copied in (copy.deepcopy(own), maker(own)()):
        assert settings_of(maker(copied)()) == settings_of(own)


class Positions(Own):
    def __init__(self, first, /, *rest, last=0):
        super().__init__([first, *rest, last])


def test_arguments_go_back_to_their_places():
    assert settings_of(maker(Positions(1, 2, 3, last=4))()) == settings_of(Positions(1, 2, 3, last=4))
    assert settings_of(maker(Positions(1, 2, 3), "last")(5)) == settings_of(Positions(1, 2, 3, last=5))


class Around(CompetenceStudent):
    """Is not registered, so that only the inner constructor is noted."""

    def __init__(self):
        super().__init__(envs.make("toy-grid"), seed=0)


@pytest.mark.parametrize(
    ("thing", "why"),
    [
        (Own([1, object()]), r"Own was made with \['scores'\], which is more than small plain data"),
        (Own(np.zeros(20_000)), "more than small plain data"),
        (Own([1], device=np.random.default_rng(0)), r"\['more'\]"),
        (Fields(3), "how Fields was made is not known"),
        (Around(), "how Around was made is not known"),
        (3, "how int was made is not known"),
    ],
)
def test_what_cannot_be_made_again_says_why(thing, why):
    with pytest.raises(TypeError, match=why):
        maker(thing)
    with pytest.raises(TypeError, match=r"how Own was made is not known"):
        maker(pickle.loads(pickle.dumps(Own([1]))))  # the arguments stay behind
    with pytest.raises(TypeError, match="Own has no argument 'seed'"):
        maker(Own([1]), "seed")


class Told:
    def settings(self):
        return {"rate": 0.1, "layers": (3, 4)}


class Slots:
    __slots__ = ()


class Asked:
    def __init__(self):
        self.times = 0

    def settings(self):
        self.times += 1
        return {"times": "many"}


def test_an_argument_is_described_once_and_a_place_never():
    scores, more, device = Asked(), Asked(), Asked()
    own = Own(scores, more=more, device=device)
    assert settings_of(own).keys() == {"scores", "more"}
    assert (scores.times, more.times, device.times) == (1, 1, 0)


def test_objects_may_say_it_themselves():
    assert settings_of(Told()) == {"rate": 0.1, "layers": [3, 4]}
    assert settings_of(Slots()) is None
    assert settings_of(object()) is None


class Kind(enum.Enum):
    A = 1


def one(x):
    return x


def other(x):
    return x


LARGE = np.arange(100_000.0)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (one, other),
        (lambda x: x + 1, lambda x: x + 2),
        (functools.partial(one, 1), functools.partial(one, 2)),
        (LARGE, LARGE + (np.arange(100_000) == 70_000)),
        (LARGE, LARGE.astype(np.float32)),
        (LARGE, LARGE.reshape(2, -1)),
        (list(range(100)), [*range(99), 0]),
        (torch.zeros(100), torch.ones(100)),
        (torch.zeros(100, dtype=torch.bfloat16), torch.ones(100, dtype=torch.bfloat16)),
        (np.nan, np.inf),
        (Kind.A, "A"),
        ({"a": 1}, {"a": 2}),
        ({1, 2}, {1, 3}),
        (int, float),
        (Own([1]), Own([2])),
        (Told(), Slots()),
        (np.random.default_rng(0), np.random.default_rng(1)),
        (Fields(1), Fields(2)),
        (np.random.default_rng(0).random, np.random.default_rng(1).random),
    ],
)
def test_different_values_are_told_apart_and_equal_ones_not(a, b):
    assert describe(a) == describe(a)
    assert describe(a) != describe(b)


def test_closures_are_told_apart_by_what_they_hold():
    def make(k):
        return lambda x: x * k

    assert describe(make(2)) == describe(make(2))
    assert describe(make(2)) != describe(make(3))


def test_huge_arrays_are_looked_at_in_blocks(monkeypatch):
    monkeypatch.setattr("teacherstudent.contract.stored.settings._HASHED", 2**16)
    big = np.zeros(10**6)
    assert describe(big) == describe(big.copy())
    assert describe(big) != describe(np.ones(10**6))


def grid(*, noise=0.0, batch=1, cells=10, seed=0, teacher="alp-gmm", **options):
    family = envs.make("toy-grid", cells=cells)
    student = students.make("competence", family, seed=seed, noise=noise, batch=batch)
    return family, teachers.make(teacher, family.space, seed=seed, **options), student


def half(folder, *parts):
    rounds = iter(range(1000))
    run(*parts, folder, Plan(budget=60, test_every=30), stop=lambda: next(rounds) > 20)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"noise": 0.5}, r"settings\.student\.noise: expected nothing as in that run, got 0.5"),
        ({"batch": 3}, r"settings\.student\.batch"),
        ({"cells": 20}, r"settings\.family\.cells"),
        ({"seed": 7}, r"settings\.teacher\.seed: expected 0 as in that run, got 7"),
        ({"random_task_ratio": 0.9}, r"settings\.teacher\.random_task_ratio"),
        ({"fit_rate": 20}, r"settings\.teacher\.fit_rate"),
        ({"teacher": "random"}, r"teacher\.name: expected 'ALPGMM' as in that run, got 'UniformTeacher'"),
    ],
)
def test_other_settings_are_refused_and_the_run_stays_as_it_was(tmp_path, change, words):
    half(tmp_path / "run", *grid())
    before = {p: p.read_bytes() for p in (tmp_path / "run").rglob("*") if p.is_file()}
    with pytest.raises(ValueError, match=words):
        run(*grid(**change), tmp_path / "run", Plan(budget=90, test_every=30), resume=True)
    assert {p: p.read_bytes() for p in (tmp_path / "run").rglob("*") if p.is_file()} == before
    assert run(*grid(), tmp_path / "run", Plan(budget=90, test_every=30), resume=True).spent == 90


def test_data_in_memory_is_compared(tmp_path):
    half(tmp_path / "run", *with_scores(np.arange(1000.0)))
    changed = np.arange(1000.0)
    changed[500] += 1
    with pytest.raises(ValueError, match=r"settings\.family\.scores\.digest: expected '\w+' as in that run"):
        run(*with_scores(changed), tmp_path / "run", Plan(budget=60, test_every=30), resume=True)


def with_scores(scores):
    family = Own(scores)
    teacher = teachers.make("exp3s", family.space, seed=0)
    return family, teacher, Plain()


class Plain:
    """A student that says nothing of itself."""

    offers = MappingProxyType({"episode": {}})

    def __init__(self):
        self.steps = 0

    def bind(self, demand):
        pass

    def wants(self):
        return 1

    def train(self, assignment):
        from teacherstudent import Outcomes

        self.steps += 1
        ones = np.ones(len(assignment))
        return Outcomes(ids=assignment.ids, tasks=assignment.tasks, score=ones, cost=ones)

    def evaluate(self, tasks, *, seed):
        from teacherstudent import Outcomes

        ones = np.ones(len(tasks))
        return Outcomes(ids=np.full(len(tasks), -1), tasks=tasks, score=ones, cost=ones)

    def spent(self):
        return {"train": float(self.steps), "updates": float(self.steps)}

    def holds(self):
        return np.zeros(0, np.int64)

    def metrics(self):
        return {}

    def state_dict(self):
        return {"steps": self.steps}

    def load_state_dict(self, state):
        self.steps = state["steps"]

    def close(self):
        pass


def test_who_says_nothing_is_named_when_a_run_is_resumed(tmp_path, caplog):
    half(tmp_path / "run", *with_scores([1]))
    assert "says nothing" not in caplog.text
    with caplog.at_level(logging.WARNING):
        run(*with_scores([1]), tmp_path / "run", Plan(budget=60, test_every=30), resume=True)
    assert "Plain says nothing of its settings" in caplog.text
    assert "Own says" not in caplog.text


def test_the_manifest_holds_the_settings(tmp_path):
    half(tmp_path / "run", *grid(noise=0.25, cells=12))
    assert Run.load(tmp_path / "run").manifest["settings"] == {
        "family": {"class": "ToyGrid", "cells": 12},
        "teacher": {"class": "ALPGMM", "seed": 0},
        "student": {"class": "CompetenceStudent", "seed": 0, "noise": 0.25},
    }


def test_runs_of_a_version_without_settings_are_resumed(tmp_path):
    from editing import edit

    half(tmp_path / "run", *grid())
    edit(tmp_path / "run" / "manifest.json", lambda manifest: manifest.pop("settings"))
    assert run(*grid(), tmp_path / "run", Plan(budget=60, test_every=30), resume=True).spent == 60


def test_a_longer_budget_is_taken(tmp_path):
    plan = Plan(budget=60, test_every=30)
    experiment = Experiment(teacher="riac", family="toy-grid", student="competence", plan=plan)
    experiment.run(tmp_path / "run")
    longer = dataclasses.replace(experiment, plan=Plan(budget=90, test_every=30))
    assert longer.run(tmp_path / "run", resume=True).spent == 90


def test_signatures_stay():
    import inspect

    assert list(inspect.signature(Own).parameters) == ["scores", "noise", "more"]
    assert "random_task_ratio" in inspect.signature(type(grid()[1])).parameters
    assert isinstance(grid()[1], Teacher)


def test_arguments_are_given_back_without_the_space():
    given = [1, 2]
    teacher = teachers.make("random", Discrete(3), seed=5)
    assert arguments_of(teacher) == ({"seed": 5}, [])
    own = Own(given, noise=torch.zeros(1), extra=3)
    arguments, lost = arguments_of(own)
    assert (arguments, lost) == ({"scores": [1, 2], "extra": 3}, ["noise"])
    arguments["scores"].append(3)
    assert arguments_of(own)[0]["scores"] == [1, 2]
    with pytest.raises(TypeError, match="how int was made is not known"):
        arguments_of(3)
