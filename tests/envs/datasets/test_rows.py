"""Inputs by row: arrays, files that are mapped into memory, items; and what a wrong example is told."""

import numpy as np
import pytest
import torch
from PIL import Image

from teacherstudent.envs.datasets.rows import ArrayRows, ItemRows, Rows, name_of, numbers, part, plain
from teacherstudent.envs.images.data import DataFileError


class Listed:
    """A map-style data set of pairs."""

    def __init__(self, *inputs):
        self.inputs = inputs

    def __len__(self):
        return len(self.inputs)

    def __getitem__(self, index):
        found = self.inputs[index]
        if isinstance(found, Exception):
            raise found
        return found, 0


class Filed(Listed):
    samples = (("a.png", 0), ("b.png", 0))


def test_bytes_are_images_with_their_channels_first():
    rng = np.random.default_rng(0)
    grey = rng.integers(0, 256, (5, 6, 7)).astype(np.uint8)
    assert ArrayRows(grey, "train").shape == (1, 6, 7)
    colour = rng.integers(0, 256, (5, 6, 7, 3)).astype(np.uint8)
    rows = ArrayRows(colour, "train")
    assert (rows.shape, rows.dtype) == ((3, 6, 7), np.uint8)
    assert np.array_equal(rows.read(np.array([4, 0])), colour[[4, 0]].transpose(0, 3, 1, 2))
    first = ArrayRows(colour.transpose(0, 3, 1, 2), "train")
    assert np.array_equal(first.read(np.array([2])), rows.read(np.array([2])))


def test_all_else_is_float32():
    for values in (np.arange(6).reshape(3, 2), torch.arange(6.0, requires_grad=True).reshape(3, 2)):
        rows = ArrayRows(values, "train")
        assert isinstance(rows, Rows)
        assert rows.read(np.array([2])).tolist() == [[4.0, 5.0]]
        assert rows.dtype == np.float32


def test_an_array_in_a_file_is_not_read_before_it_is_used(tmp_path):
    np.save(tmp_path / "x.npy", np.arange(12.0).reshape(4, 3))
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    for values in (mapped, mapped[:]):
        rows = ArrayRows(values, "train")
        assert not rows.held
        assert isinstance(rows.values, np.memmap)
        assert rows.read(np.array([3, 1])).tolist() == [[9, 10, 11], [3, 4, 5]]
    assert ArrayRows(np.array(mapped), "train").held


def test_items_of_pillow_and_of_torch():
    image = Image.fromarray(np.arange(24, dtype=np.uint8).reshape(2, 4, 3))
    rows = ItemRows(Listed(image, image), 0, "train")
    assert rows.shape == (3, 2, 4)
    assert rows.read(np.array([1]))[0, 1].tolist() == [[1, 4, 7, 10], [13, 16, 19, 22]]
    grey = ItemRows(Listed(np.zeros((2, 4), np.uint8)), 0, "train")
    assert grey.read(np.array([0])).shape == (1, 1, 2, 4)
    tensors = ItemRows(Listed(torch.ones(3), torch.zeros(3)), 0, "train")
    assert tensors.read(np.array([1, 0])).tolist() == [[0, 0, 0], [1, 1, 1]]
    # Nobody moves a tensor that is no image.
    assert plain(torch.ones(2, 3)).shape == (2, 3)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: ArrayRows(np.zeros(4), "train"), ValueError, r"train: expected inputs \(n, \.\.\.\)"),
        (lambda: ArrayRows(np.array([["a"]]), "train"), TypeError, "train: expected numbers, got <U1"),
        (
            lambda: ArrayRows(np.array([[1.0], [np.nan]]), "test"),
            ValueError,
            "test: expected finite numbers, got nan in example 1: fill or drop",
        ),
        (lambda: ItemRows(Listed(1.0), 0, "train"), ValueError, "example 0: expected an input of at least"),
        (
            lambda: ItemRows(Listed(np.ones(2), np.ones(3)), 0, "train").read(np.array([0, 1])),
            ValueError,
            r"train: example 1: expected an input like the first one's, float32 .*\(2,\), got .*\(3,\)",
        ),
        (
            lambda: ItemRows(Filed(*(np.ones((1, k, 4), np.uint8) for k in (4, 5))), 0, "train").read(
                np.array([1])
            ),
            ValueError,
            r"example 1 \(b\.png\): expected .*ImageFolder\(path, size=224\)",
        ),
        (
            lambda: ItemRows(Filed(np.ones(2), KeyError("gone")), 0, "probe").read(np.array([1])),
            DataFileError,
            r"probe: example 1 \(b\.png\): expected to be read, got KeyError: 'gone'",
        ),
        (
            lambda: ItemRows(Listed(np.ones(2), np.array([1, np.inf])), 0, "train").read(np.array([1])),
            ValueError,
            "train: example 1: expected finite numbers, got inf",
        ),
    ],
)
def test_a_wrong_example_is_named(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_parts_of_examples():
    assert part({"image": 1, "label": 2}, "label", "x") == 2
    assert part((1, 2), 1, "x") == 2
    with pytest.raises(TypeError, match=r"x: expected a mapping with 'text', got \['image'\]"):
        part({"image": 1}, "text", "x")
    with pytest.raises(TypeError, match="x: expected a pair of input and target, got int"):
        part(3, 0, "x")
    assert name_of(Listed(1), 0, "train") == "train: example 0"
    assert numbers(np.ones((1, 1), np.uint8), "x").dtype == np.uint8
