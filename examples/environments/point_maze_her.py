"""Goals of a PointMaze, chosen by a teacher and learnt by SAC with hindsight replay; saved and resumed.

    pip install gymnasium-robotics
    python examples/environments/point_maze_her.py [--quick]

The student ``sb3`` refuses this buffer; here ``learn`` is called by hand, and what a resume needs is saved.
"""

import sys
from pathlib import Path

import gymnasium as gym
import gymnasium_robotics
import numpy as np
from stable_baselines3 import SAC, HerReplayBuffer

from teacherstudent import TeacherVecEnv, family_from_gymnasium, teachers
from teacherstudent.contract.spaces import Discrete

gym.register_envs(gymnasium_robotics)
STEPS = 600 if "--quick" in sys.argv else 40_000
FOLDER = Path("runs/point-maze-her")
# A small maze: 1 is a wall.
MAZE = [[1, 1, 1, 1, 1], [1, 0, 0, 0, 1], [1, 0, 1, 0, 1], [1, 0, 0, 0, 1], [1, 1, 1, 1, 1]]
CELLS = [[1, 2], [1, 3], [2, 3], [3, 3], [3, 2], [3, 1], [2, 1]]


class GoalCell(gym.Wrapper):
    """Starts in the first corner and puts the goal into the cell of the task."""

    def reset(self, *, seed=None, options=None):
        """Start the task; the maze takes the cells in the options of its reset."""
        cells = {"reset_cell": np.array([1, 1]), "goal_cell": np.array(CELLS[int(options["task"])])}
        return self.env.reset(seed=seed, options=cells)


def maze():
    """Return the maze, whose episodes have 100 steps."""
    return GoalCell(gym.make("PointMaze_UMaze-v3", maze_map=MAZE, max_episode_steps=100))


family = family_from_gymnasium(
    maze,
    space=Discrete(len(CELLS)),
    names=[f"row {row}, column {column}" for row, column in CELLS],
    success="success",
    name="point-maze",
)


teacher = teachers.make("exp3s", family, seed=0)
model = SAC(
    "MultiInputPolicy",
    TeacherVecEnv(teacher, family.make_vec(4), mastered=0.0),
    replay_buffer_class=HerReplayBuffer,
    replay_buffer_kwargs={"n_sampled_goal": 4, "goal_selection_strategy": "future"},
    learning_starts=400,
    train_freq=8,
    gradient_steps=4,
    seed=0,
    device="cpu",
)
model.learn(STEPS // 2)
FOLDER.mkdir(parents=True, exist_ok=True)
model.save(FOLDER / "model.zip")
model.save_replay_buffer(FOLDER / "replay.pkl")
teacher.save(FOLDER / "teacher.npz")

# In another program, later: what is in the three files, and new episodes.
teacher = teachers.load(FOLDER / "teacher.npz")
resumed = SAC.load(
    FOLDER / "model.zip", env=TeacherVecEnv(teacher, family.make_vec(4), mastered=0.0), device="cpu"
)
resumed.load_replay_buffer(FOLDER / "replay.pkl")
before = resumed.replay_buffer.size()
resumed.learn(STEPS // 2, reset_num_timesteps=False)

print(
    f"{resumed.num_timesteps} steps; in the buffer of each maze {before}, then {resumed.replay_buffer.size()}"
)
reached = []
env = family.make_env()
for task in family.test_tasks():
    observation, _ = env.reset(seed=0, options={"task": task})
    over = False
    while not over:
        action, _ = resumed.predict(observation, deterministic=True)
        observation, _, terminated, truncated, info = env.step(action)
        over = terminated or truncated
    reached.append(info["is_success"])
print("goals reached:", dict(zip(family.test_names, reached, strict=True)))
