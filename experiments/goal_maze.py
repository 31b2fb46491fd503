"""Goals in a maze of which nine of ten are out of reach: a curriculum finds those that are not.

Ends with the comparison, a picture of the goals that each teacher sampled over time (frontier.png), and the
same as a film (frontier.gif).

    python experiments/goal_maze.py [--quick] [--seeds 0 1 2 3 4] [--teachers random alp-gmm] [--budget 6e5]
"""

import sys

from _results import run_and_look
from _settings import GOALS

from teacherstudent import Study, envs
from teacherstudent.comparing.compare import analyse
from teacherstudent.comparing.figures.frontier import frontier, write_film
from teacherstudent.comparing.figures.scene import Scene
from teacherstudent.contract.family import HasOutline
from teacherstudent.recording.runs import Run

TEACHERS = ("random", "alp-gmm", "intermediate")
STUDY = Study(name="goal-maze", teachers={name: {} for name in TEACHERS}, **GOALS)


def main() -> int:
    """Run the study, then print what every seed came to, and write the film."""
    family = envs.make(STUDY.family, **STUDY.family_options)
    assert isinstance(family, HasOutline)
    code, folder, runs = run_and_look(STUDY, look, figures=[frontier(family.outline())])
    found = [run for seeds in runs.values() for run in seeds.values()]
    if not found:
        return code
    for teacher, seeds in runs.items():
        mastered = ", ".join(f"{run.curve().mastered[-1]:.0f}" for _, run in sorted(seeds.items()))
        print(f"{teacher}: % of test goals mastered by the last policy, by seed: {mastered}")
    for setting in analyse(found).settings:
        film = folder / "frontier.gif"
        if write_film(Scene(setting, setting.groups, {}), film, family.outline()):
            print(film)
    return code


def look(run: Run, quick: bool) -> Run:
    """Return the run itself."""
    del quick
    return run


if __name__ == "__main__":
    sys.exit(main())
