"""Learning-rate laws (REX: Chen et al. 2021) and PS-KD (Kim et al. 2021) at equal compute.

The student's own rate is constant, so that a law is all that makes it fall; "plain" is a constant rate. So
"ps-kd" is to be read against "plain", and "ps-kd-cosine" against "cosine".

    python experiments/schedules.py [--quick] [--data digits] [--seeds 0 1 2 3 4] [--budget 3e13]
"""

import sys

from _settings import FIXED, images

from teacherstudent import Entry, Study

KNOBS = {"lr_scale": (1e-3, 1), "self_distillation": (0, 0.8)}
SETTINGS = images({"knobs": KNOBS}, {"knobs": KNOBS}, student=FIXED)
for part in (SETTINGS, SETTINGS["quick"], SETTINGS["data"]["digits"]):
    part["student_options"]["training"] |= {"schedule": "constant"}
COSINE = {"name": "rex", "law": "cosine"}
TEACHERS = {
    "plain": Entry("constant"),
    "rex": {},
    "linear": Entry("rex", {"law": "linear"}),
    "cosine": Entry("rex", {"law": "cosine"}),
    "ps-kd": {},
    "ps-kd-cosine": Entry("compose", {"parts": ["ps-kd", COSINE]}),
}
STUDY = Study(name="schedules", teachers=TEACHERS, **SETTINGS)

if __name__ == "__main__":
    sys.exit(STUDY.main())
