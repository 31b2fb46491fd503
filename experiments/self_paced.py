"""Self-paced learning and SuperLoss on 40 % wrong labels, beside uniform and loss-proportional sampling.

With --clean the labels are right: a null anchor, where no method should gain.

    python experiments/self_paced.py [--clean] [--quick] [--seeds 0 1 2 3 4] [--budget 3e13]
"""

import sys

from _settings import LONGER, images

from teacherstudent import Entry, Study

TEACHERS = {
    "uniform": {},
    "self-paced": {"share": (0.4, 0.6)},
    "self-paced-down": Entry("self-paced", {"share": (1.0, 0.6)}),
    "self-paced-linear": Entry("self-paced", {"law": "linear", "by": "weights", "share": (0.6, 0.8)}),
    "superloss": {},
    "loss-proportional": {},
}
NOISE = {"label_noise": 0.4}
STUDY = Study(name="self-paced", teachers=TEACHERS, **images(NOISE, NOISE, tasks="examples", quick=LONGER))
CLEAN = Study(name="self-paced-clean", teachers=TEACHERS, **images({}, {}, tasks="examples", quick=LONGER))

if __name__ == "__main__":
    given = sys.argv[1:]
    study = CLEAN if "--clean" in given else STUDY
    sys.exit(study.main([word for word in given if word != "--clean"]))
