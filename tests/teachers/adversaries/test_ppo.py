"""The adversary's PPO: advantages, losses and scales by hand, gradients in parts, options."""

import math

import numpy as np
import pytest
import torch
from adversaries import LINE, SMALL

from teacherstudent.contract.tasks.builder import BoxBuilder
from teacherstudent.teachers.adversaries import ppo as ppo_module
from teacherstudent.teachers.adversaries.network import SquashedGaussian
from teacherstudent.teachers.adversaries.ppo import (
    AdversaryOptions,
    AdversaryPPO,
    RunningScale,
    Steps,
    advantages,
)

RNG = np.random.default_rng


def test_advantages_by_hand():
    found = advantages(np.array([[1.0], [2.0], [3.0]]), np.array([10.0]), 0.5, 0.5)
    # errors 0.5 * 2 - 1, 0.5 * 3 - 2, 10 - 3; each further one counts a quarter
    np.testing.assert_allclose(found[:, 0], [0.3125, 1.25, 7.0])


def one_update(shift=0.0, lower=0.0, **options):
    """Return the losses of one step on two tasks, and the old values.

    ``shift`` is taken off the old log-probabilities, ``lower`` off the old values.
    """
    made = AdversaryOptions(**SMALL | {"epochs": 1} | options)
    ppo, rng = AdversaryPPO(BoxBuilder(LINE), made, seed=0, device="cpu"), np.random.default_rng(0)
    _, step = ppo.act(np.zeros((2, 1), np.float32), 0, rng)
    steps = Steps(*[column[None] for column in step])
    steps = steps._replace(log_prob=steps.log_prob - np.float32(shift), value=steps.value - np.float32(lower))
    ppo.update(steps, np.array([3.0, 1.0]), rng)
    return ppo.losses, steps.value[0]


def test_losses_by_hand():
    losses, value = one_update()
    assert losses["policy_loss"] == pytest.approx(0, abs=1e-6)  # ratios of 1, advantages of +1 and -1
    assert losses["value_loss"] == pytest.approx(((value - [3, 1]) ** 2).mean() / 2)
    assert losses["entropy"] == pytest.approx(
        SquashedGaussian(torch.zeros(1), torch.zeros(1)).entropy(), 1e-2
    )
    doubled, _ = one_update(shift=math.log(2))  # ratios of 2: a gain counts as 1.2, a loss in full
    assert doubled["policy_loss"] == pytest.approx(-(1.2 - 2) / 2)
    clipped, old = one_update(lower=1.0)  # the new value is 1 above the old one, of which 0.2 count
    squares = np.maximum((old + 1 - [3, 1]) ** 2, (old + 0.2 - [3, 1]) ** 2)
    assert clipped["value_loss"] == pytest.approx(squares.mean() / 2)
    free, old = one_update(lower=1.0, clip_value=False)
    assert free["value_loss"] == pytest.approx(((old + 1 - [3, 1]) ** 2).mean() / 2)


def test_gradients_in_parts_are_those_of_the_whole(monkeypatch):
    def weights(at_once):
        monkeypatch.setattr(ppo_module, "_AT_ONCE", at_once)
        ppo, rng = AdversaryPPO(BoxBuilder(LINE), AdversaryOptions(**SMALL), seed=0, device="cpu"), RNG(3)
        _, step = ppo.act(np.zeros((7, 1), np.float32), 0, rng)
        ppo.update(Steps(*[column[None] for column in step]), np.arange(7.0), rng)
        return ppo.state_dict()["network"], ppo.losses

    (whole, losses), (parts, others) = weights(100), weights(3)
    assert losses == pytest.approx(others, abs=1e-5)
    for name, values in whole.items():
        np.testing.assert_allclose(values, parts[name], atol=1e-5, err_msg=name)


def test_rewards_are_divided_by_the_deviation_of_all_so_far():
    scale, rng = RunningScale(), np.random.default_rng(0)
    parts = [rng.normal(5, 3, 4), rng.normal(-1, 7, 9)]
    scale.scaled(parts[0])
    np.testing.assert_allclose(scale.scaled(parts[1]), parts[1] / np.concatenate(parts).std())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lr": 0.0}, "adversary: lr: expected a number above 0, got 0.0"),
        ({"clip": -0.1}, "clip: expected a number above 0"),
        ({"gamma": 1.5}, r"gamma: expected a number in \[0, 1\], got 1.5"),
        ({"epochs": 0}, "epochs: expected a whole number of at least 1, got 0"),
        ({"epochs": 1.5}, "epochs: expected a whole number of at least 1, got 1.5"),
        ({"minibatches": 2.0}, "minibatches: expected a whole number"),
        ({"channels": 7.5}, "channels: expected a whole number"),
        ({"entropy": -1}, "entropy: expected at least 0"),
        ({"noise": -1}, "noise: expected a whole number of at least 0"),
        ({"noise": 2.5}, "noise: expected a whole number of at least 0, got 2.5"),
        ({"hidden": (8, 0)}, "hidden: expected a whole number of at least 1, got 0"),
        ({"hidden": (8.5,)}, "hidden: expected a whole number of at least 1, got 8.5"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        AdversaryOptions(**options)
