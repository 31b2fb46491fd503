import math

import pytest
import torch

from teacherstudent.teachers.generators.flow import Flow, slow_softplus


def flow(d, seed=0):
    return Flow(d, blocks=2, layers=2, hidden=8, generator=torch.Generator().manual_seed(seed)).double()


@pytest.mark.parametrize("d", [1, 2, 3, 5])
def test_the_way_back_leads_to_the_noise_and_the_same_density(d):
    generator = torch.Generator().manual_seed(1)
    noise = torch.randn(20, d, generator=generator).double()
    condition = torch.rand(20, 1, generator=generator).double()
    made = flow(d)
    points, log_p = made(noise, condition)
    assert ((points > 0) & (points < 1)).all()
    again, same = made.infer(points, condition)
    torch.testing.assert_close(again, noise, atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(same, log_p, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_the_density_is_that_of_the_noise_by_the_jacobian(d):
    made = flow(d)
    noise, condition = torch.linspace(-1, 1, d)[None].double(), torch.tensor([[0.3]]).double()
    jacobian = torch.autograd.functional.jacobian(lambda z: made(z, condition)[0][0], noise)[:, 0]
    normal = torch.distributions.Normal(0, 1).log_prob(noise).sum()
    expected = normal - torch.linalg.slogdet(jacobian).logabsdet
    assert made(noise, condition)[1].item() == pytest.approx(expected.item(), rel=1e-9)


def test_densities_sum_to_one():
    centres = (torch.arange(2000).double() + 0.5) / 2000
    for wanted in (0.1, 0.9):
        _, log_p = flow(1).infer(centres[:, None], torch.full((2000, 1), wanted).double())
        assert log_p.exp().mean().item() == pytest.approx(1, abs=0.01)


def test_the_condition_matters_to_every_coordinate():
    noise = torch.zeros(1, 3).double()
    low, high = (flow(3)(noise, torch.tensor([[f]]).double())[0] for f in (0.1, 0.9))
    assert ((low - high).abs() > 1e-4).all()


def test_the_slow_softplus_by_hand():
    x = torch.tensor([0.0, 1.0, 50.0, -1.0, -29.9, -30.1, -1e5]).double().requires_grad_()
    y = slow_softplus(x)
    assert y[0].item() == pytest.approx(1 / math.pi)
    assert y[1].item() == pytest.approx(0.25 + 0.5 + 1 / math.pi)  # arctan(1) / pi is a quarter
    assert y[2].item() == pytest.approx(50, abs=0.01)
    assert y[4].item() == pytest.approx(1 / (3 * math.pi * 29.9**2), rel=0.01)
    assert y[5].item() == pytest.approx(1 / (3 * math.pi * 30.1**2), rel=1e-6)
    assert (y > 0).all()
    y.sum().backward()
    assert x.grad.isfinite().all()
    assert (x.grad > 0).all()
