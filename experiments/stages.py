"""Ways to train in stages on one test set: plain, schedules, bandits over listed stages, ALP-GMM on knobs.

"plain" has the whole budget; the others have 65 % of it and are compared with "plain-equal", which does too.
Only size is a knob. The probe is dear beside such budgets: a bandit makes some thirteen choices, of which the
last five are forced to be the full size; ALP-GMM, in smaller chunks, some thirty. "random-sizes" draws under
the bandits' rules without learning.

    python experiments/stages.py [--vit] [--quick] [--data digits] [--seeds 0 1 2 3 4] [--budget 9e12]
"""

import sys
from dataclasses import replace
from typing import Any

from _settings import FIXED, images

from teacherstudent import Entry, Study

SHARE = 0.65
RULES = {"reward": "score", "per_cost": False, "moves": "advance", "final": (-1, 0.4)}


def teachers(sizes: tuple[int, ...], fit_rate: int, chunk: float) -> dict[str, Entry]:
    """Return the teachers; the bandits choose among the sizes, the others move between the first and last."""
    listed = {"knobs": None, "stages": [{"bandwidth": size} for size in sizes]}

    def bandit(name: str, **options: Any) -> Entry:
        return Entry(name, RULES | options, student={"score": "rate"}, family=listed, budget_share=SHARE)

    return {
        "plain": Entry("constant"),
        "plain-equal": Entry("constant", budget_share=SHARE),
        "efficient-train": Entry(options={"ramp": None}, budget_share=SHARE),
        "efficient-train-pp": Entry(options={"strongest": None}, budget_share=SHARE),
        "random-sizes": bandit("exp3s", eta=1e-9),
        "exp3s": bandit("exp3s", eta=0.3),
        "tscl-online": bandit("tscl-online"),
        "progress-thompson": bandit("progress-thompson"),
        "alp-gmm": Entry(
            options={"fit_rate": fit_rate, "n_components": (2, 4)},
            student={"score": "level", "chunk": chunk},
            budget_share=SHARE,
        ),
    }


FASHION, DIGITS = (12, 16, 20, 24, 28), (4, 6, 8)
SETTINGS: dict[str, Any] = images(
    {"knobs": {"bandwidth": (12, 28)}},
    {"knobs": {"bandwidth": (3, 8)}},
    student=FIXED | {"machine": {"precision": "bfloat16", "channels_last": True}},
    small={"teachers": teachers(DIGITS, 5, 3e8), "budget": 1e10, "test_every": 3.25e9},
    quick={"teachers": teachers(DIGITS, 5, 3e8)},
) | {"budget": 9e12, "test_every": 2.925e12}
STUDY = Study(name="stages", teachers=teachers(FASHION, 6, 2e11), baseline="plain-equal", **SETTINGS)
TINY_VIT = {"backbone": "vit", "backbone_options": {"patch": 2, "width": 32, "depth": 2, "heads": 2}}
ON_DIGITS = {"student_options": STUDY.quick["student_options"] | TINY_VIT}
VIT = replace(
    STUDY,
    name="stages-vit",
    student_options=FIXED
    | {
        "backbone": "vit",
        "backbone_options": {"width": 64, "depth": 3, "heads": 2},
        "training": {"lr": 1e-3},
    },
    budget=5.4e12,
    test_every=1.755e12,
    data={"digits": STUDY.data["digits"] | ON_DIGITS},
    quick=STUDY.quick | ON_DIGITS,
)

if __name__ == "__main__":
    given = sys.argv[1:]
    study = VIT if "--vit" in given else STUDY
    sys.exit(study.main([word for word in given if word != "--vit"]))
