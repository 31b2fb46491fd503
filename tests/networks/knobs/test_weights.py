"""Weights of a batch are asked for and checked; the student's tests of weighers look at what they do."""

import numpy as np
import pytest
import torch

from teacherstudent.contract.weigher import Batch
from teacherstudent.networks.knobs.weights import Weights


class Gives:
    def __init__(self, values):
        self.values = values

    def weigh(self, batch):
        return self.values


def ask(values, weights=None):
    losses = torch.ones(2)
    batch = Batch(losses=losses, indices=torch.arange(2), labels=None, logits=None)
    return (weights or Weights()).ask(Gives(values), batch, losses, 7)


def test_arrays_and_tensors_become_weights_of_the_losses_type():
    for values in (np.array([0.5, 2]), torch.tensor([0.5, 2], dtype=torch.float64)):
        found = ask(values)
        assert found.dtype == torch.float32
        assert found.tolist() == [0.5, 2]


@pytest.mark.parametrize(
    ("values", "got"),
    [
        (np.array([-1.0, 1]), "-1"),
        (np.array([np.nan, 1]), "nan"),
        (np.ones(3), r"shape \(3,\)"),
        ([1, 1], "neither"),
    ],
)
def test_wrong_arrays_are_refused_at_once(values, got):
    with pytest.raises(ValueError, match=rf"Gives.weigh: expected finite weights.*got {got}.* in step 7"):
        ask(values)


def test_wrong_tensors_are_refused_when_they_are_checked():
    weights = Weights()
    ask(torch.tensor([1.0, float("inf")]), weights)
    with pytest.raises(ValueError, match="got inf in step 7"):
        weights.check(before=8)
    weights.check(before=8)
