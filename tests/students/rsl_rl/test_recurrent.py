from types import SimpleNamespace

import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete
from rsl_rl.models import RNNModel
from rsl_rl.storage import RolloutStorage

from teacherstudent.networks.recurrent.hidden import hidden_of
from teacherstudent.students.rsl_rl.ppo import RslRlPPO

SLOTS, STEPS = 5, 12
SPACES = SimpleNamespace(
    num_envs=SLOTS,
    device=torch.device("cpu"),
    single_observation_space=Box(-9, 9, (3,), np.float32),
    single_action_space=Discrete(4),
)


def make(kind):
    torch.manual_seed(0)
    return RslRlPPO(
        SPACES,
        STEPS,
        options={
            "optimizer": "sgd",
            "learning_rate": 1.0,
            "schedule": "fixed",
            "num_mini_batches": 1,
            "num_learning_epochs": 1,
        },
        policy={"class_name": "RNNModel", "rnn_type": kind, "rnn_hidden_dim": 6, "hidden_dims": [7]},
        observations=True,
        rewards=False,
    )


def play(ppo):
    """Play two rollouts and return the hidden states before each step of the second, as rsl_rl keeps them."""
    draws = torch.manual_seed(1)
    for _ in range(2):
        states = []
        done = torch.rand(STEPS, SLOTS, generator=draws) < 0.3
        ppo.observations.copy_(torch.randn(STEPS, SLOTS, 3, generator=draws))
        with torch.no_grad():
            for t in range(STEPS):
                states.append([hidden_of(ppo.alg.actor), hidden_of(ppo.alg.critic)])
                ppo.act(t)
                ppo.ended(done[t])
            rewards = torch.rand(STEPS, SLOTS, generator=draws)
            ppo.finish(rewards, done, torch.zeros_like(done), ppo.observations, ppo.observations[-1])
    return [
        [torch.stack(parts) for parts in zip(*(step[i] for step in states), strict=True)] for i in range(2)
    ]


@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_packed_episodes_train_as_the_library_s_padded_ones(kind):
    packed, padded = make(kind), make(kind)
    before = [p.detach().clone() for p in packed.alg.actor.parameters()]
    play(packed)
    storage = padded.alg.storage
    storage.saved_hidden_state_a, storage.saved_hidden_state_c = play(padded)
    storage.recurrent_mini_batch_generator = lambda *given: RolloutStorage.recurrent_mini_batch_generator(
        storage, *given
    )
    for network in (padded.alg.actor, padded.alg.critic):
        network.__class__ = RNNModel
    mine, theirs = packed.update(), padded.update()
    assert mine == pytest.approx(theirs, rel=1e-4, abs=1e-6)
    for name in ("actor", "critic"):
        pairs = zip(
            getattr(packed.alg, name).parameters(), getattr(padded.alg, name).parameters(), strict=True
        )
        assert all(torch.allclose(a, b, rtol=0, atol=1e-5) for a, b in pairs)
    moved = [(a - b).abs().max().item() for a, b in zip(packed.alg.actor.parameters(), before, strict=True)]
    assert min(moved) > 1e-4
