# %% [markdown]
# # Reading a run folder
#
# A run leaves a folder of plain files. We make a small run and read all that is in it, with this package
# and without.
#
# ## A run
#
# `toy-grid` needs no environment and no network, so this takes a second: a grid of cells that open one
# another, and a learner whose competence in a cell rises with each visit.

# %%
from teacherstudent import Experiment, Plan

experiment = Experiment(
    teacher="riac",
    family="toy-grid",
    student="competence",
    student_options={"batch": 10},
    plan=Plan(budget=10_000, test_every=1_000),
    seed=0,
)
folder = experiment.folder("runs")
experiment.run(folder)
for path in sorted(folder.rglob("*")):
    if path.is_file():
        print(path.relative_to(folder))

# %% [markdown]
# What each file is: [a run folder](../concepts.md#a-run-folder).
#
# ## What was run, and how it went
#
# The manifest is written before the first step, the status all the time. `plan_text` said beforehand what
# would happen.

# %%
from teacherstudent.recording.runs import Run

run = Run.load(folder)
print(run.manifest["plan_text"])
print()
status = run.status()
print("status:", status["status"])
for name in ("cost/train", "cost/evaluate", "seconds/total"):
    print(f"{name}: {status['ledger'][name]:.2f}")

# %% [markdown]
# ## Every task, every test
#
# `episodes()` has a row for each task that was trained on or measured, `tests()` one for each test task of
# each test. Both are columns of NumPy arrays.

# %%
episodes = run.episodes()
print({name: values.shape for name, values in episodes.items()})
curve = run.curve()
for spent, mastered in zip(curve.spent, curve.mastered, strict=True):
    print(f"at {spent:>6.0f}: {mastered:5.1f} % of the test tasks mastered")

# %% [markdown]
# ## What the teacher did
#
# `records()` has what the teacher said of itself over time: `metrics` are numbers, `acting` says whether
# it steered at all, and `snapshot` is what a picture needs. These are its tasks, the early ones dark:

# %%
import matplotlib.pyplot as plt

last = run.records()[-1]
print("metrics:", {name: round(value, 3) for name, value in last["metrics"].items()})
print("acting:", {name: round(value, 3) for name, value in last["acting"].items()})
tasks = run.tasks(episodes)
figure, axis = plt.subplots(figsize=(4, 4))
axis.scatter(tasks[:, 0], tasks[:, 1], c=episodes["spent"], s=2)
axis.set(xlabel="x", ylabel="y", aspect="equal")
# %% [markdown]
# ## Without this package
#
# The tables are Parquet, the manifest and the status JSON, checkpoints NumPy archives. Any tool reads
# them.

# %%
import json

import pyarrow.parquet as parquet

table = parquet.read_table(folder / "episodes")
print(table.num_rows, "rows:", table.column_names)
manifest = json.loads((folder / "manifest.json").read_text())
print(sorted(manifest)[:8])

# %% [markdown]
# ## Stop and go on
#
# A run that is stopped or killed goes on from its last checkpoint. Here a run is told to stop after 300
# rounds.

# %%
rounds = iter(range(10_000))
again = experiment.folder("stopped")
experiment.run(again, stop=lambda: next(rounds) >= 300)
print(Run.load(again).status()["status"], "at", Run.load(again).status()["spent"])
experiment.run(again, resume=True)
print(Run.load(again).status()["status"], "at", Run.load(again).status()["spent"])

# %% [markdown]
# On this family it goes on bit for bit, as if it had never been stopped:

# %%
import numpy as np

resumed = Run.load(again).episodes()
print(all(np.array_equal(resumed[name], episodes[name]) for name in ("id", "score", "task_x0", "task_x1")))
