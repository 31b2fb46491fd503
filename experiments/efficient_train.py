"""EfficientTrain and EfficientTrain++ (Wang et al. 2023, 2024), beside plain training at equal compute.

ALP-GMM and RIAC choose stages by learning progress; they pay for a probe after each chunk.

    python experiments/efficient_train.py [--quick] [--data digits] [--seeds 0 1 2 3 4] [--budget 4.5e13]
"""

import sys
from typing import Any

from _settings import FIXED, images

from teacherstudent import Entry, Study

KNOBS = {"bandwidth": (12, 28), "magnitude": (0, 1)}
DIGITS = {"bandwidth": (3, 8), "magnitude": (0, 1)}
FIXED_STAGES = {
    "plain": Entry("constant"),
    "plain-augmented": Entry("constant", {"values": {"magnitude": 0.3}}),
    "efficient-train": {"strongest": 0.3},
    "efficient-train-pp": {"strongest": 0.3},
    "bandwidth-only": Entry("efficient-train", {"ramp": None}),
}


def searched_stages(every: int, **student: Any) -> dict[str, Any]:
    """Return teachers that choose stages as they go, with a fit or a split every so many chunks.

    A run has about 50 chunks. The score is the probe's loss with its sign changed; its differences are the
    learning progress.
    """
    measured = {"score": "level"} | student
    return {
        "alp-gmm": Entry(options={"fit_rate": every, "n_components": (2, 4)}, student=measured),
        "riac": Entry(options={"region_size": every}, student=measured),
        "random": {},
    }


SETTINGS = images(
    {"knobs": KNOBS},
    {"knobs": DIGITS},
    student=FIXED,
    small={"teachers": FIXED_STAGES | searched_stages(10, chunk=3e8)},
    quick={"teachers": FIXED_STAGES | searched_stages(5, chunk=3e8)},
)
STUDY = Study(name="efficient-train", teachers=FIXED_STAGES | searched_stages(10), **SETTINGS)

if __name__ == "__main__":
    sys.exit(STUDY.main())
