"""Five teachers on cart-poles at equal cost: the result of docs/results/cart-poles.md.

python experiments/compare.py [--quick] [--seeds 0 1 2 3 4] [--budget 1e6]
"""

import sys

from _settings import CARTPOLE

from teacherstudent import Study

TEACHERS = ("alp-gmm", "covar-gmm", "riac", "oracle", "random")
STUDY = Study(name="compare", teachers={name: {} for name in TEACHERS}, **CARTPOLE | {"seeds": range(5)})

if __name__ == "__main__":
    sys.exit(STUDY.main())
