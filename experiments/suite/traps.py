"""Where learning progress misleads: goals that are reached by chance, and a corridor.

Two traps. With ``walls=touch`` a goal in a wall counts as reached from beside it, so that the outcome of
goals on the borders is a coin; a teacher that takes changes of the score for progress stays there. In a
corridor of three rows goals within reach teach each other, so that there is little for a teacher to save.

python experiments/suite/traps.py [--data corridor] [--quick] [--seeds 0 1 2]
"""

import sys

from _goals import GOALS, TEACHERS

from teacherstudent import Study

CHOSEN = ("random", "alp-gmm", "riac", "intermediate", "vds")
CORRIDOR = {"layout": "corridor", "size": [3, 9], "margin": 9.0}
SETTINGS = GOALS | {"seeds": tuple(range(10)), "test_every": 200_000}
STUDY = Study(
    name="suite/traps",
    teachers={name: TEACHERS[name] for name in CHOSEN},
    baseline="random",
    family_options={"walls": "touch", "margin": 20.0},
    data={"corridor": {"family_options": CORRIDOR}},
    **SETTINGS,
)

if __name__ == "__main__":
    sys.exit(STUDY.main())
