"""Robots in Isaac Lab's manner, one tensor for all: a teacher moves each of them up and down levels.

    python examples/loops/isaac_terrain.py [--quick]

The term of the curriculum is called with the `env_ids` that are about to be reset, as in Isaac Lab. The test
plays robots of its own with a term of its own: no teacher hears of it. Lines that end in ``# teacher`` are
what a teacher adds to the loop; those with ``# changed`` were there.
"""

import sys

import torch
from _legged import TILE, Legged
from torch import nn

from teacherstudent import Discrete, TeacherSlots, teachers  # teacher

torch.manual_seed(0)
device = "cuda" if torch.cuda.is_available() else "cpu"
robots, steps, rounds = 512, 40, 20 if "--quick" in sys.argv else 150
teacher = teachers.make("terrain-levels", Discrete(10), seed=0, mastered=0.5, demoted=-0.5)  # teacher
slots = TeacherSlots(teacher, robots, device=device)  # teacher


def terrain_levels(env: Legged, env_ids: torch.Tensor) -> None:
    """Move robots up that crossed half a tile, and down that walked less than half of what they should."""
    distance = env.distance(env_ids)
    up = distance > TILE / 2
    down = ~up & (distance < 0.5 * env.command[env_ids] * env.max_episode_length * env.step_dt)
    lengths = env.episode_length_buf[env_ids]
    levels = slots.restart(env_ids, score=up.float() - down.float(), length=lengths)  # changed
    env.terrain.place(env_ids, levels)


def one_on_each_level(env: Legged, env_ids: torch.Tensor) -> None:
    """Place robots for the test."""
    env.terrain.place(env_ids, env_ids % env.terrain.max_terrain_level)


def test() -> str:
    """Return the mean reward a step on each level."""
    env = Legged(100, one_on_each_level, device=device, seed=1)
    observations = env.reset()
    total = torch.zeros(env.num_envs, device=device)
    for _ in range(steps):
        observations, rewards, _, _ = env.step(actor(observations).squeeze(-1).detach())
        total += rewards / steps
    return " ".join(f"{value:.2f}" for value in total.view(-1, 10).mean(0).tolist())


actor = nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 1)).to(device)
optimizer = torch.optim.Adam(actor.parameters(), 3e-3)
env = Legged(robots, terrain_levels, device=device)
observations = env.reset()
for _ in range(rounds):
    # REINFORCE on the reward of each step: here, what a robot does decides on nothing later.
    for _ in range(steps):
        mean = actor(observations).squeeze(-1)
        policy = torch.distributions.Normal(mean, 0.3)
        actions = policy.sample()
        observations, rewards, _, _ = env.step(actions)
        loss = -(policy.log_prob(actions) * (rewards - rewards.mean())).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

print("test, reward a step by level:", test())
print("robots on each level:", torch.bincount(env.terrain.terrain_levels, minlength=10).tolist())
print({name: round(value, 2) for name, value in teacher.metrics().items()})
