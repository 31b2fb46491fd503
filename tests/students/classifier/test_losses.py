"""Losses of examples, and what makes one number of them."""

import pytest
import torch

from teacherstudent.students.classifier.losses import example_losses, reduction


def test_losses_are_cross_entropies():
    logits, labels = torch.log(torch.tensor([[0.2, 0.8], [0.5, 0.5]])), torch.tensor([0, 1])
    assert torch.allclose(example_losses(logits, labels), -torch.log(torch.tensor([0.2, 0.5])))
    targets = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    assert torch.allclose(example_losses(logits, targets), example_losses(logits, labels))


def test_reductions():
    losses = torch.tensor([1.0, 3.0])
    assert reduction("mean")(losses, torch.tensor([0, 1])) == 2
    assert reduction("operator:itemgetter") is not None
    own = lambda losses, indices: losses.max()  # noqa: E731
    assert reduction(own) is own
    for wrong in ("median", "torch:not_there"):
        with pytest.raises(ValueError, match=f"got '{wrong}'"):
            reduction(wrong)
