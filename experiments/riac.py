"""RIAC (Baranes and Oudeyer 2009) teaches cart-poles, beside random tasks.

python experiments/riac.py [--quick] [--seeds 0 1 2 3 4] [--budget 1e6]
"""

import sys

from _settings import CARTPOLE

from teacherstudent import Study

STUDY = Study(name="riac", teachers={"riac": {}, "random": {}}, **CARTPOLE)

if __name__ == "__main__":
    sys.exit(STUDY.main())
