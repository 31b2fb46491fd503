import math
from types import SimpleNamespace

import numpy as np
import torch
from gymnasium.spaces import Box, Discrete
from rsl_rl.algorithms import PPO

from teacherstudent.students.rsl_rl.ppo import RslRlPPO


def make(n=1, steps=3, *, rewards=False, observations=False, actions=None, policy=None, **options):
    given = SimpleNamespace(
        num_envs=n,
        device=torch.device("cpu"),
        single_observation_space=Box(-9, 9, (2,), np.float32),
        single_action_space=actions or Box(-1, 1, (1,), np.float32),
    )
    torch.manual_seed(0)
    return RslRlPPO(
        given,
        steps,
        options={"gamma": 0.5, "lam": 0.5, **options},
        policy={"hidden_dims": [4], **(policy or {})},
        observations=observations,
        rewards=rewards,
    )


class FirstColumn(torch.nn.Module):
    """A critic whose value is the first number of the observation."""

    def forward(self, obs):
        return obs["obs"][:, :1]

    def reset(self, dones=None, hidden_state=None):
        """No memory."""

    get_hidden_state = reset


def finish(ppo, values, rewards, done, cut, last, after):
    """Compute advantages of one slot with values, and values of last observations, as given."""
    ppo.alg.critic = FirstColumn()
    ppo.alg.storage.values[:, 0, 0] = torch.tensor(values)
    ends = torch.zeros(3, 1, 2)
    ends[:, 0, 0] = torch.tensor(last)
    found = ppo.finish(
        torch.tensor(rewards, dtype=torch.float64)[:, None],
        torch.tensor(done)[:, None],
        torch.tensor(cut)[:, None],
        ends,
        torch.tensor([[after, 0.0]]),
    )
    return found[:, 0].tolist(), ppo.alg.storage.returns[:, 0, 0].tolist()


def test_an_episode_cut_by_the_time_limit_is_bootstrapped_with_its_last_observation():
    no, nan = [False, False, False], math.nan
    values, rewards = [4.0, 6.0, 8.0], [1.0, 2.0, 3.0]
    # step 2: 3 + .5 x 2 - 8 = -4. Step 1, cut: 2 + .5 x 10 - 6 = 1 (the library's own would be
    # 2 + .5 x 6 - 6 = -1). Step 0: 1 + .5 x 6 - 4 + .25 x 1 = .25
    cut = [False, True, False]
    found = finish(make(), values, rewards, cut, cut, [nan, 10.0, nan], 2.0)
    assert found == ([0.25, 1.0, -4.0], [4.25, 7.0, 4.0])
    # terminated instead: 2 - 6 = -4, and 0 + .25 x -4 = -1
    assert finish(make(), values, rewards, cut, no, [nan, 10.0, nan], 2.0)[0] == [-1.0, -4.0, -4.0]
    # neither: 2 + .5 x 8 - 6 = 0, + .25 x -4 = -1; 0 + .25 x -1
    assert finish(make(), values, rewards, no, no, [nan, 10.0, nan], 2.0)[0] == [-0.25, -1.0, -4.0]


def test_the_library_bootstraps_with_the_observation_before():
    # what the docstring of RslRlPPO says of rsl_rl: if it changes, the deviation can go
    ppo = make(steps=1)
    alg, one = ppo.alg, torch.ones(1)
    alg.transition.values = torch.tensor([[6.0]])
    alg.transition.observations = {"obs": torch.zeros(1, 2)}
    seen = []
    alg.storage.add_transition = lambda step: seen.append(float(step.rewards))
    alg.process_env_step({"obs": torch.full((1, 2), 10.0)}, 2 * one, one, {"time_outs": one})
    assert seen == [5.0]


def test_advantages_for_training_are_normalised_and_signals_are_not():
    ppo = make()
    found, _ = finish(ppo, [4.0, 6.0, 8.0], [1.0, 2.0, 3.0], [False] * 3, [False] * 3, [0.0] * 3, 2.0)
    trained_on = ppo.alg.storage.advantages[:, 0, 0]
    assert found == [-0.25, -1.0, -4.0]
    assert abs(float(trained_on.mean())) < 1e-6
    assert abs(float(trained_on.std()) - 1) < 1e-6


def test_rewards_are_divided_by_the_spread_of_their_discounted_sum():
    ppo = make(rewards=True)
    none = torch.zeros(3, 1, dtype=torch.bool)
    done = torch.tensor([[False], [True], [False]])
    one = torch.ones(3, 1)
    # discounted sums 1, 1.5, and 1 anew: standard deviation sqrt(1 / 18)
    scaled = ppo._scaled(one, done)
    np.testing.assert_allclose(scaled[:, 0], [math.sqrt(18)] * 3, rtol=1e-6)
    # next: 1 + .5 x 1 = 1.5, 1.75, 1.875; of all six numbers
    spread = np.std([1, 1.5, 1, 1.5, 1.75, 1.875])
    np.testing.assert_allclose(ppo._scaled(one, none)[:, 0], [1 / spread] * 3, rtol=1e-6)
    assert ppo._scaled(1e9 * torch.eye(3)[:, :1], none).max() <= 10
    plain = make()
    assert torch.equal(plain._scaled(one, done), one)


def test_a_step_is_written_where_the_update_reads_it():
    ppo = make(n=5, steps=2, policy={"init_std": 0.1}, observations=True)
    ppo.observations[1] = torch.randn(5, 2)
    obs = ppo.observations[1].clone()
    ppo.act(0)
    taken = ppo.act(1)
    storage, actor = ppo.alg.storage, ppo.alg.actor
    mean, std = storage.distribution_params
    assert torch.equal(mean[1], actor({"obs": obs}))
    assert torch.allclose(std[1], torch.full((5, 1), 0.1))
    assert torch.equal(taken, storage.actions[1].clamp(-1, 1))
    expected = torch.distributions.Normal(mean[1], std[1]).log_prob(storage.actions[1])
    assert torch.allclose(storage.actions_log_prob[1], expected)
    assert torch.equal(storage.values[1], ppo.alg.critic({"obs": obs}))
    assert torch.equal(ppo.player(greedy=True)(obs, torch.ones(5, dtype=torch.bool)), mean[1].clamp(-1, 1))
    assert not torch.equal(
        ppo.player(greedy=False)(obs, torch.ones(5, dtype=torch.bool)), mean[1].clamp(-1, 1)
    )


def test_discrete_actions_count_from_the_start_of_their_space():
    ppo = make(n=400, actions=Discrete(3, start=-1))
    taken = ppo.act(0)
    assert taken.dtype == torch.int64
    assert set(taken.tolist()) == {-1, 0, 1}
    assert ppo.alg.storage.actions.shape == (3, 400, 1)
    greedy = ppo.player(greedy=True)(ppo.observations[0], torch.ones(400, dtype=torch.bool))
    logits = ppo.alg.storage.distribution_params[0][0]
    assert torch.equal(greedy, logits.argmax(-1) - 1)


def test_networks_follow_the_settings():
    ppo = make(
        policy={"hidden_dims": [8, 6], "critic_hidden_dims": [5], "activation": "relu", "learn_std": False},
        optimizer="sgd",
    )
    assert isinstance(ppo.alg, PPO)
    sizes = [tuple(p.shape) for p in ppo.alg.actor.mlp.parameters()]
    assert sizes == [(8, 2), (8,), (6, 8), (6,), (1, 6), (1,)]
    assert [m.out_features for m in ppo.alg.critic.mlp if hasattr(m, "out_features")] == [5, 1]
    assert any(isinstance(m, torch.nn.ReLU) for m in ppo.alg.actor.modules())
    assert not ppo.alg.actor.distribution.std_param.requires_grad
    assert isinstance(ppo.alg.optimizer, torch.optim.SGD)
    wide = make(policy={"state_dependent_std": True, "init_std": 0.25})
    wide.act(0)
    assert torch.allclose(wide.alg.storage.distribution_params[1][0], torch.tensor(0.25))
