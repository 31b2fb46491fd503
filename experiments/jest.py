"""Joint example selection (Evans et al. 2024) and RHO-loss on 40 % wrong labels, beside uniform sampling.

First a reference is trained on the probe split, which is clean. Its cost is charged to the runs that use it:
it is part of their budget. "hard" needs none. With --clean the labels are right: a null anchor.

The comparison is not one of compute alone: the reference learns from 2 000 clean labels (quick: 200) that
"uniform" and "hard" never see. Its accuracy on the validation split, which is printed, says what they are
worth by themselves. There is one reference, of seed 0, for the runs of all seeds, so intervals over seeds
leave out how references differ. It is kept in the folder of runs and made again if its settings have changed.

    python experiments/jest.py [--clean] [--quick] [--data digits] [--seeds 0 1 2 3 4] [--budget 3e12]
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
from _settings import few_examples

from teacherstudent import Entry, Study
from teacherstudent.contract.registry import FAMILIES
from teacherstudent.envs.images.data import MissingDataError
from teacherstudent.recording.disk.plain import read_json, to_plain, write_json
from teacherstudent.reference import reference_losses

SETTINGS = {"jest": few_examples(label_noise=0.4), "jest-clean": few_examples(label_noise=0.0)}
REFERENCE = {"fashion-examples": 6e11, "digits-examples": 1e10}
"""FLOPs of training the reference: nine passes over the probe split, and sixteen over that of digits."""


def make_reference(study: Study, out: Path) -> tuple[str, float]:
    """Train a study's reference unless it is there; return the path of its losses and what it has cost."""
    settings: dict[str, Any] = study.__dict__
    budget = REFERENCE[study.family]
    path = out / f"{study.name}-reference-{study.family}.npy"
    about = path.with_suffix(".json")
    kept = ("family", "family_options", "student_options")
    asked = to_plain({key: settings[key] for key in kept} | {"seed": 0, "budget": budget})
    if not (path.is_file() and about.is_file() and read_json(about).get("settings") == asked):
        about.unlink(missing_ok=True)  # losses without it are made again
        family = FAMILIES.make(settings["family"], **settings["family_options"])
        options = settings["student_options"]
        found = reference_losses(family, seed=0, budget=budget, student_options=options)
        out.mkdir(parents=True, exist_ok=True)
        np.save(path, found.losses)
        results = {"cost": found.cost, "accuracy": found.accuracy, "validation": found.validation}
        write_json(about, results | {"settings": asked})
    there = read_json(about)
    cost = float(there["cost"])
    print(
        f"reference: {cost:.3g} FLOPs, {cost / settings['budget']:.1%} of the standard budget; accuracy "
        f"{there['validation']:.1%} on the validation split"
    )
    return str(path), cost


def make_study(name: str, reference: str, cost: float) -> Study:
    """Return a study with a reference's losses; ``cost`` is what the reference has cost."""
    teachers = {
        "uniform": {},
        "jest": Entry(options={"reference": reference}, charged=cost),
        "rho-loss": Entry("jest", {"reference": reference, "select": "top"}, charged=cost),
        "hard": Entry("jest", {"score": "hard"}),
    }
    return Study(name=name, teachers=teachers, **SETTINGS[name])


def main() -> int:
    """Train the reference, then run the study."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--clean", action="store_true")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--out", type=Path, default=Path("runs"))
    parser.add_argument("--data", choices=["digits"])
    given, _ = parser.parse_known_args()
    name = "jest-clean" if given.clean else "jest"
    words = [word for word in sys.argv[1:] if word != "--clean"]
    study = make_study(name, "", 0.0)
    if {"-h", "--help"} & set(words):
        return study.main(words)
    try:
        reference = make_reference(study.version(data=given.data, quick=given.quick), given.out)
    except MissingDataError as error:
        study.say_missing(error)
        return 2
    return make_study(name, *reference).main(words)


if __name__ == "__main__":
    sys.exit(main())
