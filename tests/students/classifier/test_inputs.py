"""Batches of images, by hand."""

import numpy as np
import pytest
import torch

from teacherstudent.envs.images.data import Images
from teacherstudent.networks.knobs.resampling import resize
from teacherstudent.students.classifier.inputs import Inputs, moments

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
