# %% [markdown]
# # Your own loop: stable-baselines3
#
# You have a script with `model.learn()` and want to keep it. A teacher then stands behind the
# environments: `TeacherVecEnv` asks it for a task whenever an episode starts, and tells it when the
# episode ends.
#
# ## Three lines
#
# The family here is a cart-pole whose length, force, gravity and pushes vary.

# %%
from stable_baselines3 import PPO

from teacherstudent import TeacherCallback, TeacherVecEnv, envs, teachers

family = envs.make("cartpole-parameters")
teacher = teachers.make("riac", family, seed=0, region_size=50)
vec = TeacherVecEnv(teacher, family.make_vec(16), seed=0)

model = PPO("MlpPolicy", vec, n_steps=128, batch_size=512, learning_rate=1e-3, seed=0, device="cpu")
model.learn(24_576, callback=TeacherCallback(teacher))
print({name: round(value, 2) for name, value in teacher.metrics().items()})

# %% [markdown]
# `TeacherCallback` puts what the teacher says of itself into the log of stable-baselines3, so TensorBoard
# shows it.
#
# ## Tests
#
# Tests must not go through the teacher: it would take them for training. `evaluation` makes environments
# of their own that play fixed tasks, each once, the same every time.

# %%
from stable_baselines3.common.evaluation import evaluate_policy

tasks = family.test_tasks()
tests = TeacherVecEnv.evaluation(family.make_vec(10), tasks)
returns, lengths = evaluate_policy(model, tests, n_eval_episodes=len(tasks), return_episode_rewards=True)
solved = sum(score > family.mastered for score in returns)
print(
    f"{solved} of {len(tasks)} test tasks are mastered, the mean return is {sum(returns) / len(returns):.0f}"
)

# %% [markdown]
# ## Save and go on
#
# The teacher has a state too. It is saved beside the model; in a new process both are loaded into objects
# that were made alike. Episodes under way are dropped.

# %%
model.save("model")
vec.save("teacher.npz")
dropped = vec.load("teacher.npz")
print(f"{dropped} episodes under way were dropped")
model = PPO.load("model", env=vec, device="cpu")
model.learn(2_048, reset_num_timesteps=False)
# %% [markdown]
# ## What the teacher has seen
#
# RIAC splits the space into regions, and goes where scores change: the tasks that it would choose now say
# which.

# %%
import matplotlib.pyplot as plt
import numpy as np

assignment = teacher.ask(2_000)
teacher.drop(assignment.ids)  # we only look: nobody will play them
names = list(family.space.names)
figure, axes = plt.subplots(1, len(names), figsize=(10, 2.2), sharey=True)
for axis, name, values in zip(axes, names, np.asarray(assignment.tasks).T, strict=True):
    axis.hist(values, bins=20)
    axis.set_title(name)
axes[0].set_ylabel("tasks of 2 000")

# %% [markdown]
# ## Next
#
# - Any other library, or PPO in one file: [your own loop, CleanRL-style](own_loop_cleanrl.md).
# - Off-policy algorithms, masked actions, environments in processes: [use your own training
#   loop](../how-to/own-training-loop.md).
# - Level design needs whole rollouts of one level, which `TeacherVecEnv` refuses: [level design on
#   mazes](level_design.md).
