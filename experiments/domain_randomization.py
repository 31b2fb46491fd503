"""Domain randomisation on mazes: new levels in every rollout, the baseline of level design.

python experiments/domain_randomization.py [--quick] [--seeds 0 1 2 3 4] [--budget 3e6]
"""

import sys

from _mazes import mazes

from teacherstudent import Study

STUDY = Study(name="domain-randomization", **mazes("domain-randomization"))

if __name__ == "__main__":
    sys.exit(STUDY.main())
