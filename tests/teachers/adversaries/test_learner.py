import numpy as np
import pytest
import torch
from adversaries import LINE, SMALL

from teacherstudent.contract.spaces import Box
from teacherstudent.teachers.adversaries import learner as adversary_module
from teacherstudent.teachers.adversaries.learner import Adversary
from teacherstudent.teachers.adversaries.ppo import AdversaryPPO


class Recording(AdversaryPPO):
    """Remembers what it learns from."""

    def update(self, steps, reward, rng):
        self.learnt = (steps.value.shape, reward.tolist())
        super().update(steps, reward, rng)


@pytest.fixture(name="make")
def _make(monkeypatch):
    monkeypatch.setattr(adversary_module, "AdversaryPPO", Recording)
    return lambda space=LINE: Adversary(space, np.random.default_rng(0), options=SMALL)


def test_a_batch_is_learnt_from_when_all_rows_are_back_or_dropped(make):
    made = make(Box(-1, 1, (2,)))
    ids = np.arange(10, 16)
    tasks = made.build(ids, np.arange(6) % 3)
    np.testing.assert_array_equal(tasks[:3], tasks[3:])
    made.tell(ids[[0, 3, 1]], np.array([1.0, 2.0, 5.0]))
    made.drop(ids[[4, 2]])
    made.tell(np.array([-1, 99]), np.array([7.0, 7.0]))  # nobody waits for these
    assert made.metrics() == {"built": 3, "adversary_steps": 6, "adversary_updates": 0}
    made.drop(ids[[5]])
    assert made._ppo.learnt == ((2, 2), [1.5, 5.0])  # two steps on two tasks; the third brought nothing
    assert made.metrics()["reward"] == 3.25
    assert made.spent() == {"adversary": 6.0}


def test_a_batch_without_any_reward_teaches_nothing(make):
    made = make()
    made.build(np.arange(4), np.arange(4))
    made.drop(np.arange(4))
    assert made.updates == 0
    assert not made.state_dict()["waiting"]


def test_of_too_many_batches_the_oldest_is_learnt_from_as_far_as_it_came(make, monkeypatch):
    monkeypatch.setattr(adversary_module, "WAITING", 2)
    made = make()
    for first in (0, 3, 6):
        made.build(np.arange(first, first + 3), np.arange(3))
        made.tell(np.array([first]), np.array([float(first + 1)]))
    assert made._ppo.learnt == ((1, 1), [1.0])
    assert len(made.state_dict()["waiting"]) == 2
    made.tell(np.array([1, 2]), np.zeros(2))  # too late
    assert made.updates == 1


def test_damaged_modules_and_optimizers_are_refused_and_change_nothing():
    from teacherstudent.contract.stored.saved import difference
    from teacherstudent.networks.state import load_module, load_optimizer, module_state, optimizer_state

    module = torch.nn.Linear(2, 1)
    optimizer = torch.optim.Adam(module.parameters())
    module(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    state, moments = module_state(module), optimizer_state(optimizer)
    nan = np.full((1, 2), np.nan, np.float32)
    for bad in (
        {"weight": None},
        {"weight": nan[0]},
        {"weight": nan.astype("U")},
        {"bias": np.zeros((), int)},
    ):
        with pytest.raises(ValueError, match="expected"):
            load_module(module, {**state, **bad}, "here")
    with pytest.raises(ValueError, match=r"here.weight: expected finite numbers"):
        load_module(module, {**state, "weight": nan}, "here", finite=True)
    broken = {
        "lr": {**moments, "lr": [0.1, 0.2]},
        "moments: 7": {**moments, "moments": {"7": {}}},
        "exp_avg": {**moments, "moments": {"0": {**moments["moments"]["0"], "exp_avg": np.zeros(3)}}},
    }
    for message, bad in broken.items():
        with pytest.raises(
            ValueError, match=f"optimizer: .*{message}.*expected|optimizer: {message}: expected"
        ):
            load_optimizer(optimizer, bad)
    assert difference(state, module_state(module)) is None
    assert difference(moments, optimizer_state(optimizer)) is None
    load_module(module, {**state, "weight": nan}, "here")  # a student that diverged
