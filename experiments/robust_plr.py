"""Robust PLR, which never trains on new levels (Jiang et al. 2021), beside PLR and domain randomisation.

python experiments/robust_plr.py [--quick] [--seeds 0 1 2 3 4] [--budget 3e6]
"""

import sys

from _mazes import mazes

from teacherstudent import Study

STUDY = Study(name="robust-plr", **mazes("robust-plr", "plr", "domain-randomization"))

if __name__ == "__main__":
    sys.exit(STUDY.main())
