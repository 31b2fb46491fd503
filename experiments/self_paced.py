"""Self-paced learning and SuperLoss on 40 % wrong labels, beside uniform and loss-proportional sampling.

"self-paced" starts with the easiest 40 % of the examples and ends with 60 %; "self-paced-down" starts with
all of them and drops what is still hard. With --clean the labels are right: an anchor where no method should
gain, and where leaving out the hardest 40 % may harm.

    python experiments/self_paced.py [--clean] [--quick] [--data digits] [--seeds 0 1 2 3 4] [--budget 3e12]
"""

import sys

from _settings import few_examples

from teacherstudent import Entry, Study

TEACHERS = {
    "uniform": {},
    "self-paced": {"share": (0.4, 0.6)},
    "self-paced-down": Entry("self-paced", {"share": (1.0, 0.6)}),
    "self-paced-linear": Entry("self-paced", {"law": "linear", "by": "weights", "share": (0.6, 0.8)}),
    "superloss": {},
    "loss-proportional": {},
}
STUDY = Study(name="self-paced", teachers=TEACHERS, **few_examples(label_noise=0.4))
CLEAN = Study(name="self-paced-clean", teachers=TEACHERS, **few_examples(label_noise=0.0))

if __name__ == "__main__":
    given = sys.argv[1:]
    study = CLEAN if "--clean" in given else STUDY
    sys.exit(study.main([word for word in given if word != "--clean"]))
