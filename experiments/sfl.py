"""Sampling for learnability (Rutherford et al. 2024) on mazes, beside domain randomisation.

python experiments/sfl.py [--quick] [--seeds 0 1 2 3 4] [--budget 3e6]
"""

import sys

from _mazes import mazes

from teacherstudent import Study

STUDY = Study(name="sfl", **mazes("sfl", "domain-randomization"))

if __name__ == "__main__":
    sys.exit(STUDY.main())
