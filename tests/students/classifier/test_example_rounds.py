"""Rounds of examples whose number is no multiple of the batch size: no step is made on what is left over."""

import sys
import types

import numpy as np
import pytest
import torch

from teacherstudent import teachers
from teacherstudent.contract.accounts.plan import Plan
from teacherstudent.contract.purposes import purposes
from teacherstudent.contract.types import Assignment
from teacherstudent.envs.images.examples import DigitsExamples
from teacherstudent.envs.images.stages import DigitsStages
from teacherstudent.recording.disk.checkpoint import load, save
from teacherstudent.running.loop import run
from teacherstudent.students.classifier.student import ClassifierStudent

FAMILY = DigitsExamples()


def normalised(classes, channels, size):
    """Return a network that cannot be trained on one example."""
    flat = channels * size * size
    return torch.nn.Sequential(
        torch.nn.Flatten(),
        torch.nn.Linear(flat, 16),
        torch.nn.BatchNorm1d(16),
        torch.nn.ReLU(),
        torch.nn.Linear(16, classes),
    )


def linear(classes, channels, size):
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(channels * size * size, classes))


@pytest.fixture(autouse=True)
def _importable(monkeypatch):
    module = types.ModuleType("own_networks")
    module.normalised, module.linear = normalised, linear
    monkeypatch.setitem(sys.modules, "own_networks", module)


def student(batch, backbone="normalised", *, family=FAMILY, budget=None, **machine):
    training = {"batch_size": batch, "renorm": 64}
    made = ClassifierStudent(
        family, seed=0, backbone=f"own_networks:{backbone}", training=training, machine=machine, budget=budget
    )
    made.lengths = []
    step = made.trainer.learner.step

    def counted(images, *args, **options):
        made.lengths.append(len(images))
        return step(images, *args, **options)

    made.trainer.learner.step = counted
    return made


def rows(tasks, learn=True, first=0):
    tasks = np.asarray(tasks)
    learn = np.broadcast_to(np.asarray(learn), len(tasks))
    return Assignment(ids=first + np.arange(len(tasks)), tasks=tasks, purpose=purposes(learn))


@pytest.mark.parametrize(
    ("batch", "teacher", "options"),
    [(batch, "self-paced", {"share": (0.5, 0.5)}) for batch in (2, 10, 83, 100)]
    + [(83, "jest", {"score": "hard"}), (83, "uniform", {})],
)
def test_every_batch_size_finishes_without_a_small_step(batch, teacher, options, tmp_path):
    budget = 7e6 if batch == 2 else 1.5e7
    learner = student(batch, budget=budget)
    made = teachers.make(teacher, FAMILY.space, seed=0, **options)
    ledger = run(FAMILY, made, learner, tmp_path / "run", Plan(budget=budget, test_every=budget))
    assert ledger.spent >= budget
    assert len(learner.lengths) > 5
    assert min(learner.lengths) >= max(2, batch / 2)
    assert max(learner.lengths) <= max(3, batch)
    if teacher == "uniform":
        assert set(learner.lengths) == {batch}


def test_fewer_than_half_a_batch_wait_for_the_next_round():
    learner = student(10)
    first = learner.train(rows(range(12), [True] * 4 + [False] * 8))
    assert first.ids.tolist() == list(range(4, 12))  # what was measured
    assert learner.holds().tolist() == [0, 1, 2, 3]
    assert learner.lengths == []
    assert learner.spent()["train"] == 0
    assert learner.wants() == 6
    second = learner.train(rows(range(50, 56), first=12))
    assert second.ids.tolist() == [0, 1, 2, 3, *range(12, 18)]
    assert second.tasks.tolist() == [0, 1, 2, 3, *range(50, 56)]
    assert learner.lengths == [10]
    assert learner.spent()["train"] == second.cost.sum()
    assert learner.holds().size == 0
    assert learner.wants() == 10
    third = learner.train(rows(range(5), first=18))  # half a batch is enough
    assert len(third) == 5
    assert learner.lengths == [10, 5]
    nothing = learner.train(rows(range(4), first=23))
    assert len(nothing) == 0
    assert set(nothing.signals) == set(learner.offers["step"])


def test_what_waits_is_saved(tmp_path):
    learner = student(10)
    learner.train(rows(range(30), [True] * 13 + [False] * 17))
    learner.train(rows(range(40, 60), [True] * 3 + [False] * 17, first=30))
    assert learner.lengths == [7, 6]
    save(tmp_path / "state.npz", learner.state_dict())
    again = student(10)
    again.load_state_dict(load(tmp_path / "state.npz"))
    assert again.holds().tolist() == [30, 31, 32]
    found, expected = (one.train(rows(range(7), first=50)) for one in (again, learner))
    assert found.ids.tolist() == expected.ids.tolist() == [30, 31, 32, *range(50, 57)]
    assert np.array_equal(found.score, expected.score)


@pytest.mark.parametrize(
    ("count", "batch", "expected"),
    [(3, 2, [3]), (5, 2, [3, 2]), (11, 10, [6, 5]), (30, 10, [10, 10, 10]), (3, 1, [1] * 3)],
)
def test_what_is_left_of_a_round_makes_its_steps_shorter(count, batch, expected):
    learner = student(batch, "linear")
    assert len(learner.train(rows(range(count)))) == count
    assert learner.lengths == expected


def test_a_network_that_takes_no_single_example_is_refused_with_batches_of_one():
    message = "batch_size: expected at least 2 for backbone Sequential, got 1: Expected more than 1 value"
    with pytest.raises(ValueError, match=message):
        student(1)
    with pytest.raises(ValueError, match=message):
        student(64, family=DigitsStages(knobs={"batch_size": (1, 64)}))
    student(1, "linear").train(rows(range(2)))
    with pytest.raises(ValueError, match="renorm: expected 0 or a whole number of at least 2, got 1"):
        ClassifierStudent(FAMILY, seed=0, training={"renorm": 1})


@pytest.mark.parametrize("probe_batch", [1, 9, 63, 64])
def test_statistics_are_estimated_on_parts_of_equal_size(probe_batch):
    learner = student(10, probe_batch=probe_batch)
    seen = []
    norm = learner.trainer.learner.network[2]
    norm.register_forward_hook(
        lambda module, args, output: seen.append(len(args[0])) if module.training else None
    )
    learner.evaluate(np.array([0]), seed=0)
    assert sum(seen) == 64
    assert min(seen) >= max(2, max(seen) - 1)
    assert max(seen) <= max(2, probe_batch)
