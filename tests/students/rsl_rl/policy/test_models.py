"""Networks for images beside numbers: what they see, and what is normalised."""

import numpy as np
import pytest
import torch
from pictured import BYTES, FLOATS, PARTS, pictured
from torch import nn

from reaching import assign
from teacherstudent import students

SMALL = {"n_envs": 3, "n_steps": 8, "device": "cpu"}
NET = {"hidden_dims": [16]}


@pytest.mark.parametrize("space", [BYTES, FLOATS, PARTS])
@pytest.mark.parametrize("granularity", ["episode", "rollout"])
def test_images_are_read_by_convolutions(space, granularity):
    family = pictured(space)
    student = students.make("rsl-rl", family, seed=0, policy=NET, **SMALL)
    if granularity == "rollout":
        student.bind(students_demand(student))
    for network in (student.ppo.alg.actor, student.ppo.alg.critic):
        assert sum(isinstance(part, nn.Conv2d) for part in network.modules()) == 3
    before = [weights.clone() for weights in student.ppo.alg.actor.encoder.parameters()]
    student.train(assign(student, family))
    after = list(student.ppo.alg.actor.encoder.parameters())
    assert not any(torch.equal(old, new) for old, new in zip(before, after, strict=True))
    assert np.isfinite(student.evaluate(family.test_tasks(), seed=0).score).all()
    student.close()


def students_demand(student):
    from teacherstudent.contract.demand import Demand

    return Demand(granularity="rollout", signals=frozenset({"value_l1"}), members=1)


def test_only_numbers_beside_an_image_are_normalised():
    family = pictured(PARTS)
    student = students.make("rsl-rl", family, seed=0, policy=NET, **SMALL)
    student.train(assign(student, family))
    normalizer = student.ppo.alg.actor.obs_normalizer
    assert normalizer._mean.shape == (1, 7)
    assert float(normalizer.count) == 24
    # Places lie between -1 and 1, rooms are one of three.
    assert torch.all(normalizer._mean.abs() < 1)
    alone = students.make("rsl-rl", pictured(BYTES), seed=0, policy=NET, **SMALL)
    assert isinstance(alone.ppo.alg.actor.obs_normalizer, nn.Identity)


def test_recurrent_networks_do_not_read_images():
    with pytest.raises(TypeError, match=r"expected observations without images, got Box.*RecurrentPPO"):
        students.make("rsl-rl", pictured(BYTES), seed=0, policy={"class_name": "RNNModel"}, **SMALL)
