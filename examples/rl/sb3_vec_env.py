"""PPO of stable-baselines3 on a VecEnv of its own; model and teacher are saved together.

    python examples/rl/sb3_vec_env.py [--quick]

Lines that end in ``# teacher`` are what a teacher adds to the loop; those with ``# changed`` were there.
"""

import sys
import tempfile

from _hills import Hill
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env

from teacherstudent import Parameters, TeacherCheckpointCallback, TeacherVecEnv, teachers  # teacher

steps = 1_000 if "--quick" in sys.argv else 20_000
envs = make_vec_env(Hill, 4)
teacher = teachers.make("riac", Parameters(steepness=(0, 1)), seed=0)  # teacher
envs = TeacherVecEnv(teacher, envs)  # teacher

with tempfile.TemporaryDirectory() as folder:
    callback = TeacherCheckpointCallback(save_freq=100, save_path=folder)  # changed
    model = PPO("MlpPolicy", envs, n_steps=64, batch_size=64)
    model.learn(steps, callback=callback)

print(teacher.metrics())
