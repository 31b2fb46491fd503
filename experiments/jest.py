"""Joint example selection (Evans et al. 2024) and RHO-loss on 40 % wrong labels, beside uniform sampling.

First a reference is trained on the probe split, which is clean. Its cost is charged to the runs that use it:
it is part of their budget. "hard" needs none.

    python experiments/jest.py [--quick] [--seeds 0 1 2 3 4] [--budget 3e12]
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
from _settings import few_examples

from teacherstudent import Entry, Study
from teacherstudent.plain import read_json, write_json
from teacherstudent.registry import FAMILIES
from teacherstudent.vision.reference import reference_losses

SETTINGS = few_examples(label_noise=0.4)
REFERENCE = {False: 6e11, True: 1e10}
"""FLOPs of training the reference: nine passes over the probe split, and, quick, sixteen."""


def make_reference(out: Path, *, quick: bool) -> tuple[str, float]:
    """Train the reference if it is not there, and return the path of its losses and what it has cost."""
    settings: dict[str, Any] = SETTINGS | (SETTINGS["quick"] if quick else {})
    path = out / f"jest-reference-{settings['family']}.npy"
    about = path.with_suffix(".json")
    if not (path.is_file() and about.is_file()):
        family = FAMILIES.make(settings["family"], **settings["family_options"])
        budget, options = REFERENCE[quick], settings["student_options"]
        found = reference_losses(family, seed=0, budget=budget, student_options=options)
        out.mkdir(parents=True, exist_ok=True)
        np.save(path, found.losses)
        write_json(about, {"cost": found.cost, "accuracy": found.accuracy})
    cost = float(read_json(about)["cost"])
    print(f"reference: {cost:.3g} FLOPs, {cost / settings['budget']:.1%} of a run's budget")
    return str(path), cost


def make_study(reference: str, cost: float) -> Study:
    """Return the study with a reference's losses; ``cost`` is what the reference has cost."""
    teachers = {
        "uniform": {},
        "jest": Entry(options={"reference": reference}, charged=cost),
        "rho-loss": Entry("jest", {"reference": reference, "select": "top"}, charged=cost),
        "hard": Entry("jest", {"score": "hard"}),
    }
    return Study(name="jest", teachers=teachers, **SETTINGS)


def main() -> int:
    """Train the reference, then run the study."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--out", type=Path, default=Path("runs"))
    given, _ = parser.parse_known_args()
    if {"-h", "--help"} & set(sys.argv):
        return make_study("", 0.0).main()
    return make_study(*make_reference(given.out, quick=given.quick)).main()


if __name__ == "__main__":
    sys.exit(main())
