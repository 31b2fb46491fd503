"""Learning rate curriculum (Croitoru et al. 2022) and smoothing (Sinha et al. 2020), beside plain training.

python experiments/lerac.py [--quick] [--seeds 0 1 2 3 4] [--budget 3e13]
"""

import sys

from _settings import FIXED, images

from teacherstudent import Entry, Study

KNOBS = {"lr_spread": (0, 4), "smoothing": (0, 1)}
TEACHERS = {
    "plain": Entry("constant"),
    "lerac": {"share": 0.1},
    "lerac-long": Entry("lerac", {"share": 0.3}),
    "smoothing": {},
}
STUDY = Study(
    name="lerac",
    teachers=TEACHERS,
    **images({"knobs": KNOBS}, {"knobs": KNOBS}, student=FIXED),
)

if __name__ == "__main__":
    sys.exit(STUDY.main())
