"""EfficientTrain and EfficientTrain++ (Wang et al. 2023, 2024), beside plain training at equal compute.

python experiments/efficient_train.py [--quick] [--seeds 0 1 2 3 4] [--budget 4.5e13]
"""

import sys

from _settings import FIXED, images

from teacherstudent import Entry, Study

KNOBS = {"bandwidth": (12, 28), "magnitude": (0, 1)}
DIGITS = {"bandwidth": (3, 8), "magnitude": (0, 1)}
TEACHERS = {
    "plain": Entry("constant"),
    "plain-augmented": Entry("constant", {"values": {"magnitude": 0.3}}),
    "efficient-train": {"strongest": 0.3},
    "efficient-train-pp": {"strongest": 0.3},
    "bandwidth-only": Entry("efficient-train", {"ramp": None}),
}
STUDY = Study(
    name="efficient-train",
    teachers=TEACHERS,
    **images({"knobs": KNOBS}, {"knobs": DIGITS}, student=FIXED),
)

if __name__ == "__main__":
    sys.exit(STUDY.main())
