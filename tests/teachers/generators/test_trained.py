"""Steps of one network among several, and when an update is due."""

import numpy as np
import pytest
import torch
from torch import nn

from teacherstudent.teachers.generators.trained import MOST_DUE, Trained, Updates, tensor_of


def pair():
    modules = {name: nn.Linear(1, 1, bias=False) for name in ("first", "second")}
    for module in modules.values():
        nn.init.ones_(module.weight)
    return modules, Trained(modules, lambda parameters: torch.optim.SGD(parameters, lr=0.1))


@pytest.mark.parametrize(("most", "weight"), [(None, 1 - 0.1 * 3), (1.0, 1 - 0.1)])
def test_a_step_moves_one_network_alone_and_no_farther_than_told(most, weight):
    modules, trained = pair()
    # Of both weights at 1 the gradient is 3 in either.
    loss = modules["second"](modules["first"](tensor_of(np.array([[3.0]])))).sum()
    trained._step("first", loss, most=most)
    assert modules["first"].weight.item() == pytest.approx(weight)
    assert modules["second"].weight.item() == 1
    assert modules["second"].weight.grad is None


def test_a_state_of_other_networks_is_refused():
    _, trained = pair()
    state = trained.state_dict()
    del state["weights"]["second"]
    with pytest.raises(ValueError, match="x: weights: expected"):
        trained.load_state_dict("x", state)


def test_an_update_is_due_for_every_rate_outcomes_however_they_come():
    updates = Updates(10)
    for n in (4, 5, 1, 25):
        updates.tell(n)
    assert (updates.told, updates.due, updates.made) == (35, 3, 0)
    assert updates.take() == 3
    assert (updates.due, updates.made) == (0, 3)
    updates.tell(5 + 10 * MOST_DUE)
    assert updates.due == MOST_DUE
    resumed = Updates(10)
    resumed.load("x", updates.state(), remembered=7)
    assert resumed.state().tolist() == [40 + 10 * MOST_DUE, MOST_DUE, 3]
    with pytest.raises(ValueError, match="x: due: expected outcomes to learn from, got none"):
        resumed.load("x", updates.state(), remembered=0)
