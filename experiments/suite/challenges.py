"""TeachMyAgent's challenges for teachers, each at three levels of expert knowledge, on stump tracks.

Romac et al. 2021, "TeachMyAgent: a benchmark for automatic curriculum learning in deep RL",
https://arxiv.org/abs/2103.09815, section 4.2. Parkour is left out.

- unfeasible: stump heights to 9, most of which no walker can climb; tests stay below 3.
- trivial: stump heights from -3, where the ground is flat.
- forgetting: the student's networks start anew every 1.75 million steps, two times in a run, as theirs do
  every 7 of 20 million.
- rugged: the ranges of height and spacing are cut into four pieces each, which change places.
- diverse-short-ppo, diverse-short-sac, diverse-quadruped-ppo, diverse-quadruped-sac: other students. The
  walkers short and quadruped stand in for the paper's small bipedal walker and spider.

What a teacher is told of the family:

- no: nothing, not even which score counts as success;
- low: the range of scores, and the score from which a task counts as mastered;
- high: these, the direction in which tasks get harder, and easy tasks (low stumps far apart; the numbers are
  this package's own).

A teacher that cannot work without a fact is left out where it is not told, and the script says so:
intermediate, setter-solver and goal-gan need the score from which a task is mastered, adr needs easy tasks.
SPDL runs in the form and with the numbers that the paper tuned, which need neither: it is the same at no and
at low.

Deviations: PPO instead of SAC where the challenge is not the student; 5 million steps instead of 20; 50 test
tasks instead of 100, heights to 3; walkers that do not get on are cut (as in stumps.py); SAC's replay buffer
holds 1 million steps instead of 2.

python experiments/suite/challenges.py --challenge unfeasible --knowledge low [--quick] [--seeds 0 1]
"""

import argparse
import sys
from collections.abc import Mapping
from typing import Any

from stumps import STUCK
from stumps import STUDY as STUMPS

from teacherstudent import Entry, Study
from teacherstudent.contract.facts import takes
from teacherstudent.contract.registry import TEACHERS as REGISTRY

HIDDEN = {
    "no": ("score_range", "mastered", "difficulty_step", "easy"),
    "low": ("difficulty_step", "easy"),
    "high": (),
}
"""Which facts a teacher is not told at a level of knowledge."""

TEACHERS: dict[str, dict[str, Any]] = {
    "random": {},
    "alp-gmm": {},
    "riac": {},
    "covar-gmm": {},
    "intermediate": {},
    "adr": {},
    "spdl": {"form": "penalised", "alpha": [10, 0.25]},
    "setter-solver": {},
    "goal-gan": {},
}
NEEDS = {"intermediate": "mastered", "setter-solver": "mastered", "goal-gan": "mastered", "adr": "easy"}
"""The fact without which a teacher cannot work; what else adr needs is told wherever easy tasks are."""

FORGET_EVERY = 1_750_000
QUICK_FORGET_EVERY = 15_000
PPO = STUMPS.student_options
SAC: dict[str, Any] = {
    "algorithm": "SAC",
    "n_envs": 16,
    "options": {
        "learning_rate": 1e-3,
        "buffer_size": 1_000_000,
        "learning_starts": 10_000,
        "batch_size": 1000,
        "tau": 0.005,
        "gamma": 0.99,
        "ent_coef": 0.005,
        # An update for every ten steps: 8 for 5 steps in each of 16 slots.
        "train_freq": 5,
        "gradient_steps": 8,
        "policy_kwargs": {"net_arch": [400, 300]},
    },
}
QUICK_SAC = SAC | {"options": SAC["options"] | {"batch_size": 100, "gradient_steps": 1}}

FAMILIES: dict[str, dict[str, Any]] = {
    "unfeasible": {"max_height": 9.0},
    "trivial": {"min_height": -3.0},
    "forgetting": {},
    "rugged": {},
    "diverse-short-ppo": {"embodiment": "short"},
    "diverse-short-sac": {"embodiment": "short"},
    "diverse-quadruped-ppo": {"embodiment": "quadruped"},
    "diverse-quadruped-sac": {"embodiment": "quadruped"},
}
"""Options of the stump tracks by challenge."""


def student(challenge: str, *, quick: bool = False) -> Mapping[str, Any]:
    """Return the options of a challenge's student, or of one that is done within a minute."""
    if challenge.endswith("-sac"):
        return QUICK_SAC if quick else SAC
    if challenge == "forgetting":
        return {**PPO, "forget_every": QUICK_FORGET_EVERY if quick else FORGET_EVERY}
    return PPO


def left_out(knowledge: str) -> dict[str, str]:
    """Return the teachers that cannot work at a level of knowledge, and the fact that each lacks."""
    return {name: fact for name, fact in NEEDS.items() if fact in HIDDEN[knowledge]}


def entries(challenge: str, knowledge: str) -> dict[str, Entry]:
    """Return the teachers of a challenge that can work at a level of knowledge."""
    found = {}
    for name in TEACHERS:
        if name not in left_out(knowledge):
            found[name] = entry(name, HIDDEN[knowledge], rugged=challenge == "rugged")
    return found


def entry(name: str, hidden: tuple[str, ...], *, rugged: bool) -> Entry:
    """Return a teacher that some facts are hidden from, in a rugged landscape or not."""
    teacher = name
    options = TEACHERS[name]
    # Random tasks are the same in a landscape whose pieces have changed places.
    if rugged and name != "random":
        teacher = "rugged"
        options = {"teacher": name, "options": options}
    make = REGISTRY.get(teacher)
    # An option counts more than the family's fact, and None is what a teacher has that is told nothing.
    return Entry(teacher, options | {fact: None for fact in hidden if takes(make, fact)})


def make_study(challenge: str, knowledge: str) -> Study:
    """Return the study of a challenge at a level of knowledge."""
    teachers = entries(challenge, knowledge)
    return Study(
        name=f"suite/challenges-{challenge}-{knowledge}",
        family="stump-tracks",
        family_options={"solver": "fast", "stuck": STUCK} | FAMILIES[challenge],
        teachers=teachers,
        student_options=student(challenge),
        budget=5_000_000,
        test_every=1_000_000,
        seeds=(0, 1, 2, 3, 4),
        baseline="random",
        quick={
            "student_options": student(challenge, quick=True),
            "teachers": {name: teachers[name] for name in ("random", "alp-gmm")},
            "budget": 40_000,
            "test_every": 20_000,
            "seeds": (0,),
        },
    )


def main() -> int:
    """Run the study that the command line names and return its exit code."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--challenge", choices=list(FAMILIES), default="unfeasible")
    parser.add_argument("--knowledge", choices=list(HIDDEN), default="low")
    given, words = parser.parse_known_args()
    if {"-h", "--help"} & set(words):
        print(parser.format_usage())
    for name, fact in left_out(given.knowledge).items():
        print(f"{name} is left out: it cannot work without the fact {fact!r}")
    return make_study(given.challenge, given.knowledge).main(words)


if __name__ == "__main__":
    sys.exit(main())
