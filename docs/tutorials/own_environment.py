# %% [markdown]
# # Your own environment
#
# Any gymnasium environment becomes a family of tasks if its `reset` takes the task. We write a small one,
# look at what is checked, and train on it under a teacher of learning progress.
#
# ## The environment
#
# A boat must stop at a buoy. The task is where the buoy lies and how strong the wind is; `reset` finds it
# in `options["task"]`, in the order in which the space will name the two numbers.

# %%
import gymnasium as gym
import numpy as np


class Boat(gym.Env):
    """Stop at a buoy against the wind."""

    observation_space = gym.spaces.Box(-10, 10, (4,), np.float32)
    action_space = gym.spaces.Box(-1, 1, (1,), np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.buoy, self.wind = options["task"]
        self.x, self.speed = 0.0, 0.0
        return self._observe(), {}

    def step(self, action):
        self.speed = float(np.clip(self.speed + 0.3 * action[0] - 0.1 * self.wind, -1, 1))
        self.x = float(np.clip(self.x + self.speed, -8, 8))
        stopped = abs(self.x - self.buoy) < 0.3 and abs(self.speed) < 0.3
        return self._observe(), 1.0 if stopped else -0.02, stopped, False, {"is_success": stopped}

    def _observe(self):
        return np.array([self.x, self.speed, self.buoy, self.wind], np.float32)


gym.register("Boat-v0", entry_point=Boat, max_episode_steps=50)

# %% [markdown]
# Two things make this a good environment for a curriculum. The observation holds the task, so that one
# policy can solve all of them. And a time limit is stated, so that a hopeless episode ends.
#
# ## The family
#
# `Parameters` names the dimensions of a task and says how far each goes. `mastered` is the score from
# which a task counts as solved in tests.

# %%
from teacherstudent import Parameters, family_from_gymnasium

family = family_from_gymnasium("Boat-v0", space=Parameters(buoy=(-7, 7), wind=(-4, 4)), mastered=0)
print(family.space)
print("test tasks:", family.test_tasks().shape)

# %% [markdown]
# The strongest winds push the boat harder than it can sail: these tasks cannot be solved. A teacher has to
# find out.
#
# `check_family` is the suite that the families of this package pass. It resets and steps the environment
# and refuses what breaks a rule: tasks that are not looked at, seeds that do not repeat, a test set that
# changes.

# %%
from teacherstudent.testing import check_family

check_family(lambda: family, steps=50)
print("the family keeps the contract")

# %% [markdown]
# ## Train
#
# `teachers.make` gets the family: it takes the space, and the facts of the family that the teacher can
# use.

# %%
from teacherstudent import Plan, run, students, teachers

teacher = teachers.make("alp-gmm", family, seed=0, fit_rate=50)
student = students.make("sb3", family, seed=0, n_envs=8, options={"n_steps": 128, "batch_size": 256})
ledger = run(family, teacher, student, "runs/boat", Plan(budget=12_288, test_every=6_144))
for name in ("cost/train", "cost/evaluate", "episodes", "updates"):
    print(f"{name}: {ledger.as_dict()[name]:.0f}")

# %% [markdown]
# ## Look
#
# Left: the share of test tasks that is mastered. Right: the tasks that the teacher chose, early ones dark,
# late ones bright.

# %%
import matplotlib.pyplot as plt

from teacherstudent.recording.runs import Run

record = Run.load("runs/boat")
curve = record.curve()
episodes = record.episodes()
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.5))
left.plot(curve.spent, curve.mastered)
left.set(xlabel="environment steps", ylabel="test tasks mastered, %", ylim=(0, 100))
right.scatter(*record.tasks(episodes).T, c=episodes["spent"], s=4)
right.set(xlabel="buoy", ylabel="wind")

# %% [markdown]
# ## Next
#
# - Whole numbers, logarithmic scales and choices as parameters, a family with a name for the command line:
#   [use your own environment](../how-to/own-environment.md).
# - Environments that crash or hang: [environments that fail](../how-to/failing-environments.md).
# - Was the teacher able to act at all? [When a curriculum helps](../when-a-curriculum-helps.md).
