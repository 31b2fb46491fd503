"""A folder of PNG files, one subfolder a class, and a teacher that starts with small pictures.

    python examples/own_data/folder_of_pictures.py

The pictures are made here: stripes that lie, stand or cross. Yours need only lie in such folders.
"""

import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from teacherstudent import Plan, family_from_dataset, run, students, teachers
from teacherstudent.recording.runs import Run

BUDGET = 2e9


def draw(folder: Path, count: int = 60) -> None:
    """Write ``count`` pictures of 16 x 16 pixels for each class."""
    rng = np.random.default_rng(0)
    rows, columns = np.indices((16, 16))
    for name, waves in {"lying": (rows,), "standing": (columns,), "crossing": (rows, columns)}.items():
        (folder / name).mkdir(parents=True)
        for k in range(count):
            light = sum(np.sin(wave * rng.uniform(0.6, 1.2) + rng.uniform(0, 6)) for wave in waves)
            pixels = 128 + 40 * light + rng.normal(0, 25, (16, 16))
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / name / f"{k}.png")


def main() -> None:
    """Train and print the accuracy on pictures that were never trained on."""
    with tempfile.TemporaryDirectory() as temporary:
        draw(Path(temporary) / "stripes")
        family = family_from_dataset(
            Path(temporary) / "stripes",
            test=0.2,
            knobs={"bandwidth": (0.5, 1), "magnitude": (0, 1)},
        )
        teacher = teachers.make("efficient-train", family, seed=0)
        training = {"batch_size": 16, "lr": 0.01}
        student = students.make(
            "supervised", family, seed=0, budget=BUDGET, backbone="resnet", score="train", training=training
        )
        run(family, teacher, student, Path(temporary) / "run", Plan(budget=BUDGET))
        score = Run.load(Path(temporary) / "run").tests()["score"][-1]
    print(f"{100 * score:.1f} % of the test pictures")


if __name__ == "__main__":
    main()
