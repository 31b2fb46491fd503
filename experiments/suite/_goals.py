"""What the suite's studies of goals in a maze share: the student, the teachers, and what these are told."""

import sys
from copy import deepcopy
from pathlib import Path
from typing import Any

from teacherstudent import Entry

# The settings of all experiments stand one folder up.
sys.path.append(str(Path(__file__).parents[1]))
from _settings import GOALS

__all__ = ["GOALS", "LEVEL_TEACHERS", "TEACHERS", "TOLD"]

# A row of a level teacher is a rollout, which must hold a whole episode of 100 steps.
ROLLOUTS = deepcopy(GOALS["student_options"])
ROLLOUTS["options"] |= {"n_steps": 100, "batch_size": 2560}

TEACHERS: dict[str, Entry] = {
    name: Entry()
    for name in (
        "random",
        "alp-gmm",
        "covar-gmm",
        "riac",
        "alp-figmn",
        "intermediate",
        "goal-gan",
        "setter-solver",
        "vds",
    )
}
"""Teachers that are told the box, and which score counts as mastered."""

TOLD: dict[str, Entry] = {name: Entry() for name in ("currot", "gradient", "spdl", "adr", "reverse")}
"""Teachers that are told easy goals, or all within reach, too: to be compared among themselves."""


def replaying(teacher: str, **options: Any) -> Entry:
    """Return a teacher of levels with a buffer of 500, replayed at a flat temperature, and its student."""
    return Entry(
        teacher,
        {"score": "max_mc", "buffer": {"capacity": 500, "temperature": 1.0}, **options},
        student=ROLLOUTS,
    )


LEVEL_TEACHERS: dict[str, Entry] = {
    "domain-randomization": Entry(student=ROLLOUTS),
    "plr": replaying("plr", replay=0.8),
    "robust-plr": replaying("robust-plr"),
    "accel": replaying("accel", start="all", edits=1, step={"size": 0.05}, min_fill=0.2),
    "sfl": Entry(options={"refresh": 10, "candidates": 512, "attempts": 2, "keep": 64}, student=ROLLOUTS),
}
