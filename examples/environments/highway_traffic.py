"""Traffic of highway-env as tasks: how many cars there are, how dense they drive, on how many lanes.

pip install highway-env
python examples/environments/highway_traffic.py [--quick]
"""

import sys

import gymnasium as gym
import highway_env

from teacherstudent import Parameters, Plan, family_from_gymnasium, run, students, teachers
from teacherstudent.contract.spaces import whole

gym.register_envs(highway_env)
BUDGET = 256 if "--quick" in sys.argv else 50_000


def set_traffic(env, task):
    """Set the traffic in the configuration that the next reset reads."""
    cars, density, lanes = task
    env.unwrapped.config.update(
        vehicles_count=int(cars), vehicles_density=float(density), lanes_count=int(lanes), duration=20
    )


family = family_from_gymnasium(
    "highway-fast-v0",
    space=Parameters(cars=whole(5, 30), density=(0.5, 2), lanes=whole(2, 4)),
    apply=set_traffic,
    success=lambda env, info: not info["crashed"],
    score_range=(0, 20),
    max_episode_steps=40,
    test_tasks=4,
)
teacher = teachers.make("alp-gmm", family, seed=0)
options = {"n_steps": 32, "batch_size": 32}
student = students.make("sb3", family, seed=0, n_envs=4, device="cpu", options=options)
run(family, teacher, student, "runs/highway", Plan(budget=BUDGET, test_every=BUDGET))
print("without a crash:", student.evaluate(family.test_tasks(), seed=0).signals["success"].mean())
