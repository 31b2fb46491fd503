"""Learning rate curriculum (Croitoru et al. 2022) and smoothing (Sinha et al. 2020), beside plain training.

Last it prints which parameters were taken for which layer: those of the first learn at the full rate at once.

python experiments/lerac.py [--quick] [--data digits] [--seeds 0 1 2 3 4] [--budget 3e13]
"""

import sys

from _results import run_and_look
from _settings import FIXED, images

from teacherstudent import Entry, Study
from teacherstudent.recording.runs import Run

KNOBS = {"lr_spread": (0, 4), "smoothing": (0, 1)}
TEACHERS = {
    "plain": Entry("constant"),
    "lerac": {"share": 0.1},
    "lerac-long": Entry("lerac", {"share": 0.3}),
    "smoothing": {},
}
STUDY = Study(
    name="lerac",
    teachers=TEACHERS,
    **images({"knobs": KNOBS}, {"knobs": KNOBS}, student=FIXED),
)


def layers(run: Run, quick: bool) -> list[list[str]]:
    """Return the parameters of each layer, in order."""
    del quick
    found: list[list[str]] = run.manifest["student_report"]["layers"]
    return found


def main() -> int:
    """Run the study, then print the layers."""
    code, _, results = run_and_look(STUDY, layers)
    for found in [own for runs in results.values() for own in runs.values()][:1]:
        for depth, names in enumerate(found, 1):
            print(f"layer {depth}: {', '.join(names)}")
    return code


if __name__ == "__main__":
    sys.exit(main())
