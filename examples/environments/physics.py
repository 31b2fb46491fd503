"""Physics as tasks, without a wrapper class: attributes that are set before each reset, and a function.

    python examples/environments/physics.py [--quick]

Pendulum comes with gymnasium; LunarLander needs ``gymnasium[box2d]``, Hopper ``gymnasium[mujoco]``.
"""

import sys
from importlib.util import find_spec

from teacherstudent import Parameters, Plan, family_from_gymnasium, run, students, teachers

BUDGET = 1_024 if "--quick" in sys.argv else 100_000


def set_hopper(env, task):
    """Set gravity and the friction of the floor, both deep in MuJoCo's model."""
    model = env.unwrapped.model
    model.opt.gravity[2] = -task[0]
    model.geom("floor").friction[0] = task[1]


families = {
    # The parameters' names are those of attributes of the environment.
    "pendulum": lambda: family_from_gymnasium(
        "Pendulum-v1",
        space=Parameters(g=(2, 15), l=(0.5, 1.5), m=(0.5, 1.5)),
        apply="attributes",
        mastered=-300,
    )
}
if find_spec("Box2D"):
    families["lander"] = lambda: family_from_gymnasium(
        "LunarLander-v3",
        space=Parameters(gravity=(-11, -4), wind_power=(0, 15)),
        apply="attributes",
        env_options={"enable_wind": True},
        mastered=200,
    )
if find_spec("mujoco"):
    families["hopper"] = lambda: family_from_gymnasium(
        "Hopper-v5", space=Parameters(gravity=(5, 12), friction=(0.5, 3)), apply=set_hopper, mastered=1000
    )

for name, make in families.items():
    family = make()
    teacher = teachers.make("alp-gmm", family, seed=0)
    options = {"n_steps": 128, "batch_size": 128}
    student = students.make("sb3", family, seed=0, n_envs=4, device="cpu", options=options)
    run(family, teacher, student, f"runs/physics-{name}", Plan(budget=BUDGET, test_every=BUDGET // 2))
    score = student.evaluate(family.test_tasks(), seed=0).score.mean()
    print(f"{name}: mean return {score:.0f} on {family.space}")
