# %% [markdown]
# # Stages of an image classifier
#
# A curriculum need not choose environments. Here a task is a *stage*: a setting of training knobs, such as
# the size of the images, for a chunk of training. Small images cost less compute, so the budget is counted
# in FLOPs.
#
# The data are scikit-learn's digits of 8 x 8 pixels, so that this page is made in seconds.
#
# ## Knobs
#
# A family of stages says which knobs a stage may set, and how far. `bandwidth` is the side to which images
# are cropped in the frequency domain.

# %%
from teacherstudent.contract.knobs import KNOBS

for name, knob in KNOBS.items():
    print(f"{name}: {knob.meaning}")

# %% [markdown]
# ## Three teachers
#
# - `constant` plays one stage all the time, here everything neutral: plain training.
# - `efficient-train` is a schedule: images grow over the budget. `ramp=None` leaves out its growing
#   augmentation.
# - `progress-thompson` is a bandit over three listed stages. It pays for measuring a probe after each
#   chunk, and plays the stage that has made the loss fall most for its cost.

# %%
from teacherstudent import Experiment, Plan

network = {
    "backbone": "resnet",
    "backbone_options": {"widths": [16, 32]},
    "training": {"lr": 5e-3, "batch_size": 32, "renorm": 64},
}
plan = Plan(budget=9e9, test_every=3e9)
stages = {"stages": [{"bandwidth": 4}, {"bandwidth": 6}, {"bandwidth": 8}]}
shared = {"family": "digits-stages", "student": "classifier", "plan": plan, "seed": 0}
experiments = [
    Experiment(
        teacher="constant",
        student_options=network,
        student_overrides={"score": "train"},
        **shared,
    ),
    Experiment(
        teacher="efficient-train",
        teacher_options={"ramp": None},
        family_overrides={"knobs": {"bandwidth": [4, 8]}},
        student_options=network,
        student_overrides={"score": "train"},
        **shared,
    ),
    Experiment(
        teacher="progress-thompson",
        teacher_options={"reward": "score", "final": [-1, 0.3]},
        family_overrides=stages,
        student_options=network,
        **shared,
    ),
]

# %% [markdown]
# `student_overrides` and `family_overrides` are what one teacher needs in place of the shared options; its
# runs stay comparable with the others. The two schedules need no score, so nothing is spent on a probe for
# them.

# %%
folders = []
for experiment in experiments:
    folder = experiment.folder("runs")
    spent = experiment.run(folder).as_dict()
    folders.append(folder)
    print(
        f"{experiment.teacher}: {spent['cost/train']:.2e} FLOPs of training, "
        f"{spent.get('cost/measure', 0):.1e} of measuring"
    )

# %% [markdown]
# ## What was played
#
# Every stage is a row of the log. The size of the images over the compute:

# %%
import matplotlib.pyplot as plt

from teacherstudent.recording.runs import Run

figure, axis = plt.subplots(figsize=(7, 3))
for folder in folders:
    run = Run.load(folder)
    rows = run.episodes()
    axis.step(rows["spent"], rows["size"], where="pre", label=run.teacher_name)
axis.set(xlabel="FLOPs", ylabel="side of the images")
axis.legend()
# %% [markdown]
# The last test of each run is on the test split, which nobody looked at before:

# %%
for folder in folders:
    run = Run.load(folder)
    print(f"{run.teacher_name}: {run.curve().score[-1]:.1%} accuracy")

# %% [markdown]
# One seed on digits says nothing about which is better. On Fashion-MNIST, in runs of a few passes, no
# schedule of sizes beat plain training at equal cost: [training in stages](../results/stages.md).
#
# ## Next
#
# - All knobs and schedules: [teachers of a classifier's
#   training](../teachers.md#teachers-of-a-classifiers-training).
# - Choosing examples in place of stages: [noisy labels](noisy_labels.md).
