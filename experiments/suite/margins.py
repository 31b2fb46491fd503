"""How the gain of a curriculum follows the share of tasks within reach: goals in a maze at three margins.

Of the box of goals 23.6 % are within reach at a margin of 5 cells, 10.8 % at 10 and 4.0 % at 20. Teachers of
returns and of levels stand on one axis. Those that are told where easy goals or the goals within reach lie
(`currot`, `gradient`, `spdl`, `adr`, `reverse`) know what the others have to find out.

python experiments/suite/margins.py [--data margin-5] [--quick] [--seeds 0 1 2] [--teachers random riac]
"""

import sys

from _goals import GOALS, LEVEL_TEACHERS, TEACHERS, TOLD

from teacherstudent import Study

EVERY = TEACHERS | TOLD | LEVEL_TEACHERS
QUICK = {name: EVERY[name] for name in ("random", "intermediate", "goal-gan", "currot", "accel")}
SETTINGS = GOALS | {
    "seeds": tuple(range(10)),
    "test_every": 200_000,
    "quick": GOALS["quick"] | {"teachers": QUICK},
}
STUDY = Study(
    name="suite/margins",
    teachers=EVERY,
    baseline="random",
    family_options={"margin": 10.0},
    data={f"margin-{margin}": {"family_options": {"margin": float(margin)}} for margin in (5, 20)},
    **SETTINGS,
)

if __name__ == "__main__":
    sys.exit(STUDY.main())
