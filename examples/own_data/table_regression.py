"""Regression on a table of scikit-learn's: a teacher begins with patients that are easy to predict.

    python examples/own_data/table_regression.py

Patients that are hard to predict come later.
"""

import tempfile
from pathlib import Path

from sklearn.datasets import load_diabetes

from teacherstudent import Plan, family_from_dataset, run, students, teachers
from teacherstudent.recording.runs import Run

BUDGET = 4e7


def main() -> None:
    """Train and print how much of the variance is explained among patients that were never trained on."""
    features, progression = load_diabetes(return_X_y=True)
    # Columns are normalised by the family; targets are the user's, so they are brought to deviation 1.
    targets = (progression - progression.mean()) / progression.std()
    family = family_from_dataset((features, targets), test=100, examples=True, loss="huber", name="diabetes")
    teacher = teachers.make("self-paced", family, seed=0)
    student = students.make(
        "supervised",
        family,
        seed=0,
        budget=BUDGET,
        backbone_options={"widths": (32,)},
        training={"batch_size": 32, "ema": 0.98},
    )
    with tempfile.TemporaryDirectory() as folder:
        run(family, teacher, student, Path(folder) / "run", Plan(budget=BUDGET))
        score = Run.load(Path(folder) / "run").tests()["score"][-1]
    print(f"r2 {score:.2f} on 100 patients")


if __name__ == "__main__":
    main()
