"""PPO of TorchRL, whose environments are processes: one teacher serves them all.

    python examples/loops/torchrl_ppo.py [--quick]

The test plays environments of its own, without the wrapper: no teacher hears of it. Lines that end in
``# teacher`` are what a teacher adds to the loop; those with ``# changed`` were there.
"""

import sys

import torch
from _poles import TEST_LENGTHS, Pole
from tensordict.nn import TensorDictModule
from torch import nn
from torchrl.collectors import Collector
from torchrl.envs import EnvCreator, GymWrapper, ParallelEnv, set_exploration_type
from torchrl.envs.utils import ExplorationType
from torchrl.modules import OneHotCategorical, ProbabilisticActor, ValueOperator
from torchrl.objectives import ClipPPOLoss
from torchrl.objectives.value import GAE

from teacherstudent import Parameters, TeacherEnv, TeacherServer, teachers  # teacher


def main() -> None:
    """Train and test."""
    torch.manual_seed(0)
    frames, rounds = 1_000, 2 if "--quick" in sys.argv else 12
    teacher = teachers.make("riac", Parameters(length=(0.05, 1.5)), seed=0)  # teacher
    server = TeacherServer(teacher)  # teacher
    envs = ParallelEnv(4, EnvCreator(lambda: GymWrapper(TeacherEnv(Pole(), teacher))))  # changed

    logits = nn.Sequential(nn.Linear(4, 64), nn.Tanh(), nn.Linear(64, 2))
    actor = ProbabilisticActor(
        TensorDictModule(logits, in_keys=["observation"], out_keys=["logits"]),
        in_keys=["logits"],
        distribution_class=OneHotCategorical,
        return_log_prob=True,
    )
    critic = ValueOperator(nn.Sequential(nn.Linear(4, 64), nn.Tanh(), nn.Linear(64, 1)))
    advantage = GAE(gamma=0.99, lmbda=0.95, value_network=critic)
    losses = ClipPPOLoss(actor, critic, entropy_coeff=0.01)
    optimizer = torch.optim.Adam(losses.parameters(), lr=1e-3)
    collector = Collector(envs, actor, frames_per_batch=frames, total_frames=frames * rounds)
    for batch in collector:
        for _ in range(4):
            with torch.no_grad():
                advantage(batch)
            rows = batch.reshape(-1)
            for part in rows[torch.randperm(len(rows))].split(250):
                found = losses(part)
                loss = found["loss_objective"] + found["loss_critic"] + found["loss_entropy"]
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(losses.parameters(), 0.5)
                optimizer.step()
    collector.shutdown()

    steps = {}
    for length in TEST_LENGTHS:
        with torch.no_grad(), set_exploration_type(ExplorationType.DETERMINISTIC):
            steps[length] = len(GymWrapper(Pole(length)).rollout(200, actor))
    print("test, steps by length of the pole:", steps)
    print({name: round(value, 2) for name, value in teacher.metrics().items()}, server.counts)


if __name__ == "__main__":
    main()
