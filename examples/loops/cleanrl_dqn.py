"""DQN in one file, in CleanRL's manner, on an asynchronous vector environment: each slot is a process.

    python examples/loops/cleanrl_dqn.py [--quick]

The teacher stays in this process; a wrapper in each of the others takes the task. The test plays environments
of its own, without wrappers: no teacher hears of it. Lines that end in ``# teacher`` are what a teacher adds
to the loop; those with ``# changed`` were there.
"""

import copy
import functools
import sys

import gymnasium as gym
import numpy as np
import torch
from _poles import TEST_LENGTHS, Pole
from torch import nn

from teacherstudent import Parameters, TaskReset, TeacherVectorEnv, teachers  # teacher

SAME_STEP = gym.vector.AutoresetMode.SAME_STEP


def make() -> gym.Env:
    """Return one environment."""
    return TaskReset(Pole())  # changed


class Replay:
    """The last transitions."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.n = 0
        self.columns = [np.zeros((size, width), np.float32) for width in (4, 1, 1, 4, 1)]

    def add(self, *columns):
        """Keep a row for each slot."""
        rows = np.arange(self.n, self.n + len(columns[0])) % self.size
        for kept, column in zip(self.columns, columns, strict=True):
            kept[rows] = np.reshape(column, (len(rows), -1))
        self.n += len(rows)

    def draw(self, rng, n):
        """Return some as tensors."""
        rows = rng.integers(0, min(self.n, self.size), n)
        return [torch.from_numpy(column[rows]) for column in self.columns]


def train(rng, network, target, optimizer, replay):
    """Take one gradient step."""
    seen, action, reward, following, terminated = replay.draw(rng, 128)
    with torch.no_grad():
        wanted = reward + 0.99 * (1 - terminated) * target(following).max(-1, keepdim=True).values
    loss = nn.functional.smooth_l1_loss(network(seen).gather(-1, action.long()), wanted)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def test(network):
    """Return how long greedy actions keep each pole up."""
    envs = gym.vector.SyncVectorEnv([functools.partial(Pole, length) for length in TEST_LENGTHS])
    observations, _ = envs.reset(seed=1)
    alive = np.ones(len(TEST_LENGTHS), bool)
    lengths = np.zeros(len(TEST_LENGTHS), int)
    for _ in range(200):
        observations, _, terminated, truncated, _ = envs.step(greedy(network, observations))
        lengths += alive
        alive &= ~(terminated | truncated)
    return dict(zip(TEST_LENGTHS, lengths.tolist(), strict=True))


def greedy(network, observations):
    """Return the actions of the highest value."""
    with torch.no_grad():
        return network(torch.as_tensor(observations)).argmax(-1).numpy()


def main() -> None:
    """Train and test."""
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    slots, steps = 4, 500 if "--quick" in sys.argv else 10_000
    envs = gym.vector.AsyncVectorEnv([make] * slots, autoreset_mode=SAME_STEP)
    teacher = teachers.make("riac", Parameters(length=(0.05, 1.5)), seed=0)  # teacher
    envs = TeacherVectorEnv(teacher, envs)  # teacher

    network = nn.Sequential(nn.Linear(4, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 2))
    target = copy.deepcopy(network)
    optimizer = torch.optim.Adam(network.parameters(), lr=5e-4)
    replay = Replay(50_000)
    observations, _ = envs.reset(seed=0)
    for step in range(steps):
        actions = greedy(network, observations)
        random = rng.random(slots) < max(0.05, 1 - 3 * step / steps)
        actions[random] = rng.integers(0, 2, int(random.sum()))
        following, rewards, terminated, truncated, infos = envs.step(actions)
        real = following.copy()
        # Slots that have ended show the next episode already.
        for slot in np.flatnonzero(terminated | truncated):
            real[slot] = infos["final_obs"][slot]
        replay.add(observations, actions, rewards, real, terminated)
        observations = following
        if step > 100:
            train(rng, network, target, optimizer, replay)
        if step % 250 == 0:
            target.load_state_dict(network.state_dict())
    envs.close()
    print("test, steps by length of the pole:", test(network))
    print({name: round(value, 2) for name, value in teacher.metrics().items()})


if __name__ == "__main__":
    main()
