"""PAIRED and its relatives on mazes: an adversary builds the levels (Dennis et al. 2020, Jiang et al. 2021).

Every student of this study is a pair, so that all of them pay for the antagonist.

python experiments/paired.py [--quick] [--seeds 0 1 2 3 4] [--budget 3e6]
"""

import sys

from _mazes import SMALL, mazes

from teacherstudent import Study

ADVERSARY = {"adversary": {"channels": 16}}
"""The published 128 channels cost more than the students do on a CPU."""

SETTINGS = mazes()
STUDY = Study(
    name="paired",
    **SETTINGS
    | {
        "student": "antagonist",
        "student_options": {"student": "sb3", "student_options": SMALL},
        "teachers": {
            "paired": ADVERSARY,
            "repaired": ADVERSARY | {"buffer": {"capacity": 1000}},
            "minimax": ADVERSARY,
            "domain-randomization": {},
        },
        "budget": 3_000_000,
        "quick": {k: v for k, v in SETTINGS["quick"].items() if k != "teachers"},
    },
)

if __name__ == "__main__":
    sys.exit(STUDY.main())
