"""Random tasks, uniform over the whole space: the baseline of every comparison.

python experiments/uniform.py [--quick] [--seeds 0 1 2 3 4] [--budget 1e6]
"""

import sys

from _settings import CARTPOLE

from teacherstudent import Study

STUDY = Study(name="uniform", teachers={"random": {}}, **CARTPOLE)

if __name__ == "__main__":
    sys.exit(STUDY.main())
