"""ACCEL, which edits the levels that it replays (Parker-Holder et al. 2022), beside domain randomisation.

python experiments/accel.py [--quick] [--seeds 0 1 2 3 4] [--budget 3e6]
"""

import sys

from _mazes import mazes

from teacherstudent import Study

STUDY = Study(name="accel", **mazes("accel", "accel-empty", "domain-randomization"))

if __name__ == "__main__":
    sys.exit(STUDY.main())
