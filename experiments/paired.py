"""PAIRED and its relatives on mazes: an adversary builds the levels (Dennis et al. 2020, Jiang et al. 2021).

`paired` and `repaired` train two members, protagonist and antagonist, and what both spend counts against the
budget. So their protagonists are trained on half of the steps that the only members of `minimax` and
`domain-randomization` are. `teacherstudent compare --x train` compares at equal steps of whoever is tested.

python experiments/paired.py [--quick] [--seeds 0 1 2 3 4] [--budget 3e6]
"""

import sys
from typing import Any

from _mazes import SMALL, mazes

from teacherstudent import Study

ADVERSARY = {"adversary": {"channels": 16, "lr": 1e-3, "minibatches": 4}}
"""The published 128 channels cost more than the students do on a CPU. A run has few batches of levels, so
more is learnt from each than with the published learning rate of 1e-4 and one minibatch."""


def teachers(capacity: int) -> dict[str, Any]:
    """Return the teachers; REPAIRED replays half of the time, so that its adversary learns in between."""
    return {
        "paired": ADVERSARY,
        "repaired": ADVERSARY | {"buffer": {"capacity": capacity}, "replay": 0.5},
        "minimax": ADVERSARY,
        "domain-randomization": {},
    }


SETTINGS = mazes()
STUDY = Study(
    name="paired",
    **SETTINGS
    | {
        "student": "sb3",
        "student_options": SMALL,
        "teachers": teachers(capacity=1000),
        "budget": 3_000_000,
        "quick": SETTINGS["quick"] | {"teachers": teachers(capacity=64)},
    },
)

if __name__ == "__main__":
    sys.exit(STUDY.main())
