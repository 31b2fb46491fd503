"""ALP-GMM (Portelas et al. 2019) teaches cart-poles, beside random tasks.

python experiments/alp_gmm.py [--quick] [--seeds 0 1 2 3 4] [--budget 1e6]
"""

import sys

from _settings import CARTPOLE

from teacherstudent import Study

STUDY = Study(name="alp-gmm", teachers={"alp-gmm": {}, "random": {}}, **CARTPOLE)

if __name__ == "__main__":
    sys.exit(STUDY.main())
