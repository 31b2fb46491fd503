"""PPO of stable-baselines3 with ACCEL: levels are replayed, edited, and measured without a gradient step.

    python examples/rl/sb3_levels.py [--quick]

Lines that end in ``# teacher`` are what a teacher adds to the loop; those with ``# changed`` were there.
"""

import sys

from _hills import Hill
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env

from teacherstudent import LevelCallback, LevelVecEnv, Parameters, teachers  # teacher

steps = 5_000 if "--quick" in sys.argv else 50_000
envs = make_vec_env(Hill, 4)
teacher = teachers.make("accel", Parameters(steepness=(0, 1)), seed=0)  # teacher
envs = LevelVecEnv(teacher, envs)  # teacher

model = PPO("MlpPolicy", envs, n_steps=64, batch_size=64)
model.learn(steps, callback=LevelCallback())  # changed

print(teacher.metrics())
