"""Five teachers of level design on mazes at equal cost, tested on eight named mazes and 200 random ones.

python experiments/mazes.py [--quick] [--seeds 0 1 2 3 4] [--budget 1.5e6]
"""

import sys

from _mazes import mazes

from teacherstudent import Study

STUDY = Study(name="mazes", **mazes())

if __name__ == "__main__":
    sys.exit(STUDY.main())
