"""ALP-GMM (Portelas et al. 2019) teaches a walker on stump tracks, beside random tasks.

python experiments/alp_gmm.py [--quick] [--seeds 0 1 2 3 4] [--budget 5e6]
"""

import sys

from _settings import WALKER

from teacherstudent import Study

SHORT = {"budget": 2_000_000, "test_every": 250_000, "seeds": (0,)}
STUDY = Study(name="alp-gmm", teachers={"alp-gmm": {}, "random": {}}, **WALKER | SHORT)

if __name__ == "__main__":
    sys.exit(STUDY.main())
