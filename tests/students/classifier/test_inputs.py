"""Batches of images, by hand."""

import numpy as np
import pytest
import torch

from teacherstudent.envs.datasets.parts import Part
from teacherstudent.envs.datasets.rows import ArrayRows
from teacherstudent.envs.images.data import Images
from teacherstudent.networks.knobs.resampling import resize
from teacherstudent.students.classifier.inputs import MOST_MEASURED, Inputs, moments

CPU = torch.device("cpu")


def split():
    """Return two images: the first channel is black and white, the second grey 51 everywhere."""
    pixels = np.full((2, 2, 4, 4), 51, np.uint8)
    pixels[0, 0], pixels[1, 0] = 0, 255
    return Images(pixels, np.array([0, 1]))


def test_moments_of_a_constant_channel_do_not_divide_by_0():
    mean, std = moments(split())
    assert mean == pytest.approx([0.5, 0.2])
    assert std == pytest.approx([0.5, 1.0])


@pytest.mark.parametrize("rows", [slice(None), torch.tensor([0, 1])])
def test_batches_are_normalised_in_single_precision(rows):
    mean, std = moments(split())
    inputs = Inputs(split(), mean=mean, std=std, device=CPU)
    found = inputs.batch(rows)
    assert (found.dtype, tuple(found.shape), len(inputs)) == (torch.float32, (2, 2, 4, 4), 2)
    assert found[:, :, 0, 0].numpy() == pytest.approx(np.array([[-1, 0], [1, 0]]), abs=1e-6)
    assert inputs.labels.tolist() == [0, 1]


def test_augmentation_sees_pixels_from_0_to_1_before_they_are_normalised():
    seen = []

    def darker(images, magnitude):
        seen.append((images.min().item(), images.max().item(), magnitude))
        return images * 0

    inputs = Inputs(split(), mean=np.array([0.5, 0.2]), std=np.array([0.5, 1.0]), device=CPU)
    found = inputs.batch(slice(None), augment=darker, magnitude=0.5)
    assert seen == [(0.0, pytest.approx(1.0), 0.5)]
    assert found[:, :, 0, 0].numpy() == pytest.approx(np.array([[-1, -0.2]] * 2), abs=1e-6)
    inputs.batch(slice(None), augment=darker, magnitude=0.0)
    assert len(seen) == 1


def test_sizes_and_layouts_are_those_that_are_asked_for():
    options = {"mean": np.zeros(2), "std": np.ones(2), "device": CPU}
    pixels = np.random.default_rng(0).integers(0, 256, (3, 2, 8, 8)).astype(np.uint8)
    images = Images(pixels, np.zeros(3, int))
    inputs = Inputs(images, **options)
    whole = inputs.batch(slice(None))
    assert torch.equal(inputs.batch(slice(None), size=4, by="resize"), resize(whole, 4))
    assert not torch.equal(inputs.batch(slice(None), size=4), resize(whole, 4))
    assert torch.equal(inputs.batch(slice(None), size=8), whole)
    last = Inputs(images, channels_last=True, **options).batch(slice(None))
    assert last.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(last, whole)


def part(values, rows=None):
    rows = np.arange(len(values)) if rows is None else np.asarray(rows)
    return Part(ArrayRows(values, "train"), rows, np.zeros(len(rows), np.int64))


def inputs_of(values, **options):
    mean, std = moments(part(values), **options)
    return Inputs(part(values), mean=mean, std=std, device=CPU)


def test_columns_of_a_table_are_normalised_each_by_itself():
    table = np.array([[0.0, 5.0], [2.0, 5.0]])
    assert moments(part(table))[1].tolist() == [1.0, 1.0]  # the second is constant
    assert inputs_of(table).batch(slice(None)).tolist() == [[-1, 0], [1, 0]]
    assert inputs_of(table, normalise=False).batch(torch.tensor([1])).tolist() == [[2, 5]]


def test_moments_are_those_of_numpy_however_many_slices():
    values = np.random.default_rng(0).normal(3, 2, (700, 2, 3)).astype(np.float32)
    mean, std = moments(part(values))
    assert mean == pytest.approx(values.mean((0, 2)), abs=1e-5)
    assert std == pytest.approx(values.std((0, 2)), abs=1e-5)
    many = np.arange(MOST_MEASURED + 5000, dtype=np.float32)[:, None]
    assert moments(part(many))[0] == pytest.approx(many.mean(), rel=1e-3)


def test_what_lies_in_a_file_makes_the_same_batches(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (6, 3, 8, 8)).astype(np.uint8)
    np.save(tmp_path / "x.npy", pixels)
    held, mapped = inputs_of(pixels), inputs_of(np.load(tmp_path / "x.npy", mmap_mode="r"))
    assert mapped.images is None
    for rows in (slice(0, 2), torch.tensor([5, 1])):
        for size in (None, 4):
            assert torch.equal(held.batch(rows, size=size), mapped.batch(rows, size=size))
    images = Images(pixels, np.zeros(6, int))
    mean, std = moments(images)
    whole = Inputs(images, mean=mean, std=std, device=CPU).batch(slice(None))
    assert held.batch(slice(None)).numpy() == pytest.approx(whole.numpy(), abs=1e-5)


def test_a_transform_sees_pixels_from_0_to_1():
    pixels = np.full((2, 1, 4, 4), 51, np.uint8)
    seen = []

    def brighter(images):
        seen.append(images.max().item())
        return images + 0.3

    inputs = Inputs(part(pixels), mean=np.array([0.5]), std=np.array([0.5]), device=CPU)
    assert inputs.batch(slice(0, 1), transform=brighter)[0, 0, 0, 0].item() == pytest.approx(0)
    assert seen == [pytest.approx(0.2)]
    with pytest.raises(TypeError, match="transform: expected a tensor for a batch, got list"):
        inputs.batch(slice(0, 1), transform=lambda images: [images])
    with pytest.raises(ValueError, match=r"same shape, \(1, 1, 4, 4\), got \(1, 1, 2, 4\)"):
        inputs.batch(slice(0, 1), transform=lambda images: images[:, :, ::2])
