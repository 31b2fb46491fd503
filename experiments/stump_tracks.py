"""Five teachers and a walker on stump tracks: the experiment of Portelas et al. 2019, with PPO.

The paper's runs are 20 million steps long: --budget 2e7.

    python experiments/stump_tracks.py [--quick] [--seeds 0 1] [--budget 2e7]
"""

import sys

from _settings import WALKER

from teacherstudent import Study

TEACHERS = ("alp-gmm", "random", "covar-gmm", "riac", "oracle")
STUDY = Study(name="stump-tracks", teachers={name: {} for name in TEACHERS}, **WALKER)

if __name__ == "__main__":
    sys.exit(STUDY.main())
