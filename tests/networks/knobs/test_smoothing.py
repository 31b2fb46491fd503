"""The blur after convolutions."""

import copy

import numpy as np
import pytest
import scipy.ndimage
import torch
from small_networks import network
from torch import nn

from teacherstudent.networks.knobs.smoothing import Smoothing, gaussian_kernel, smooth, smoothing_of


@pytest.mark.parametrize("sigma", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("width", [3, 5, 7])
def test_kernel_equals_scipys(sigma, width):
    point = np.zeros((width, width))
    point[width // 2, width // 2] = 1
    expected = scipy.ndimage.gaussian_filter(point, sigma, radius=width // 2, mode="constant")
    assert np.allclose(gaussian_kernel(sigma, width), expected)
    assert np.isclose(gaussian_kernel(sigma, width).sum(), 1)


def test_the_blur_follows_every_convolution_and_keeps_the_maps():
    convolution = nn.Conv2d(1, 2, 3, padding=1)
    x = torch.rand(3, 1, 9, 9)
    plain = convolution(x).detach().numpy()
    blur = Smoothing(convolution)
    assert blur.touched == 1
    assert np.array_equal(convolution(x).detach(), plain)
    blur.sigma = 1.0
    expected = scipy.ndimage.convolve(plain, gaussian_kernel(1.0)[None, None], mode="constant")
    assert np.allclose(convolution(x).detach(), expected, atol=1e-6)
    blur.sigma = 0.29  # almost all of the kernel is in its centre
    assert not blur.active
    assert gaussian_kernel(0.29).max() > 0.98


def test_shortcuts_are_left_alone():
    net = network("resnet")  # stem, three blocks of two, two shortcuts of 1 x 1
    assert Smoothing(net).touched == 7


def test_smoothing_what_has_no_convolution_is_an_error():
    with pytest.raises(ValueError, match="touches nothing"):
        Smoothing(nn.Linear(3, 3))
    with pytest.raises(ValueError, match=r"1 patch embeddings"):
        Smoothing(nn.Sequential(nn.Conv2d(1, 8, 4, stride=4)))
    with pytest.raises(ValueError, match="odd kernel width"):
        gaussian_kernel(1.0, 4)
    with pytest.raises(ValueError, match="above 0"):
        gaussian_kernel(0.0)


def test_a_network_has_one_blur_that_is_set_by_hand():
    net = nn.Sequential(nn.Conv2d(1, 1, 3, padding=1))
    images = torch.rand(2, 1, 6, 6)
    plain = net(images)
    smooth(net, 1.0)
    blurred = net(images)
    assert not torch.allclose(plain, blurred)
    smooth(net, 1.0)
    assert torch.equal(net(images), blurred)
    assert smoothing_of(net) is smoothing_of(net)
    smooth(net, 0)
    assert torch.equal(net(images), plain)
    for wrong in (-1, float("nan")):
        with pytest.raises(ValueError, match="standard deviation of at least 0"):
            smooth(net, wrong)
    with pytest.raises(ValueError, match="touches nothing"):
        smooth(nn.Linear(2, 2), 1)


def test_a_copy_a_part_and_what_holds_a_blurred_network_are_blurred_once():
    net = nn.Sequential(nn.Conv2d(1, 1, 3, padding=1))
    images = torch.rand(2, 1, 6, 6)
    smooth(net, 1.0)
    blurred = net(images)
    twin = copy.deepcopy(net)
    smooth(twin, 1.0)
    smooth(net[0], 1.0)
    assert torch.equal(twin(images), blurred)
    assert torch.equal(net(images), blurred)
    larger = nn.Sequential(net, nn.Conv2d(1, 1, 3))
    smooth(larger, 1.0)
    assert torch.equal(net(images), blurred)
    assert len(larger[1]._forward_hooks) == 1
    assert smoothing_of(larger).touched == 2
