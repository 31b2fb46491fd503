"""Distributions of actions: numbers by hand, mean and spread."""

import math

import numpy as np
import pytest
import torch

from teacherstudent.students.rsl_rl.distributions import (
    CategoricalDistribution,
    GaussianDistribution,
    HeteroscedasticGaussianDistribution,
)


def test_categorical_numbers_by_hand():
    torch.manual_seed(0)
    kind = CategoricalDistribution(2)
    kind.update(
        torch.log(torch.tensor([[1.0, 3.0]])).expand(20_000, 2) + 7.0
    )  # a half and a half is 1/4, 3/4
    drawn = kind.sample()
    assert drawn.shape == (20_000, 1)
    assert abs(float(drawn.mean()) - 0.75) < 0.01
    found = kind.log_prob(torch.tensor([[0.0], [1.0]]).repeat(10_000, 1))[:2]
    np.testing.assert_allclose(found.exp(), [0.25, 0.75], rtol=1e-6)
    np.testing.assert_allclose(kind.entropy[0], -(0.25 * math.log(0.25) + 0.75 * math.log(0.75)), rtol=1e-6)
    old, new = (torch.log(torch.tensor([row])) for row in ([0.25, 0.75], [0.5, 0.5]))
    expected = 0.25 * math.log(0.5) + 0.75 * math.log(1.5)
    np.testing.assert_allclose(kind.kl_divergence((old,), (new,))[0], expected, rtol=1e-6)
    assert kind.deterministic_output(torch.tensor([[0.0, 2.0], [1.0, -1.0]])).tolist() == [[1.0], [0.0]]


def test_several_choices_are_independent():
    torch.manual_seed(0)
    kind = CategoricalDistribution(5, [2, 3])
    logits = torch.log(torch.tensor([[1.0, 3.0, 1.0, 1.0, 2.0]]))  # 1/4, 3/4 and 1/4, 1/4, 1/2
    kind.update(logits.expand(20_000, 5))
    drawn = kind.sample()
    assert drawn.shape == (20_000, 2)
    np.testing.assert_allclose(drawn.mean(0), [0.75, 1.25], atol=0.02)
    both = torch.tensor([[1.0, 2.0], [0.0, 0.0]]).repeat(10_000, 1)
    np.testing.assert_allclose(kind.log_prob(both)[:2].exp(), [0.75 * 0.5, 0.25 * 0.25], rtol=1e-6)
    entropies = [0.25 * math.log(4) + 0.75 * math.log(4 / 3), 0.5 * math.log(4) + 0.5 * math.log(2)]
    np.testing.assert_allclose(kind.entropy[0], sum(entropies), rtol=1e-6)
    assert kind.deterministic_output(logits).tolist() == [[1.0, 2.0]]
    other = torch.log(torch.tensor([[0.5, 0.5, 0.25, 0.25, 0.5]]))
    expected = 0.25 * math.log(0.5) + 0.75 * math.log(1.5)
    (own,) = kind.params
    np.testing.assert_allclose(kind.kl_divergence((own[:1],), (other,))[0], expected, rtol=1e-6)


@pytest.mark.parametrize("kind", [GaussianDistribution, HeteroscedasticGaussianDistribution])
def test_gaussian_samples_have_the_mean_and_the_spread(kind):
    torch.manual_seed(0)
    distribution = kind(2, init_std=0.5)
    mean = torch.tensor([1.0, -3.0]).expand(20_000, 2)
    given = mean if kind is GaussianDistribution else torch.stack([mean, torch.full_like(mean, 0.5)], 1)
    distribution.update(given)
    drawn = distribution.sample()
    assert not drawn.requires_grad
    np.testing.assert_allclose(drawn.mean(0), [1, -3], atol=0.02)
    np.testing.assert_allclose(drawn.std(0), [0.5, 0.5], atol=0.02)
