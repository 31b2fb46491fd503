"""Action masks: MaskablePPO of sb3-contrib learns on the tasks of a teacher.

    pip install "teacherstudent[recurrent]"
    python examples/environments/masked_actions.py [--quick]

The student ``sb3`` refuses algorithms that need masks; here ``learn`` is called by hand.
"""

import sys

import gymnasium as gym
import numpy as np
from sb3_contrib import MaskablePPO
from sb3_contrib.common.maskable.utils import get_action_masks

from teacherstudent import Parameters, TeacherVecEnv, family_from_gymnasium, teachers
from teacherstudent.contract.spaces import whole

STEPS = 512 if "--quick" in sys.argv else 10_000


class Doors(gym.Env):
    """Guess which of six doors is behind the sign; only the first few are there at all."""

    action_space = gym.spaces.Discrete(6)
    observation_space = gym.spaces.Box(0, 1, (2,), np.float32)
    doors = 2

    def reset(self, *, seed=None, options=None):
        """Put up a sign."""
        super().reset(seed=seed)
        self.right = int(self.np_random.integers(self.doors))
        return self._see(), {}

    def step(self, action):
        """Open a door; those that are not there must not be tried."""
        assert self.action_masks()[action], "a mask was not kept"
        won = action == self.right
        return self._see(), float(won), True, False, {"is_success": bool(won)}

    def action_masks(self):
        """Return which doors are there."""
        return np.arange(6) < self.doors

    def _see(self):
        return np.array([self.right / 6, self.doors / 6], np.float32)


family = family_from_gymnasium(
    Doors, space=Parameters(doors=whole(2, 6)), apply="attributes", success="is_success", max_episode_steps=1
)
teacher = teachers.make("alp-gmm", family, seed=0)
envs = TeacherVecEnv(teacher, family.make_vec(4), budget=STEPS)
model = MaskablePPO("MlpPolicy", envs, n_steps=32, batch_size=64, learning_rate=3e-3, seed=0, device="cpu")
model.learn(STEPS)

# Tests need the masks too.
won = []
env = family.make_env()
for task in family.test_tasks():
    observation, _ = env.reset(seed=0, options={"task": task})
    masks = env.get_wrapper_attr("action_masks")()
    action, _ = model.predict(observation, action_masks=masks, deterministic=True)
    won.append(env.step(int(action))[4]["is_success"])
print(f"right doors: {np.mean(won):.2f}; masks of the slots: {get_action_masks(envs).sum(axis=1).tolist()}")
