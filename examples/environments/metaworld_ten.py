"""The ten training tasks of Metaworld's ML10 by their names, as a list of tasks.

pip install metaworld
python examples/environments/metaworld_ten.py [--quick]
"""

import sys

import metaworld  # noqa: F401  # registers its environments
from metaworld.env_dict import ML10_V3

from teacherstudent import Plan, family_from_gymnasium, run, students, teachers

NAMES = list(ML10_V3["train"])
BUDGET = 1_000 if "--quick" in sys.argv else 2_000_000

family = family_from_gymnasium(
    "Meta-World/MT1",
    tasks=[{"env_name": name} for name in NAMES],
    names=NAMES,
    env_options={"seed": 0},
    success="success",
    max_episode_steps=100,
    name="ml10",
)
teacher = teachers.make("tscl-sampling", family, seed=0)
options = {"n_steps": 250, "batch_size": 250}
student = students.make("sb3", family, seed=0, n_envs=4, device="cpu", options=options)
run(family, teacher, student, "runs/ml10", Plan(budget=BUDGET, test_every=BUDGET))
solved = student.evaluate(family.test_tasks(), seed=0).signals["success"].tolist()
print("solved:", dict(zip(family.test_names, solved, strict=True)))
