import math

import numpy as np
import pytest
import torch

from teacherstudent.contract.spaces import Box, Parameters
from teacherstudent.contract.tasks.builder import BoxBuilder
from teacherstudent.teachers.adversaries import learner as adversary_module
from teacherstudent.teachers.adversaries import ppo as ppo_module
from teacherstudent.teachers.adversaries.learner import Adversary
from teacherstudent.teachers.adversaries.network import AdversaryNetwork, Categorical, SquashedGaussian
from teacherstudent.teachers.adversaries.ppo import (
    AdversaryOptions,
    AdversaryPPO,
    RunningScale,
    Steps,
    advantages,
)

LINE = Parameters(difficulty=(0, 1))
RNG = np.random.default_rng
SMALL = {"lr": 0.01, "noise": 2, "hidden": (8,)}


def test_advantages_by_hand():
    found = advantages(np.array([[1.0], [2.0], [3.0]]), np.array([10.0]), 0.5, 0.5)
    # errors 0.5 * 2 - 1, 0.5 * 3 - 2, 10 - 3; each further one counts a quarter
    np.testing.assert_allclose(found[:, 0], [0.3125, 1.25, 7.0])


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
