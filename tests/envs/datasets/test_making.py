"""The door for own data: every form of data, the splits, and one clear error for each wrong input."""

import numpy as np
import pytest
import torch
from pictures import write_folder
from PIL import Image
from torch.utils.data import TensorDataset

import teacherstudent
from teacherstudent.contract.spaces import Discrete, Parameters
from teacherstudent.envs.datasets.folders import ImageFolder
from teacherstudent.envs.datasets.making import family_from_dataset
from teacherstudent.envs.images.data import DataFileError, MissingDataError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(100, 4))
Y = np.arange(100) % 3


class Hub:
    """A data set as Hugging Face's: items are mappings, ``data[name]`` is a column."""

    column_names = ("image", "label")

    def __init__(self, n=60):
        self.labels = [k % 3 for k in range(n)]
        self.read = 0

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        if index == "label":
            return self.labels
        self.read += 1
        return {"image": Image.fromarray(np.full((8, 8), index, np.uint8)), "label": self.labels[index]}


class Views:
    """A data set as torchvision's, which knows its targets and classes."""

    def __init__(self, classes=("a", "b")):
        self.classes = classes
        self.targets = torch.arange(40) % 2

    def __len__(self):
        return 40

    def __getitem__(self, index):
        return torch.full((3, 8, 8), float(index)), int(self.targets[index])


def test_it_is_at_the_root():
    assert teacherstudent.family_from_dataset is family_from_dataset


def test_arrays_are_split_into_four():
    family = family_from_dataset((X, Y), examples=True)
    sizes = [len(getattr(family.data, name)) for name in ("train", "probe", "validation", "test")]
    assert sizes == [75, 5, 10, 10]
    assert family.space == Discrete(75)
    assert family.test_tasks().tolist() == [0, 1, 2]
    assert family.score_name == "balanced accuracy"
    for part in (family.data.probe, family.data.validation, family.data.test):
        assert set(part.labels.tolist()) == {0, 1, 2}
    again = family_from_dataset((X, Y), examples=True)
    assert again.settings() == family.settings()
    assert family_from_dataset((X, Y), examples=True, seed=1).settings() != family.settings()


def test_given_splits_are_taken_as_they_are():
    family = family_from_dataset((X, Y), validation=(X[:7], Y[:7]), test=(X[:9], Y[:9]), probe=10, name="own")
    assert [len(getattr(family.data, name)) for name in ("train", "probe", "validation", "test")] == [
        90,
        10,
        7,
        9,
    ]
    assert np.allclose(family.data.test.read(np.arange(9)), X[:9])
    assert family.test_set == "own-validation-then-test"


def test_tasks_are_stages_unless_examples_are_wanted():
    assert family_from_dataset((X, Y)).space == Parameters(lr_scale=(0.1, 1))
    images = RNG.integers(0, 256, (60, 8, 8)).astype(np.uint8)
    assert family_from_dataset((images, Y[:60])).space == Parameters(bandwidth=(0.5, 1))
    listed = family_from_dataset((X, Y), stages=[{"lr_scale": 0.1}, {}])
    assert listed.space == Discrete(2)
    knobs = family_from_dataset((X, Y), knobs={"data_fraction": (0.5, 1)}, fixed={"lr_scale": 0.5})
    assert knobs.setting(np.array([0.5]))["lr_scale"] == 0.5


def test_other_targets_have_one_test_task():
    family = family_from_dataset((X, X[:, 0]), examples=True)
    assert (family.test_tasks().tolist(), family.score_name) == ([0], "r2")
    assert family.test_set == "data-validation-then-test"
    several = family_from_dataset((X, (X > 0).astype(int)), examples=True)
    assert (several.answers.kind, several.score_name) == ("labels", "label accuracy")


def test_data_sets_of_torch():
    data = TensorDataset(torch.tensor(X), torch.tensor(Y))
    family = family_from_dataset(data)
    assert np.array_equal(family.data.train.labels, family_from_dataset((X, Y)).data.train.labels)
    assert family.data.train.source.held
    views = family_from_dataset(Views())
    assert views.data.train.shape == (3, 8, 8)
    assert not views.normalise  # numbers that may have been normalised
    row = int(views.data.train.rows[5])
    assert views.data.train.read(np.array([5]))[0, 0, 0, 0] == row


def test_data_sets_of_mappings():
    hub = Hub()
    family = family_from_dataset(hub, columns=("image", "label"))
    assert (family.data.train.shape, family.data.train.dtype) == ((1, 8, 8), np.uint8)
    assert hub.read <= 2  # labels come as a column: only the first example was read
    assert family_from_dataset(hub).data.classes == 3
    kept = family_from_dataset(hub, cache=True)
    assert kept.data.train.source.held
    assert hub.read >= 60


def test_folders_of_images(tmp_path):
    write_folder(tmp_path / "birds")
    family = family_from_dataset(tmp_path / "birds", examples=True, validation=3, test=3, probe=3)
    assert family.answers.names == ("cat", "dog", "owl")
    assert (family.name, family.data.train.shape) == ("birds", (3, 10, 12))
    assert family.data.train.source.held  # small folders are kept
    row = int(np.flatnonzero(family.data.train.labels == 2)[0])
    assert family.data.train.read(np.array([row]))[0, 2].min() >= 180
    loose = family_from_dataset(ImageFolder(tmp_path / "birds", size=8), cache=False)
    assert not loose.data.train.source.held
    assert loose.space == Parameters(bandwidth=(0.5, 1))


def test_folders_with_splits_of_their_own(tmp_path):
    write_folder(tmp_path / "train")
    write_folder(tmp_path / "val", classes=("owl", "dog"), count=2)
    write_folder(tmp_path / "test", count=1)
    family = family_from_dataset(tmp_path, probe=3)
    # A folder that lacks a class still numbers the others as the training folder does.
    assert family.data.validation.labels.tolist() == [1, 1, 2, 2]
    assert family.data.test.labels.tolist() == [0, 1, 2]


def test_npz_files(tmp_path):
    np.savez(tmp_path / "own.npz", x=X, y=Y)
    family = family_from_dataset(tmp_path / "own.npz")
    assert (family.name, family.data.classes) == ("own", 3)
    np.savez(tmp_path / "odd.npz", a=X, b=Y)
    with pytest.raises(ValueError, match=r"odd\.npz: expected one of \['inputs', .*got \['a', 'b'\]"):
        family_from_dataset(tmp_path / "odd.npz")
    (tmp_path / "bad.npz").write_bytes(b"PK")
    with pytest.raises(DataFileError, match=r"bad\.npz: expected an npz file"):
        family_from_dataset(tmp_path / "bad.npz")


def test_arrays_larger_than_memory_stay_in_their_file(tmp_path):
    np.save(tmp_path / "x.npy", RNG.integers(0, 256, (60, 8, 8, 3)).astype(np.uint8))
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    family = family_from_dataset((mapped, Y[:60]))
    assert not family.data.train.source.held
    assert isinstance(family.data.train.source.values, np.memmap)
    assert family.data.train.shape == (3, 8, 8)
    row = family.data.train.rows[3]
    assert np.array_equal(family.data.train.read(np.array([3]))[0], np.array(mapped[row]).transpose(2, 0, 1))


@pytest.mark.parametrize(
    ("train", "options", "error", "message"),
    [
        (
            [1, 2],
            {},
            TypeError,
            r"train: expected a pair \(inputs, targets\), a map-style data set.*own-data",
        ),
        (X, {}, TypeError, "train: expected a pair"),
        ((X, Y[:5]), {}, ValueError, r"got 100 inputs and targets of shape \(5,\)"),
        ((X[:0], Y[:0]), {}, ValueError, "at least one input, got 0"),
        ((X, Y), {"examples": 1}, ValueError, "examples: expected True or False"),
        ((X, Y), {"examples": True, "knobs": {}}, ValueError, "expected knobs, stages or examples=True"),
        ((X, Y), {"knobs": {"lr_scale": (0.1, 1)}, "stages": [{}]}, ValueError, "knobs or stages, got both"),
        ((X, Y), {"name": 3}, TypeError, "name: expected a name or None, got 3"),
        ((X, Y), {"seed": -1}, ValueError, "seed: expected a whole number of at least 0"),
        ((X, Y), {"test": 99}, ValueError, "splits: expected fewer than the 100 examples"),
        ((X, Y), {"test": "gone"}, MissingDataError, "gone: expected a folder of images or an npz file"),
        (
            (X, Y),
            {"test": (X[:, :2], Y)},
            ValueError,
            r"test: expected inputs as in train, .*\(4,\), got .*\(2,\)",
        ),
        ((X, Y), {"test": (X, Y + 1)}, ValueError, "test: targets: expected one of the 3 classes .*got 3"),
        ((X, Y), {"normalise": "no"}, ValueError, "normalise: expected True or False"),
        ((X, Y), {"cache": "yes"}, ValueError, "cache: expected True or False"),
        ((X, Y), {"loss": "l2"}, ValueError, "loss: expected one of"),
        ((X, Y), {"columns": ("a", "b")}, TypeError, "columns: expected items that are mappings, got arrays"),
        (
            (X, Y),
            {"knobs": {"bandwidth": (0.5, 1)}},
            ValueError,
            "bandwidth: touches nothing: expected images",
        ),
        (
            Hub(),
            {"columns": ("image", "y")},
            ValueError,
            r"columns: expected one of \['image', 'label'\], got 'y'",
        ),
        (Hub(), {"columns": "image"}, TypeError, "columns: expected the names of input and target"),
        (Views(), {"columns": ("a", "b")}, TypeError, "columns: expected items that are mappings, got tuple"),
        (
            Views(),
            {"test": Views(("b", "a"))},
            ValueError,
            r"test: expected the classes of train .*\['b', 'a'\]",
        ),
        (Hub(0), {}, ValueError, "train: expected at least one example, got none"),
        ("gone.npz", {}, MissingDataError, r"gone\.npz: expected an npz file, found none"),
        ("gone", {}, MissingDataError, "gone: expected a folder of images or an npz file"),
    ],
)
def test_wrong_input(train, options, error, message):
    with pytest.raises(error, match=message):
        family_from_dataset(train, **options)
