"""Level design where most levels cannot be solved: mazes with 120 and with 150 draws of walls.

Few of such mazes have a way to the goal. Tests are 200 random mazes of 60 draws that have one. The claim to
be tested: a buffer of levels keeps the student from spending its steps on hopeless ones. The study holds
several temperatures of the replay, since a buffer that replays few levels at once is a poor one.

python experiments/suite/hopeless_mazes.py [--data 150-draws] [--quick] [--seeds 0 1 2] [--budget 8e5]
"""

import sys
from typing import Any

from teacherstudent import Entry, Study


def buffered(temperature: float, **options: Any) -> dict[str, Any]:
    """Return the options of a teacher whose buffer of 500 levels is replayed at a temperature."""
    return {"score": "max_mc", "buffer": {"capacity": 500, "temperature": temperature}, **options}


TEACHERS: dict[str, Entry] = {
    "domain-randomization": Entry(),
    "plr 0.1": Entry("plr", buffered(0.1, replay=0.8)),
    "plr 0.3": Entry("plr", buffered(0.3, replay=0.8)),
    "plr 1.0": Entry("plr", buffered(1.0, replay=0.8)),
    "robust-plr 0.3": Entry("robust-plr", buffered(0.3)),
    "robust-plr 1.0": Entry("robust-plr", buffered(1.0)),
    "accel 0.3": Entry("accel", buffered(0.3, start="all")),
    "accel 1.0": Entry("accel", buffered(1.0, start="all")),
    "sfl": Entry(options={"refresh": 12, "candidates": 128, "attempts": 4, "keep": 48}),
}
SUITE = "random-solvable-200"


def family(draws: int) -> dict[str, Any]:
    """Return the options of mazes of which so many walls are drawn."""
    return {"actions": 3, "suite": SUITE, "levels": {"n_walls": draws}}


STUDY = Study(
    name="suite/hopeless-mazes",
    family="maze",
    family_options=family(120),
    teachers=TEACHERS,
    student_options={
        "n_envs": 64,
        "options": {
            "n_steps": 256,
            "batch_size": 2048,
            "n_epochs": 4,
            "learning_rate": 1e-3,
            "gamma": 0.995,
            "ent_coef": 0.01,
        },
    },
    budget=800_000,
    test_every=400_000,
    seeds=tuple(range(10)),
    baseline="domain-randomization",
    data={"150-draws": {"family_options": family(150)}},
    quick={
        "family_options": family(60) | {"suite": "random-solvable-20"},
        "teachers": {
            "domain-randomization": Entry(),
            "plr 1.0": Entry("plr", {"score": "max_mc", "replay": 0.8, "buffer": {"capacity": 64}}),
        },
        "student_options": {
            "n_envs": 32,
            "options": {"n_steps": 256, "batch_size": 1024, "n_epochs": 1},
        },
        "budget": 50_000,
        "test_every": 25_000,
        "seeds": (0,),
    },
)

if __name__ == "__main__":
    sys.exit(STUDY.main())
