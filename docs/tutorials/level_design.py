# %% [markdown]
# # Level design on mazes
#
# In level design a task is a whole level, here a maze. A teacher keeps levels that it has seen in a
# buffer, replays those from which the student has most to learn, and may edit them.
#
# ## Levels
#
# A space of levels can draw them, edit them, and tell two equal ones by their key.

# %%
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import ListedColormap

from teacherstudent import envs

family = envs.make("maze", actions=3, levels={"n_walls": 60}, suite="random-solvable-100")
rng = np.random.default_rng(0)
children = [family.space.draw(rng, 1)]
for _ in range(3):
    children.append(family.space.mutate(rng, children[-1], edits=10))


def show(levels, titles):
    """Draw mazes: walls black, the goal green, the agent red."""
    colours = ListedColormap(["white", "black", "tab:green", *["tab:red"] * 4, "grey", "grey"])
    _, axes = plt.subplots(1, len(levels), figsize=(2.2 * len(levels), 2.6))
    for axis, each, title in zip(axes, levels, titles, strict=True):
        axis.imshow(each, cmap=colours, vmin=0, vmax=8)
        axis.set_title(title, fontsize=9)
        axis.set_axis_off()


show([each[0] for each in children], ["a maze", "10 edits", "20 edits", "30 edits"])

# %% [markdown]
# ## A teacher with a buffer
#
# `accel` starts as prioritised level replay does: new mazes are measured, and the best go into the buffer.
# Then mazes are replayed, and those that were replayed are edited. The student trains on replayed mazes
# alone.
#
# A task is bound for a whole rollout, since the score of a level comes from all episodes in it. So
# `n_steps` of PPO should be at least the 250 steps that an episode may last.

# %%
from teacherstudent import Plan, run, students, teachers

teacher = teachers.make("accel", family, seed=0, start="all", edits=5, buffer={"capacity": 64})
student = students.make(
    "sb3",
    family,
    seed=0,
    n_envs=32,
    options={"n_steps": 256, "batch_size": 2048, "n_epochs": 4, "learning_rate": 1e-3, "gamma": 0.995},
)
ledger = run(family, teacher, student, "runs/accel", Plan(budget=65_536, test_every=65_536))
spent = ledger.as_dict()
for name in ("cost/train", "cost/measure", "cost/edit"):
    print(f"{name}: {spent.get(name, 0):.0f} environment steps")

# %% [markdown]
# All three count against the budget. That is the price of measuring without training, and a reason why
# such teachers lose to random mazes in short runs ([mazes](../results/mazes.md)).
#
# ## What is in the buffer
#
# A score is high where the student's best return on a maze is far above its mean (`max_mc`). Here are the
# mazes of the highest and of the lowest scores.

# %%
order = np.argsort(-teacher.buffer.scores)
ends = [*order[:3], *order[-2:]]
titles = [f"score {teacher.buffer.scores[i]:.2f}\n{teacher.buffer.edits[i]} edits" for i in ends]
show(teacher.buffer.levels[ends], titles)

# %% [markdown]
# How many different mazes does a rollout train on? The effective size of the replay says it: with few mazes
# in 32 slots, the student would train on copies. We gave no temperature, so the teacher has chosen one that
# spreads replays over as many mazes as there are slots.

# %%
print(f"effective number of mazes that are replayed: {teacher.buffer.effective_size():.0f}, slots: 32")

# %% [markdown]
# ## Next
#
# - The other teachers of levels, and what each trains on: [teachers of
#   levels](../teachers.md#teachers-of-levels).
# - The temperature of the buffer: [when a curriculum helps](../when-a-curriculum-helps.md).
# - A level space of your own derives from `teacherstudent.Levels`.
