"""PPO of RLlib (new API stack), whose environment runners are processes: one teacher serves them all.

    python examples/loops/rllib_ppo.py [--quick]

Checkpoints of the algorithm hold the teacher. The evaluation's runners are told by their `env_config` that
they test, and make environments without the wrapper: no teacher hears of it, and the callback refuses others.
Lines that end in ``# teacher`` are what a teacher adds to the loop; those with ``# changed`` were there.
"""

import os
import sys
import tempfile

from _poles import Pole
from ray.rllib.algorithms.ppo import PPOConfig
from ray.tune.registry import register_env

from teacherstudent import Parameters, TeacherEnv, TeacherRLlibCallback, TeacherServer, teachers  # teacher

teacher = teachers.make("riac", Parameters(length=(0.05, 1.5)), seed=0)  # teacher
server = TeacherServer(teacher)  # teacher


def make(config):
    """Return one environment; in a runner `teacher` is a client."""
    return Pole() if config.get("test") else TeacherEnv(Pole(), teacher)  # changed


quick = "--quick" in sys.argv
register_env("poles", make)
config = (
    PPOConfig()
    .environment("poles")
    .env_runners(num_env_runners=2, num_envs_per_env_runner=2)
    .training(train_batch_size=400 if quick else 2_000, minibatch_size=100, num_epochs=5, lr=1e-3)
    .evaluation(
        evaluation_interval=2, evaluation_duration=5, evaluation_config={"env_config": {"test": True}}
    )
    .callbacks(TeacherRLlibCallback(teacher))  # teacher
    .debugging(seed=0)
)
algorithm = config.build_algo()
for _ in range(2 if quick else 10):
    result = algorithm.train()
with tempfile.TemporaryDirectory() as folder:
    algorithm.save_to_path(folder)
    algorithm.restore_from_path(folder)
    print("checkpoint:", sorted(os.listdir(folder)))
algorithm.stop()

print(f"test, mean steps: {result['evaluation']['env_runners']['episode_return_mean']:.0f}")
print({name: round(value, 2) for name, value in result["teacher"].items()}, server.counts)
