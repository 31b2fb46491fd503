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

# Twenty levels that the picture alone tells how to solve.
EMPTY = ["Empty-5x5", "Empty-Random-5x5", "Empty-6x6", "Empty-Random-6x6", "Empty-8x8", "Empty-16x16"]
DOORS = ["FourRooms", "DoorKey-5x5", "DoorKey-6x6", "DoorKey-8x8", "Unlock"]
LAVA = ["LavaGapS5", "LavaGapS6", "LavaGapS7", "DistShift1", "DistShift2"]
WALLS = ["SimpleCrossingS9N1", "SimpleCrossingS9N2", "SimpleCrossingS9N3", "SimpleCrossingS11N5"]
LEVELS = [f"MiniGrid-{name}-v0" for name in EMPTY + DOORS + LAVA + WALLS]
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
