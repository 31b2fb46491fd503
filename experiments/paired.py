"""PAIRED and its relatives on mazes: an adversary builds the levels (Dennis et al. 2020, Jiang et al. 2021).

Every student of this study is a pair, so that all of them pay for the antagonist.

python experiments/paired.py [--quick] [--seeds 0 1 2 3 4] [--budget 5e6]
"""

import sys

from _mazes import SMALL, mazes

from teacherstudent import Entry, Study

REPAIRED = Entry(options={"buffer": {"capacity": 1000}})
SETTINGS = mazes()
STUDY = Study(
    name="paired",
    **SETTINGS
    | {
        "student": "antagonist",
        "student_options": {"student": "sb3", "student_options": SMALL},
        "teachers": {"paired": {}, "repaired": REPAIRED, "minimax": {}, "domain-randomization": {}},
        "budget": 5_000_000,
        "quick": {k: v for k, v in SETTINGS["quick"].items() if k != "teachers"},
    },
)

if __name__ == "__main__":
    sys.exit(STUDY.main())
