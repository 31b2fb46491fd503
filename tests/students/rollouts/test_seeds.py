"""Seeds of episodes."""

import torch

from teacherstudent.students.rollouts.seeds import episode_seeds


def test_episode_seeds_by_hand():
    # fmix32 of MurmurHash3 over 1, worked with Python's integers: 1 -> 0x514e28b7
    assert episode_seeds(torch.tensor([1, 0]), 0).tolist() == [0x514E28B7, 0]
    assert episode_seeds(torch.tensor([0]), 1).tolist() == [0x514E28B7]
    many = episode_seeds(torch.arange(200_000), 12345)
    assert many.min() >= 0
    assert many.max() < 2**31
    assert abs(many.double().mean() / 2**30 - 1) < 0.01
    assert len(many.unique()) > 199_950
