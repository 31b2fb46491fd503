# %% [markdown]
# # A first study
#
# We compare two teachers on one problem: a point looks for a goal in a maze of four rooms. A *task* is the
# place of the goal. Nine goals of ten lie where the point can never get. We train under `random`, which
# draws goals anywhere, and under `intermediate`, which draws goals that are reached now and then.
#
# Everything on this page was run when the page was made, with a small budget. The [full
# study](../results/goal-maze.md) has 606 208 steps a run and 20 seeds.
#
# ## The three nouns
#
# A **family** says what a task means. Its space holds all tasks, its test tasks are fixed.

# %%
from teacherstudent import envs

family = envs.make("goal-maze")
print("space:", family.space)
print("test tasks:", family.test_tasks().shape)
print(f"share of the tasks that can be solved: {family.feasible_share:.1%}")

# %% [markdown]
# A **teacher** chooses tasks. Ask it for some: each task has an id, by which its outcome is told later.

# %%
from teacherstudent import teachers

teacher = teachers.make("intermediate", family, seed=0)
assignment = teacher.ask(3, progress=0.0)
print("ids:", assignment.ids)
print("tasks:\n", assignment.tasks.round(1))

# %% [markdown]
# The teacher knows nothing yet, so these goals are anywhere. A **student** plays the tasks and learns from
# them; here it is PPO of stable-baselines3. We need not write the loop between the two: an `Experiment`
# names all parts, and runs them.
#
# ## Run
#
# A `Plan` says how much each run may spend, in environment steps, and how often the test tasks are played.
# No teacher hears how a test went.

# %%
from teacherstudent import Experiment, Plan

plan = Plan(budget=131_072, test_every=65_536)
student_options = {
    "n_envs": 64,
    "options": {
        "n_steps": 128,
        "batch_size": 2048,
        "n_epochs": 5,
        "learning_rate": 1e-3,
        "gamma": 0.98,
        "policy_kwargs": {"log_std_init": -0.5},
    },
}
folders = []
for name in ("random", "intermediate"):
    experiment = Experiment(
        teacher=name, family="goal-maze", plan=plan, seed=0, student_options=student_options
    )
    folder = experiment.folder("runs")
    ledger = experiment.run(folder)
    folders.append(folder)
    print(folder, ledger.as_dict()["cost/train"])

# %% [markdown]
# Each run has left a folder with everything that happened in it. [Reading a run folder](run_folder.md)
# opens one.
#
# ## Compare
#
# `compare` reads the folders and sets the results beside each other: the share of test goals that the
# student reaches.

# %%
from teacherstudent.comparing.compare import compare

comparison = compare(folders, "comparison")
for row in comparison.rows:
    print(f"{row.teacher}: {row.mastered.value:.1f} % of the test goals reached")

# %% [markdown]
# A single seed proves nothing. With several seeds `compare` also gives intervals and p-values: [statistics
# of a comparison](../statistics.md).
#
# ## Look
#
# Where were the goals of each teacher? Green goals were reached in training, grey ones were not.

# %%
import matplotlib.pyplot as plt

from teacherstudent.recording.runs import Run

figure, axes = plt.subplots(1, 2, figsize=(8, 4), sharey=True)
for axis, folder in zip(axes, folders, strict=True):
    run = Run.load(folder)
    episodes = run.episodes()
    goals = run.tasks(episodes)
    solved = episodes["success"].astype(bool)
    axis.scatter(*goals[~solved].T, s=2, color="silver", label="not reached")
    axis.scatter(*goals[solved].T, s=4, color="tab:green", label="reached")
    axis.set_title(run.teacher_name)
    axis.set_aspect("equal")
figure.legend(*axes[0].get_legend_handles_labels(), loc="lower center", ncols=2, markerscale=4)

# %% [markdown]
# ## The same from the command line
#
# ```bash
# teacherstudent run --teacher random intermediate --family goal-maze --seeds 0 1 2 --budget 6e5
# teacherstudent compare runs/goal-maze
# ```
#
# Next: [your own environment](own_environment.md), or [which teacher for which
# problem](../which-teacher.md).
