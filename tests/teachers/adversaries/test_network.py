"""The adversary's networks: densities, draws, and what they see."""

import math

import numpy as np
import pytest
import torch
from adversaries import LINE

from teacherstudent.contract.tasks.builder import BoxBuilder
from teacherstudent.teachers.adversaries.network import AdversaryNetwork, Categorical, SquashedGaussian


def test_the_density_of_a_squashed_gaussian():
    mean, log_std = torch.tensor([-0.4, 0.0, 1.5]).double(), torch.tensor([0.3]).double()
    policy = SquashedGaussian(mean, log_std)
    raw = torch.tensor([-3.0, 0.2, 2.5]).double()
    plain = torch.distributions.Normal(mean, log_std.exp().expand(3))
    squashed = torch.distributions.TransformedDistribution(plain, [torch.distributions.TanhTransform(1)])
    torch.testing.assert_close(policy.log_prob(raw), squashed.log_prob(policy.taken(raw)))
    extreme = SquashedGaussian(torch.tensor([20.0]), torch.tensor([0.0]))  # 1 - tanh^2 is 0 in float32
    assert extreme.log_prob(torch.tensor([20.0])).item() == pytest.approx(
        -0.5 * math.log(2 * math.pi) + 40 - 2 * math.log(2)
    )


def test_density_and_entropy_by_integration():
    action = np.linspace(-1, 1, 400_002)[1:-1]
    raw = torch.from_numpy(np.arctanh(action))
    policy = SquashedGaussian(torch.full((len(action),), 0.3).double(), torch.tensor([-0.5]).double())
    log = policy.log_prob(raw).numpy()
    width = action[1] - action[0]
    assert np.exp(log).sum() * width == pytest.approx(1, abs=1e-6)
    assert -(np.exp(log) * log).sum() * width == pytest.approx(policy.entropy()[0].item(), abs=1e-4)


def test_draws_follow_the_quantiles():
    logits = torch.tensor([0.2, 0.3, 0.5]).log()[None].expand(6, 3)
    policy = Categorical(logits)
    uniform = torch.tensor([0.0, 0.19, 0.21, 0.49, 0.51, 0.999]).double()
    assert policy.draw(uniform).tolist() == [0, 0, 1, 1, 2, 2]
    assert policy.log_prob(torch.tensor([0, 0, 1, 1, 2, 2])).exp().tolist() == pytest.approx(
        [0.2, 0.2, 0.3, 0.3, 0.5, 0.5]
    )
    assert policy.entropy()[0].item() == pytest.approx(
        -0.2 * math.log(0.2) - 0.3 * math.log(0.3) - 0.5 * math.log(0.5)
    )
    normal = SquashedGaussian(torch.tensor([1.0, 1.0, 1.0]), torch.tensor([math.log(2)]))
    raw = normal.draw(torch.tensor([0.5, 0.975, 0.0]).double())
    assert raw[:2].tolist() == pytest.approx([1.0, 1.0 + 2 * 1.959964])
    assert raw.isfinite().all()


def test_images_and_vectors_are_seen_and_the_world_generator_is_left_alone():
    class Picture(BoxBuilder):
        n_actions = 7

        def __init__(self):
            super().__init__(LINE)
            self.observation_shape = (2, 5, 4)

    before = torch.get_rng_state()
    made = [
        AdversaryNetwork(
            builder, noise=3, channels=6, hidden=(4,), generator=torch.Generator().manual_seed(0)
        )
        for builder in (Picture(), Picture(), BoxBuilder(LINE))
    ]
    assert torch.equal(before, torch.get_rng_state())
    assert all(torch.equal(a, b) for a, b in zip(made[0].parameters(), made[1].parameters(), strict=True))
    seen, step, noise = torch.randn(9, 2, 5, 4), torch.zeros(9, dtype=torch.int64), torch.rand(9, 3)
    policy, value = made[0](seen, step, noise)
    assert policy.log_prob(step).shape == value.shape == (9,)
    assert policy.entropy().mean().item() == pytest.approx(math.log(7), abs=0.01)  # nearly uniform at first
    assert not torch.equal(value, made[0](seen, step, torch.rand(9, 3))[1])
    assert made[0].convolution.weight.shape == (6, 2, 3, 3)
    narrow = Picture()
    narrow.observation_shape = (2, 5, 2)
    with pytest.raises(ValueError, match=r"expected observations .*, got \(2, 5, 2\)"):
        AdversaryNetwork(narrow, noise=0, channels=1, hidden=(), generator=torch.Generator())
