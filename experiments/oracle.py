"""An oracle that is told where tasks get harder teaches cart-poles, beside random tasks.

python experiments/oracle.py [--quick] [--seeds 0 1 2 3 4] [--budget 1e6]
"""

import sys

from _settings import CARTPOLE

from teacherstudent import Study

STUDY = Study(name="oracle", teachers={"oracle": {}, "random": {}}, **CARTPOLE)

if __name__ == "__main__":
    sys.exit(STUDY.main())
