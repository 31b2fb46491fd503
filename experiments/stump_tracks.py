"""Five teachers and a walker on stump tracks: the experiment of Portelas et al. 2019, with PPO.

20 million steps of Box2D take hours for each seed; give a smaller --budget to look at it first.

    python experiments/stump_tracks.py [--quick] [--seeds 0 1] [--budget 1e6]
"""

import sys

from _settings import WALKER

from teacherstudent import Study

TEACHERS = ("alp-gmm", "covar-gmm", "riac", "oracle", "random")
STUDY = Study(name="stump-tracks", family="stump-tracks", teachers={name: {} for name in TEACHERS}, **WALKER)

if __name__ == "__main__":
    sys.exit(STUDY.main())
