"""Prioritized level replay (Jiang et al. 2021) on mazes, beside domain randomisation.

python experiments/plr.py [--quick] [--seeds 0 1 2 3 4] [--budget 3e6]
"""

import sys

from _mazes import mazes

from teacherstudent import Study

STUDY = Study(name="plr", **mazes("plr", "domain-randomization"))

if __name__ == "__main__":
    sys.exit(STUDY.main())
