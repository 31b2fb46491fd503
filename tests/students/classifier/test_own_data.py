"""The student `supervised` on data of the user's own: every kind of target, teachers, resume, options."""

import numpy as np
import pytest
import torch
from torch import nn

from teacherstudent import Plan, family_from_dataset, run, students, teachers
from teacherstudent.contract.types import Assignment
from teacherstudent.envs.images.data import DataFileError
from teacherstudent.recording.runs import Run
from teacherstudent.students.classifier.student import ClassifierStudent
from teacherstudent.testing.students import check_student

RNG = np.random.default_rng(0)
TABLE = RNG.normal(size=(240, 5))
CLASS = (TABLE[:, 0] > 0).astype(int)
NUMBER = TABLE @ np.array([1.0, -1, 0.5, 0, 0])
LABELS = (TABLE[:, :3] > 0).astype(int)
SOUND = RNG.normal(size=(120, 1, 32))
PIXELS = RNG.integers(0, 256, (120, 8, 8, 3)).astype(np.uint8)
SMALL = {"training": {"batch_size": 16}, "backbone_options": {"widths": (8,)}}


class Noisy:
    """Items that are drawn at random whenever they are read, by torch's global generator."""

    def __init__(self, broken=-1):
        self.broken = broken
        self.samples = [(f"{k}.wav", k % 2) for k in range(80)]
        self.targets = np.arange(80) % 2

    def __len__(self):
        return 80

    def __getitem__(self, index):
        if index == self.broken:
            raise OSError("no such file")
        return torch.randn(6) + 2 * (index % 2), index % 2


class Conv(nn.Module):
    """A small network for sound; it takes its shape as options and not from the data."""

    def __init__(self, width=4):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv1d(1, width, 5), nn.ReLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten())
        self.head = nn.Linear(width, 2)

    def forward(self, sounds):
        return self.head(self.layers(sounds))


def last(folder):
    tests = Run.load(folder).tests()
    final = tests["test"] == 1
    return tests["score"][final]


def test_both_names_are_one_student():
    assert students.get("supervised") is students.get("classifier") is ClassifierStudent


@pytest.mark.parametrize(
    ("data", "options", "more"),
    [
        ((TABLE, CLASS), {"examples": True}, SMALL),
        ((TABLE, NUMBER), {"examples": True}, SMALL),
        ((TABLE, NUMBER), {"knobs": {"lr_scale": (0.1, 1), "data_fraction": (0.5, 1)}}, SMALL),
        ((TABLE, LABELS), {"stages": [{"lr_spread": 1}, {}]}, SMALL),
        ((SOUND, CLASS[:120]), {}, {"training": {"batch_size": 16}, "backbone": Conv}),
        ((PIXELS, NUMBER[:120]), {}, {"training": {"batch_size": 16}, "chunk": 2e7}),
    ],
    ids=["classes", "numbers", "stages of numbers", "labels", "sound", "numbers of images"],
)
def test_it_keeps_the_contract(data, options, more):
    family = family_from_dataset(data, **options)
    check_student(lambda seed: ClassifierStudent(family, seed=seed, **more), family, rounds=3)


@pytest.mark.parametrize(
    ("targets", "least"), [(CLASS, 0.8), (NUMBER, 0.5), (LABELS, 0.75)], ids=["classes", "numbers", "labels"]
)
def test_it_learns_a_table(targets, least, tmp_path):
    family = family_from_dataset((TABLE, targets), examples=True, test=60)
    options = {"training": {"batch_size": 32, "lr": 0.01}, "backbone_options": {"widths": (32,)}}
    learner = students.make("supervised", family, seed=0, budget=1e7, **options)
    run(family, teachers.make("uniform", family, seed=0), learner, tmp_path / "run", Plan(budget=1e7))
    assert last(tmp_path / "run").mean() > least


@pytest.mark.parametrize("name", ["self-paced", "superloss", "loss-proportional", "jest"])
@pytest.mark.parametrize("targets", [CLASS, NUMBER], ids=["classes", "numbers"])
def test_teachers_of_examples_teach_it(name, targets, tmp_path):
    family = family_from_dataset((TABLE, targets), examples=True)
    told = family.serving(teachers.get(name), {}, {}).teacher
    learner = students.make("supervised", family, seed=0, budget=3e6, **SMALL)
    teacher = teachers.make(name, family, seed=0, **told)
    run(family, teacher, learner, tmp_path / "run", Plan(budget=3e6, test_every=1e6))
    assert np.isfinite(last(tmp_path / "run")).all()


def test_a_bandit_teaches_it_in_stages(tmp_path):
    family = family_from_dataset((TABLE, NUMBER), stages=[{"lr_scale": 0.1}, {"lr_scale": 1}])
    learner = students.make("supervised", family, seed=0, budget=1e7, **SMALL)
    teacher = teachers.make("exp3s", family, seed=0, reward="score")
    run(family, teacher, learner, tmp_path / "run", Plan(budget=1e7, test_every=5e6))
    assert set(Run.load(tmp_path / "run").episodes()["task"].tolist()) == {0, 1}


def test_a_run_on_random_items_resumes_to_the_bit(tmp_path):
    def go(folder, stop=lambda: False, resume=False):
        family = family_from_dataset(
            Noisy(), examples=True, validation=(TABLE[:9, :3].repeat(2, 1), CLASS[:9])
        )
        learner = students.make("supervised", family, seed=0, budget=1e6, **SMALL)
        teacher = teachers.make("self-paced", family, seed=0)
        plan = Plan(budget=1e6, test_every=3e5)
        run(family, teacher, learner, folder, plan, stop=stop, resume=resume)
        return Run.load(folder)

    whole = go(tmp_path / "whole")
    rounds = iter(range(10**6))
    go(tmp_path / "parts", stop=lambda: next(rounds) == 5)
    parts = go(tmp_path / "parts", resume=True)
    rows = whole.episodes()["score"]
    assert len(rows) > 100
    assert np.array_equal(rows, parts.episodes()["score"])


def test_parts_of_a_batch_add_up_to_its_step():
    family = family_from_dataset((TABLE, NUMBER), examples=True)
    found = []
    for parts in (1, 3):
        training = {"batch_size": 16, "accumulate": parts, "optimizer": "sgd", "clip": 0.5}
        learner = ClassifierStudent(family, seed=0, training=training, backbone="linear")
        rows = learner.train(Assignment(ids=np.arange(16), tasks=np.arange(16)))
        found.append((rows.score, learner.trainer.learner.state_dict()["network"], learner.spent()))
    (scores, weights, spent), (other, others, charged) = found
    assert scores == pytest.approx(other, rel=1e-5)
    for name, values in weights.items():
        assert others[name] == pytest.approx(values, abs=1e-6), name
    assert spent == charged
    assert spent["updates"] == 1
    with pytest.raises(ValueError, match="compile=False with accumulate"):
        ClassifierStudent(family, seed=0, training=training, machine={"compile": True})


def test_full_size_photographs_in_bfloat16():
    images = RNG.integers(0, 256, (12, 3, 224, 224)).astype(np.uint8)
    family = family_from_dataset((images, np.arange(12) % 2), validation=2, test=2, probe=2)
    learner = ClassifierStudent(
        family,
        seed=0,
        backbone="resnet",
        backbone_options={"widths": (4, 8), "stem_stride": 2},
        training={"batch_size": 3, "renorm": 2, "ema": 0.9, "clip": 1.0, "accumulate": 3},
        machine={"precision": "bfloat16", "probe_batch": 2},
        chunk=1e7,
    )
    found = learner.train(Assignment(ids=np.arange(2), tasks=np.array([[0.5], [1.0]])))
    assert found.signals["size"].tolist() == [112, 224]
    assert np.isfinite(found.score).all()
    assert learner.evaluate(family.test_tasks(), seed=0).score[0] in (0, 0.5, 1)


def test_data_in_a_file_are_learnt_as_those_in_memory(tmp_path):
    np.save(tmp_path / "x.npy", PIXELS)
    scores = []
    for pixels in (PIXELS, np.load(tmp_path / "x.npy", mmap_mode="r")):
        family = family_from_dataset((pixels, CLASS[:120]), knobs={"lr_scale": (0.1, 1)})
        learner = ClassifierStudent(family, seed=0, backbone="linear", training={"batch_size": 16}, chunk=1e5)
        scores.append(learner.train(Assignment(ids=np.arange(1), tasks=np.array([[1.0]]))).score)
        assert learner.report()["data"] == str(learner.trainer.device)
    assert np.array_equal(*scores)


def test_a_transform_changes_training_and_no_test():
    calls = []

    def transform(batch):
        calls.append(len(batch))
        return batch * 0

    family = family_from_dataset((TABLE, CLASS), examples=True, transform=transform)
    learner = ClassifierStudent(family, seed=0, **SMALL)
    learner.evaluate(family.test_tasks(), seed=0)
    assert calls == []
    learner.train(Assignment(ids=np.arange(16), tasks=np.arange(16)))
    assert calls == [16]


def test_a_broken_item_is_named():
    family = family_from_dataset(Noisy(broken=3), examples=True, normalise=False)
    learner = ClassifierStudent(family, seed=0, **SMALL)
    rows = np.flatnonzero(family.data.train.rows <= 3)
    assert 3 in family.data.train.rows
    tasks = np.resize(rows, 16)
    with pytest.raises(DataFileError, match=r"train: example 3 \(3\.wav\): .*OSError: no such file"):
        learner.train(Assignment(ids=np.arange(16), tasks=tasks))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"backbone": "resnet"}, ValueError, r"resnet takes images .*got inputs of shape \(5,\).*'mlp'"),
        ({"backbone": Conv()}, TypeError, "expected a function that makes a network, got one that is made"),
        ({"backbone": 3}, TypeError, "expected a name, 'module:function' or a function, got 3"),
        ({"backbone": lambda: 3}, TypeError, r"expected a torch\.nn\.Module, got int"),
        ({"backbone": lambda: nn.Linear(5, 3)}, ValueError, r"outputs of shape \(2, 2\) .* got \(2, 3\)"),
        ({"backbone": lambda: nn.Linear(4, 2)}, ValueError, r"expected to take inputs of shape \(5,\)"),
        ({"backbone": lambda: nn.LSTM(5, 2)}, ValueError, "expected one tensor of outputs, got tuple"),
        ({"backbone_options": {"widths": (0,)}}, ValueError, "mlp: expected widths from 1"),
    ],
)
def test_wrong_networks(options, error, message):
    family = family_from_dataset((TABLE, CLASS), examples=True)
    with pytest.raises(error, match=message):
        ClassifierStudent(family, seed=0, **options)


def test_classes_that_a_split_lacks_are_named():
    names = np.array(["ant", "bee", "cow", "dog"])[np.arange(240) % 4]
    kept = np.flatnonzero((names == "ant") | (names == "cow"))
    family = family_from_dataset((TABLE, names), test=(TABLE[kept], names[kept]), examples=True)
    message = r"test split: .* got none of class 1 \(bee\), 3 \(dog\); without test=\.\.\. a split is made"
    with pytest.raises(ValueError, match=message):
        ClassifierStudent(family, seed=0, **SMALL)
    stages = family_from_dataset((TABLE, names), test=(TABLE[kept], names[kept]))
    ClassifierStudent(stages, seed=0, **SMALL)  # tested on all examples at once
