"""Measured losses: of a user's model, in evaluation mode, without gradients."""

import numpy as np
import pytest
import torch
from taught_data import data
from torch import nn

from teacherstudent.adapters.supervised.measuring import Measure, evaluating, numbers


def measure(losses_of, **options):
    return Measure(data(), losses_of, **{"model": None, "batch_size": 4, "collate": None} | options)


def test_losses_come_in_the_order_of_the_examples():
    sizes = []

    def losses_of(batch):
        (values,), indices = batch
        sizes.append(len(indices))
        assert not torch.is_grad_enabled()
        return values * 2

    found = measure(losses_of)(np.array([9, 3, 3, 0, 22, 7]))
    assert found.tolist() == [18, 6, 6, 0, 44, 14]
    assert sizes == [4, 2]
    assert measure(losses_of)(np.zeros(0, np.int64)).shape == (0,)


def test_a_collate_of_the_user_s_is_used():
    found = measure(lambda batch: torch.tensor(batch), collate=lambda items: [index for _, index in items])
    assert found(np.array([4, 2])).tolist() == [4, 2]


def test_a_model_is_evaluated_and_each_module_is_as_before():
    model = nn.Sequential(nn.Dropout(), nn.BatchNorm1d(1), nn.Linear(1, 1))
    model[1].eval()
    seen = []

    def losses_of(batch):
        seen.append([module.training for module in model])
        return torch.zeros(len(batch[1]))

    measure(losses_of, model=model)(np.arange(3))
    assert seen == [[False] * 3]
    assert [module.training for module in (model, *model)] == [True, True, False, True]
    with pytest.raises(KeyError), evaluating(model):
        raise KeyError
    assert model.training


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (torch.tensor(1.0), r"shape \(2,\), got shape \(\).*reduction='none'"),
        (torch.ones(3), r"got shape \(3,\)"),
        ([1.0, np.nan], "expected finite numbers, got nan in row 1"),
        (torch.tensor([np.inf, 0]), "got inf in row 0"),
    ],
)
def test_wrong_columns_are_refused(values, message):
    with pytest.raises(ValueError, match=f"who: .*{message}"):
        numbers("who", values, 2)


def test_columns_lose_their_graph_and_keep_their_values():
    values = torch.tensor([0.1, 0.2], requires_grad=True)
    assert numbers("who", values * 1, 2) == pytest.approx([0.1, 0.2])
