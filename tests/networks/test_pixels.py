"""Observations of parts as one row, and convolutions that fit images of any size."""

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Dict, Discrete, MultiBinary, MultiDiscrete, Text, Tuple
from gymnasium.vector.utils import batch_space
from pictured import BYTES, FLOATS, PARTS

from teacherstudent.networks.pixels import PixelEncoder, convolutions, convolved, flat, parts_of


def test_parts_come_in_the_order_of_their_keys():
    found = parts_of(PARTS)
    assert [(part.name, part.size, part.image, part.last) for part in found] == [
        ("camera", 147, (3, 7, 7), True),
        ("place", 2, None, False),
        ("room", 3, None, False),
        ("keys", 2, None, False),
    ]
    assert [part.image for part in parts_of(FLOATS)] == [(1, 5, 6)]
    assert [part.image for part in parts_of(Box(0, 1, (4, 4)))] == [None]
    with pytest.raises(TypeError, match=r"got Text\(.* in 'said\.1': leave it out"):
        parts_of(Dict(said=Tuple((Discrete(2), Text(3)))))


def test_a_row_is_the_numbers_and_the_places_of_choices():
    space = Dict(
        a=Box(0, 9, (2,), np.float32),
        b=Discrete(3, start=5),
        c=MultiDiscrete([2, 3]),
        d=Tuple((MultiBinary(2), Box(0, 9, (1, 1, 2), np.uint8))),
    )
    seen = {
        "a": np.array([[1.0, 2.0], [3.0, 4.0]], np.float32),
        "b": np.array([5, 7]),
        "c": np.array([[0, 2], [1, 0]]),
        "d": (np.array([[0, 1], [1, 1]], np.int8), np.array([[[[8, 9]]], [[[6, 7]]]], np.uint8)),
    }
    rows = flat(parts_of(space), seen, 2)
    assert rows.dtype == np.float32
    assert rows.tolist() == [
        [1, 2, 1, 0, 0, 1, 0, 0, 0, 1, 0, 1, 8, 9],
        [3, 4, 0, 0, 1, 0, 1, 1, 0, 0, 1, 1, 6, 7],
    ]


@pytest.mark.parametrize("space", [PARTS, Discrete(4, start=2), MultiDiscrete([3, 2], start=[1, 0])])
def test_rows_agree_with_those_of_gymnasium(space):
    batch = batch_space(space, 3)
    batch.seed(0)
    seen = batch.sample()
    each = list(gym.vector.utils.iterate(batch, seen))
    expected = np.stack([gym.spaces.utils.flatten(space, row) for row in each])
    np.testing.assert_allclose(flat(parts_of(space), seen, 3), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("shape", "size"), [((3, 1, 1), 32), ((3, 7, 7), 32 * 49), ((1, 16, 20), 32 * 4 * 5), ((4, 84, 84), 3136)]
)
def test_convolutions_fit_any_size(shape, size):
    assert convolved(shape) == size
    assert convolutions(shape)(torch.zeros(2, *shape)).shape == (2, size)


def test_both_orders_of_channels_and_every_scale_give_the_same_features():
    torch.manual_seed(0)
    last = PixelEncoder(parts_of(BYTES))
    first = PixelEncoder(parts_of(Box(0, 1, (3, 7, 7), np.float32)))
    first.load_state_dict(last.state_dict())
    image = torch.randint(256, (2, 7, 7, 3)).float()
    ours = last(image.flatten(1))
    assert ours.shape == (2, 128)
    turned = (image / 255).permute(0, 3, 1, 2).flatten(1)
    torch.testing.assert_close(first(turned), ours)
    # More axes in front, as of a rollout, change nothing.
    torch.testing.assert_close(last(image.flatten(1)[None])[0], ours)


def test_numbers_beside_an_image_pass_as_they_are():
    encoder = PixelEncoder(parts_of(PARTS))
    row = torch.arange(154.0)[None]
    assert encoder.others(row).tolist() == [[147, 148, 149, 150, 151, 152, 153]]
    assert encoder(row).shape == (1, encoder.features) == (1, 135)
    endless = PixelEncoder(parts_of(Box(-np.inf, np.inf, (2, 2, 1))))
    assert torch.isfinite(endless(torch.ones(1, 4))).all()
