"""PPO in one file, in CleanRL's manner, on a synchronous vector environment.

    python examples/loops/cleanrl_ppo.py [--quick]

The test plays environments of its own, without the wrapper: no teacher hears of it. Lines that end in
``# teacher`` are what a teacher adds to the loop; those with ``# changed`` were there.
"""

import functools
import sys

import gymnasium as gym
import torch
from _poles import TEST_LENGTHS, Pole
from torch import nn

from teacherstudent import Parameters, TeacherVectorEnv, teachers  # teacher

NEXT_STEP = gym.vector.AutoresetMode.NEXT_STEP
torch.manual_seed(0)
slots, steps, updates = 8, 128, 4 if "--quick" in sys.argv else 60
envs = gym.vector.SyncVectorEnv([Pole] * slots, autoreset_mode=NEXT_STEP)
teacher = teachers.make("alp-gmm", Parameters(length=(0.05, 1.5)), seed=0, score_range=(0, 200))  # teacher
envs = TeacherVectorEnv(teacher, envs)  # teacher

actor = nn.Sequential(nn.Linear(4, 64), nn.Tanh(), nn.Linear(64, 2))
critic = nn.Sequential(nn.Linear(4, 64), nn.Tanh(), nn.Linear(64, 1))
optimizer = torch.optim.Adam([*actor.parameters(), *critic.parameters()], lr=1e-3)


def advantages(rewards, values, dones, following):
    """Return generalised advantages (steps, slots)."""
    found = torch.zeros_like(rewards)
    ahead = torch.zeros(slots)
    for t in reversed(range(steps)):
        error = rewards[t] + 0.99 * following * (1 - dones[t]) - values[t]
        ahead = error + 0.99 * 0.95 * (1 - dones[t]) * ahead
        found[t] = ahead
        following = values[t]
    return found


def play(envs, steps):
    """Return the mean length of the first episodes of a policy that takes the likeliest action."""
    observations, _ = envs.reset(seed=1)
    alive = torch.ones(envs.num_envs, dtype=torch.bool)
    lengths = torch.zeros(envs.num_envs)
    for _ in range(steps):
        actions = actor(torch.as_tensor(observations)).argmax(-1).numpy()
        observations, _, terminated, truncated, _ = envs.step(actions)
        lengths += alive
        alive &= ~torch.as_tensor(terminated | truncated)
    return lengths.tolist()


observations, _ = envs.reset(seed=0)
over = torch.zeros(slots)
for _ in range(updates):
    batch = {name: torch.zeros(steps, slots) for name in ("logp", "reward", "value", "done", "starts")}
    batch |= {"seen": torch.zeros(steps, slots, 4), "action": torch.zeros(steps, slots)}
    for t in range(steps):
        seen = torch.as_tensor(observations)
        with torch.no_grad():
            policy = torch.distributions.Categorical(logits=actor(seen))
            action = policy.sample()
            values = critic(seen).squeeze(-1)
        observations, rewards, terminated, truncated, _ = envs.step(action.numpy())
        # In the step after an episode's end the action counts for nothing: the slot only starts.
        batch["starts"][t] = over
        over = torch.as_tensor(terminated | truncated).float()
        for name, column in (("seen", seen), ("action", action), ("logp", policy.log_prob(action))):
            batch[name][t] = column
        batch["reward"][t], batch["value"][t], batch["done"][t] = torch.as_tensor(rewards), values, over
    with torch.no_grad():
        last = critic(torch.as_tensor(observations)).squeeze(-1)
    advantage = advantages(batch["reward"], batch["value"], batch["done"], last)
    target = advantage + batch["value"]
    used = (batch["starts"] == 0).flatten().nonzero().squeeze(-1)
    flat = {name: column.flatten(0, 1) for name, column in batch.items()}
    advantage, target = advantage.flatten(), target.flatten()
    for _ in range(4):
        for rows in used[torch.randperm(len(used))].split(256):
            policy = torch.distributions.Categorical(logits=actor(flat["seen"][rows]))
            ratio = (policy.log_prob(flat["action"][rows]) - flat["logp"][rows]).exp()
            scaled = (advantage[rows] - advantage[rows].mean()) / (advantage[rows].std() + 1e-8)
            gain = torch.minimum(ratio * scaled, ratio.clamp(0.8, 1.2) * scaled).mean()
            error = (critic(flat["seen"][rows]).squeeze(-1) - target[rows]).square().mean()
            loss = 0.5 * error - gain - 0.01 * policy.entropy().mean()
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_([*actor.parameters(), *critic.parameters()], 0.5)
            optimizer.step()

tests = gym.vector.SyncVectorEnv([functools.partial(Pole, length) for length in TEST_LENGTHS])
print("test, steps by length of the pole:", dict(zip(TEST_LENGTHS, play(tests, 200), strict=True)))
print({name: round(value, 2) for name, value in teacher.metrics().items()})
