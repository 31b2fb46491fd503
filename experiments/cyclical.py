"""Cyclical curriculum (Kesgin and Amasyali 2023), beside plain training at equal compute.

A chunk is a quarter of a pass, so that passes of 0.25, 0.5 and 1 are whole chunks.

    python experiments/cyclical.py [--quick] [--data digits] [--seeds 0 1 2 3 4] [--budget 3e13]
"""

import sys

from _settings import FIXED, images

from teacherstudent import Entry, Study

KNOBS = {"data_fraction": (0.25, 1)}
SETTINGS = images({"knobs": KNOBS}, {"knobs": KNOBS}, student=FIXED | {"chunk": 7.4e11})
for version in (SETTINGS["quick"], SETTINGS["data"]["digits"]):
    version["student_options"]["chunk"] = 7.9e8
TEACHERS = {
    "plain": Entry("constant"),
    "cyclical": {"epochs": 10},
    "quarter": Entry("constant", {"values": {"data_fraction": 0.25}}),
}
STUDY = Study(name="cyclical", teachers=TEACHERS, **SETTINGS)

if __name__ == "__main__":
    sys.exit(STUDY.main())
