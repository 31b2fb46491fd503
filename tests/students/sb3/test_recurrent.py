"""Recurrent policies of sb3_contrib with the project's own layers, against the library's way."""

import pytest
import torch
from sb3_contrib import RecurrentPPO
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from stable_baselines3 import PPO

from reaching import assign
from teacherstudent.contract.registry import FAMILIES
from teacherstudent.networks.recurrent import packed as packed_rnn
from teacherstudent.students.sb3.recurrent import speed_up
from teacherstudent.students.sb3.student import SB3Student

LIBRARY = RecurrentActorCriticPolicy._process_sequence
RECURRENT = {
    "algorithm": "sb3_contrib:RecurrentPPO",
    "options": {
        "n_steps": 32,
        "batch_size": 48,
        "n_epochs": 2,
        "policy_kwargs": {"lstm_hidden_size": 8, "net_arch": [8]},
    },
}


@pytest.fixture(scope="module")
def cartpole():
    return FAMILIES.make("cartpole-parameters")


def policy_of(kind=RecurrentPPO, name="MlpLstmPolicy", **networks):
    model = kind(name, "CartPole-v1", device="cpu", n_steps=8, batch_size=8, policy_kwargs=networks)
    speed_up(model.policy)
    return model.policy


def sequences(n, steps, starts, layers=1, units=8, seed=0):
    """Return features, states and starts: ``(slot, step)`` of each."""
    draws = torch.Generator().manual_seed(seed)
    features = torch.randn(n * steps, 4, generator=draws, requires_grad=True)
    states = tuple(torch.randn(layers, n, units, generator=draws) for _ in range(2))
    flags = torch.zeros(n, steps)
    for place in starts:
        flags[place] = 1
    return features, states, flags.flatten()


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize(
    ("n", "steps", "starts", "left"),
    [
        (3, 1, [], False),  # a rollout
        (3, 1, [(1, 0)], False),
        (1, 7, [], False),
        (4, 7, [(0, 0), (2, 0), (3, 0)], False),  # an update
        (4, 7, [(0, 0), (2, 3)], True),  # starts within a sequence: the library's way
    ],
)
def test_outputs_states_and_gradients_are_the_library_s(monkeypatch, layers, n, steps, starts, left):
    policy = policy_of(lstm_hidden_size=8, n_lstm_layers=layers)
    features, states, flags = sequences(n, steps, starts, layers)
    used = []
    for name in ("packed", "step"):
        original = getattr(packed_rnn, name)
        monkeypatch.setattr(packed_rnn, name, lambda *given, _f=original: used.append(1) or _f(*given))
    found = []
    for process in (policy._process_sequence, LIBRARY):
        out, after = process(features, states, flags, policy.lstm_actor)
        weights = torch.linspace(0.5, 2, out.numel()).view_as(out)
        total = (out * weights).sum() + sum(part.sum() for part in after)
        found.append([out, *after, *torch.autograd.grad(total, [features, *policy.lstm_actor.parameters()])])
    assert len(used) == (0 if left else 1)
    for mine, theirs in zip(*found, strict=True):
        assert mine.shape == theirs.shape
        assert (mine - theirs).abs().max() <= 1e-5 * theirs.abs().max()


def test_learning_is_that_of_the_library(cartpole):
    own, theirs = (SB3Student(cartpole, seed=0, n_envs=3, **RECURRENT) for _ in range(2))
    assert own.model.policy._process_sequence is not LIBRARY
    del theirs.model.policy._process_sequence
    assert theirs.model.policy._process_sequence is LIBRARY
    for k in range(4):
        mine, other = (s.train(assign(s, cartpole, first=100 * k)) for s in (own, theirs))
        assert mine.score.tolist() == other.score.tolist()
        assert own.metrics() == pytest.approx(theirs.metrics(), rel=1e-3, abs=1e-5)
    pairs = zip(own.model.policy.parameters(), theirs.model.policy.parameters(), strict=True)
    assert all(torch.allclose(a, b, rtol=1e-3, atol=1e-4) for a, b in pairs)
    tests = [s.evaluate(cartpole.test_tasks()[:4], seed=0).score.tolist() for s in (own, theirs)]
    assert tests[0] == tests[1]


def test_an_update_calls_the_layer_once(monkeypatch, cartpole):
    student = SB3Student(cartpole, seed=0, n_envs=3, **RECURRENT)
    steps, packed = [], packed_rnn.packed

    def watched(rnn, x, sizes, *rest):
        steps.append(len(sizes))
        return packed(rnn, x, sizes, *rest)

    student.train(assign(student, cartpole))
    monkeypatch.setattr(packed_rnn, "packed", watched)
    student.model.train()  # again on the same rollout
    assert student.model.rollout_buffer.episode_starts.sum() > 3
    assert len(steps) == 2 * 2 * 2  # two networks, two minibatches, two epochs
    assert max(steps) > 8


def test_weights_are_those_of_the_library():
    own, plain = policy_of(lstm_hidden_size=8), policy_of(PPO, "MlpPolicy")
    theirs = RecurrentPPO(
        "MlpLstmPolicy", "CartPole-v1", seed=0, device="cpu", policy_kwargs={"lstm_hidden_size": 8}
    ).policy
    assert own.state_dict().keys() == theirs.state_dict().keys()
    assert not hasattr(plain, "_process_sequence")


class Other(RecurrentActorCriticPolicy):
    """A policy with a way of its own."""

    @staticmethod
    def _process_sequence(features, lstm_states, episode_starts, lstm):
        return LIBRARY(features, lstm_states, episode_starts, lstm)


def test_policies_with_a_way_of_their_own_keep_it():
    assert "_process_sequence" not in vars(policy_of(name=Other))


def test_modules_that_the_layers_do_not_compute_stay_the_library_s():
    policy = policy_of(lstm_hidden_size=8, lstm_kwargs={"bias": False})
    features, states, flags = sequences(3, 5, [(0, 0)])
    mine, theirs = (
        process(features, states, flags, policy.lstm_actor) for process in (policy._process_sequence, LIBRARY)
    )
    assert torch.equal(mine[0], theirs[0])
