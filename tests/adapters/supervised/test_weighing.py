"""Weights in a user's own loss."""

import numpy as np
import pytest
import torch
from taught_data import sampler

from teacherstudent import teachers
from teacherstudent.adapters.supervised import weights
from teacherstudent.contract.spaces import Discrete
from teacherstudent.teachers.examples.pacing import super_loss_weights


class Own:
    """Weighs by what it is asked for."""

    def __init__(self, what, differentiable=False):
        self.what = what
        self.differentiable = differentiable

    def weigh(self, batch):
        return self.what(batch)


def test_superloss_weighs_by_its_threshold():
    teacher = teachers.make("superloss", Discrete(4), seed=0, threshold=1.0)
    losses = torch.tensor([0.5, 1.0, 3.0], requires_grad=True)
    found = weights(teacher, losses, torch.tensor([0, 1, 3]))
    assert found.tolist() == pytest.approx(super_loss_weights(np.array([0.5, 1.0, 3.0]), 1.0, 1.0).tolist())
    assert found[1] == 1
    assert not found.requires_grad
    (found * losses).mean().backward()
    assert losses.grad.tolist() == pytest.approx((found / 3).tolist())


def test_a_sampler_gives_its_progress():
    made = sampler(
        "batch", teachers.make("self-paced", Discrete(23), seed=0, by="weights", grow=1.0), epochs=1
    )
    losses = torch.arange(10.0)
    (rows,) = [next(iter(made))]
    made.tell(torch.zeros(5), rows)
    early = made.weights(losses, torch.arange(10)).mean()
    for _ in range(3):
        next(iter(made))
    assert made.progress > 0.5
    assert made.weights(losses, torch.arange(10)).mean() > early


def test_a_gradient_flows_where_the_weigher_wants_it():
    losses = torch.tensor([1.0, 2.0], requires_grad=True)
    found = weights(Own(lambda batch: batch.losses**2, differentiable=True), losses, torch.arange(2))
    (found * losses).sum().backward()
    assert losses.grad.tolist() == [3.0, 12.0]


def test_labels_and_logits_are_those_of_the_loop():
    weigher = Own(lambda batch: batch.logits.max(1).values + batch.labels)
    found = weights(
        weigher,
        torch.ones(2),
        torch.arange(2),
        labels=torch.tensor([1, 0]),
        logits=torch.tensor([[1.0, 2], [4, 3]]),
    )
    assert found.tolist() == [3, 4]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: weights(3, torch.ones(1), torch.arange(1)), "expected a teacher that weighs"),
        (lambda: sampler("batch", "uniform").weights(torch.ones(1), torch.arange(1)), "got UniformExamples"),
        (lambda: weights(Own(None), torch.tensor(1.0), torch.arange(2)), "reduction='none'"),
        (
            lambda: weights(Own(lambda b: b.labels), torch.ones(1), torch.arange(1)),
            "expected labels from the loop",
        ),
        (
            lambda: weights(Own(lambda b: b.logits), torch.ones(1), torch.arange(1)),
            "expected logits from the loop",
        ),
        (lambda: weights(Own(lambda b: -b.losses), torch.ones(1), torch.arange(1)), "Own.weigh: .*got -1"),
        (
            lambda: weights(Own(lambda b: b.losses / 0), torch.ones(1), torch.arange(1)),
            "Own.weigh: .*got inf",
        ),
    ],
)
def test_what_cannot_weigh_is_refused(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()
