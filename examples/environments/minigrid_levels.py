"""MiniGrid: a list of environments as tasks, and one environment in many sizes; images of 7 x 7 x 3.

pip install "teacherstudent[environments]"
python examples/environments/minigrid_levels.py [--quick]
"""

import sys

import gymnasium as gym
import minigrid  # noqa: F401  # registers its environments
from minigrid.wrappers import ImgObsWrapper

from teacherstudent import Parameters, Plan, family_from_gymnasium, run, students, teachers
from teacherstudent.contract.spaces import whole

LEVELS = [
    "MiniGrid-Empty-5x5-v0",
    "MiniGrid-Empty-Random-5x5-v0",
    "MiniGrid-Empty-8x8-v0",
    "MiniGrid-FourRooms-v0",
]
BUDGET = 1_024 if "--quick" in sys.argv else 50_000


def level(id="MiniGrid-Empty-5x5-v0", **options):
    """Return a level of MiniGrid whose observation is the image alone: the mission is a text."""
    return ImgObsWrapper(gym.make(id, max_steps=100, **options))


def train(family, teacher, folder):
    """Train PPO; its network for images of 7 x 7 is chosen by the student."""
    options = {"n_steps": 128, "batch_size": 128}
    student = students.make("sb3", family, seed=0, n_envs=4, device="cpu", options=options)
    print(family.name, [type(part).__name__ for part in student.model.policy.features_extractor.children()])
    run(family, teacher, student, folder, Plan(budget=BUDGET, test_every=BUDGET // 2))


# Success is a return above 0 in every level, whatever its steps cost. Episodes end after 100 steps.
shared = {"mastered": 0.0, "score_range": (0, 1), "max_episode_steps": 100}

levels = family_from_gymnasium(
    level, tasks=[{"id": id} for id in LEVELS], names=LEVELS, name="levels", **shared
)
train(levels, teachers.make("tscl-sampling", levels, seed=0), "runs/minigrid-levels")

sizes = family_from_gymnasium(
    level, space=Parameters(size=whole(5, 12)), apply="arguments", name="sizes", test_tasks=8, **shared
)
train(sizes, teachers.make("alp-gmm", sizes, seed=0), "runs/minigrid-sizes")
