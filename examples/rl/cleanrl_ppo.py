"""PPO in one file, as CleanRL writes it, with robust PLR: levels that are only measured are not learnt from.

    python examples/rl/cleanrl_ppo.py [--quick]

Lines that end in ``# teacher`` are what a teacher adds to the loop; those with ``# changed`` were there.
"""

import sys

import gymnasium as gym
import numpy as np
import torch
from _hills import Hill
from gymnasium.vector import AutoresetMode
from torch import nn, optim
from torch.distributions.categorical import Categorical

from teacherstudent import LevelRounds, Parameters, teachers  # teacher

total_timesteps = 10_000 if "--quick" in sys.argv else 100_000
num_envs, num_steps, num_minibatches, update_epochs = 8, 64, 4, 4
learning_rate, gamma, gae_lambda = 1e-3, 0.99, 0.95
clip_coef, ent_coef, vf_coef, max_grad_norm = 0.2, 0.01, 0.5, 0.5
batch_size = num_envs * num_steps
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")


def layer_init(layer: nn.Linear, std: float = 2**0.5, bias_const: float = 0.0) -> nn.Linear:
    """Initialise a layer."""
    nn.init.orthogonal_(layer.weight, std)
    nn.init.constant_(layer.bias, bias_const)
    return layer


class Agent(nn.Module):
    """Actor and critic."""

    def __init__(self, envs: gym.vector.VectorEnv) -> None:
        super().__init__()
        inputs = int(np.prod(envs.single_observation_space.shape))
        self.critic = nn.Sequential(
            layer_init(nn.Linear(inputs, 64)), nn.Tanh(), layer_init(nn.Linear(64, 1), std=1.0)
        )
        self.actor = nn.Sequential(
            layer_init(nn.Linear(inputs, 64)),
            nn.Tanh(),
            layer_init(nn.Linear(64, envs.single_action_space.n), std=0.01),
        )

    def get_value(self, x: torch.Tensor) -> torch.Tensor:
        """Return the values of observations."""
        return self.critic(x)

    def get_action_and_value(
        self, x: torch.Tensor, action: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, ...]:
        """Return actions, their log-probabilities, entropies and values."""
        probs = Categorical(logits=self.actor(x))
        if action is None:
            action = probs.sample()
        return action, probs.log_prob(action), probs.entropy(), self.critic(x)


torch.manual_seed(0)
rng = np.random.default_rng(0)
envs = gym.vector.SyncVectorEnv([Hill] * num_envs, autoreset_mode=AutoresetMode.SAME_STEP)
teacher = teachers.make("robust-plr", Parameters(steepness=(0, 1)), seed=0)  # teacher
rounds = LevelRounds(teacher, envs, budget=total_timesteps, steps=num_steps)  # teacher
agent = Agent(envs).to(device)
optimizer = optim.Adam(agent.parameters(), lr=learning_rate, eps=1e-5)

obs = torch.zeros((num_steps, num_envs, *envs.single_observation_space.shape)).to(device)
actions = torch.zeros((num_steps, num_envs)).to(device)
logprobs = torch.zeros((num_steps, num_envs)).to(device)
rewards = torch.zeros((num_steps, num_envs)).to(device)
dones = torch.zeros((num_steps, num_envs)).to(device)
values = torch.zeros((num_steps, num_envs)).to(device)
updates = 0

for _ in range(total_timesteps // batch_size):
    next_obs, _ = rounds.reset()  # changed
    next_obs, next_done = torch.Tensor(next_obs).to(device), torch.zeros(num_envs).to(device)
    for step in range(num_steps):
        obs[step], dones[step] = next_obs, next_done
        with torch.no_grad():
            action, logprob, _, value = agent.get_action_and_value(next_obs)
        actions[step], logprobs[step], values[step] = action, logprob, value.flatten()
        next_obs, reward, terminations, truncations, _ = envs.step(action.cpu().numpy())
        rewards[step] = torch.tensor(reward).to(device)
        next_obs = torch.Tensor(next_obs).to(device)
        next_done = torch.Tensor(np.logical_or(terminations, truncations)).to(device)

    with torch.no_grad():
        next_value = agent.get_value(next_obs).reshape(1, -1)
        advantages = torch.zeros_like(rewards).to(device)
        lastgaelam = 0
        nextnonterminals = 1.0 - torch.cat([dones[1:], next_done[None]])
        nextvalues = torch.cat([values[1:], next_value])
        for t in reversed(range(num_steps)):
            delta = rewards[t] + gamma * nextvalues[t] * nextnonterminals[t] - values[t]
            lastgaelam = delta + gamma * gae_lambda * nextnonterminals[t] * lastgaelam
            advantages[t] = lastgaelam
        returns = advantages + values

    b_obs = obs.reshape((-1, *envs.single_observation_space.shape))
    b_logprobs, b_actions = logprobs.reshape(-1), actions.reshape(-1)
    b_advantages, b_returns = advantages.reshape(-1), returns.reshape(-1)
    b_inds = rounds.tell(rewards, 1.0 - nextnonterminals, values=values, advantages=advantages)  # changed
    minibatch_size = max(1, len(b_inds) // num_minibatches)
    for _ in range(update_epochs):
        rng.shuffle(b_inds)
        for start in range(0, len(b_inds), minibatch_size):
            mb_inds = b_inds[start : start + minibatch_size]
            _, newlogprob, entropy, newvalue = agent.get_action_and_value(
                b_obs[mb_inds], b_actions[mb_inds].long()
            )
            ratio = (newlogprob - b_logprobs[mb_inds]).exp()
            mb_advantages = b_advantages[mb_inds]
            mb_advantages = (mb_advantages - mb_advantages.mean()) / (mb_advantages.std() + 1e-8)
            pg_loss1 = -mb_advantages * ratio
            pg_loss2 = -mb_advantages * torch.clamp(ratio, 1 - clip_coef, 1 + clip_coef)
            v_loss = 0.5 * ((newvalue.view(-1) - b_returns[mb_inds]) ** 2).mean()
            loss = torch.max(pg_loss1, pg_loss2).mean() - ent_coef * entropy.mean() + v_loss * vf_coef
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(agent.parameters(), max_grad_norm)
            optimizer.step()
            updates += 1

envs.close()
print(f"{updates} updates; {teacher.metrics()}")
