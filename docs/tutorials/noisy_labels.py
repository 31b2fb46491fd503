# %% [markdown]
# # Noisy labels
#
# Four labels of ten are wrong. A network that trains for long learns the wrong ones by heart. A teacher of
# examples leaves out, or weighs down, what looks wrong: here a task is the index of a training example.
#
# ## The data
#
# Digits of 8 x 8 pixels. The labels of the training split are spoilt; validation and test are clean.

# %%
from teacherstudent import envs

family = envs.make("digits-examples", label_noise=0.4)
clean = envs.make("digits-examples")
wrong = family.data.train.labels != clean.data.train.labels
print("training examples:", family.space.n)
print(f"wrong labels: {wrong.mean():.1%}")

# %% [markdown]
# ## Three teachers
#
# - `uniform` hands out every example once a pass: ordinary training.
# - `self-paced` trains on examples whose loss is low. Here it starts with all and ends with the easiest 60
#   %.
# - `superloss` trains on all, and weighs each by how far its loss is below a threshold.

# %%
from teacherstudent import Entry, Study

study = Study(
    name="noisy-labels",
    family="digits-examples",
    family_options={"label_noise": 0.4},
    student="classifier",
    student_options={
        "backbone": "resnet",
        "backbone_options": {"widths": [16, 32]},
        "training": {"lr": 5e-3, "batch_size": 32, "renorm": 64},
    },
    teachers={
        "uniform": {},
        "self-paced": Entry("self-paced", {"share": (1.0, 0.6)}),
        "superloss": {},
    },
    budget=2e10,
    test_every=5e9,
    seeds=(0,),
    baseline="uniform",
)

# %% [markdown]
# A `Study` is several teachers and seeds on one family. Saved as a script that ends with `study.main()`,
# it has a command line of its own; here we run its experiments one by one.

# %%
folders = {}
for experiment in study.experiments():
    folders[experiment.label] = experiment.folder("runs")
    experiment.run(folders[experiment.label])

# %% [markdown]
# ## Results
#
# The score is the accuracy on clean labels. All tests but the last look at the validation split.

# %%
import matplotlib.pyplot as plt

from teacherstudent.recording.runs import Run

runs = {label: Run.load(folder) for label, folder in folders.items()}
for label, run in runs.items():
    print(f"{label}: {run.curve().score[-1]:.1%} on the test split")
figure, axis = plt.subplots(figsize=(7, 3))
for label, run in runs.items():
    course = run.curve().course()
    axis.plot(course.spent, 100 * course.score, label=label)
axis.set(xlabel="FLOPs", ylabel="accuracy on validation, %")
axis.legend()
# %% [markdown]
# ## Did the teacher find the wrong labels?
#
# The log has every example that was trained on, so we can count how many of them had a wrong label. No
# teacher was told which. Rows that were only measured are left out.

# %%
import numpy as np

figure, axis = plt.subplots(figsize=(7, 3))
for label in ("uniform", "self-paced"):
    rows = runs[label].episodes(["task", "purpose", "spent"])
    trained = rows["purpose"] == 0
    parts = np.array_split(np.flatnonzero(trained), 20)
    share = [100 * wrong[rows["task"][part]].mean() for part in parts]
    axis.plot([rows["spent"][part[-1]] for part in parts], share, label=label)
axis.set(xlabel="FLOPs", ylabel="wrong labels among\nthe examples trained on, %", ylim=(0, 50))
axis.legend()

# %% [markdown]
# The same on Fashion-MNIST with five seeds and eight teachers, and what they cost where all labels are
# right: [40 % wrong labels](../results/wrong-labels.md).
#
# ## A rule of your own
#
# A teacher with a method `weigh` decides how much each example of a batch counts: [weigh examples in the
# loss](../how-to/own-teacher.md#weigh-examples-in-the-loss).
