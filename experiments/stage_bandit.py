"""Bandits over training stages of equal compute, beside plain training and a schedule by hand.

The last stage, full size, is forced for the last 30 % of the compute. Bandits may stay, advance or go back;
their reward is the decrease of the loss on the probe, which they pay for. "random-stages" draws under the
same rules without learning: what a bandit's choices are worth is what it gains over that.

    python experiments/stage_bandit.py [--quick] [--data digits] [--seeds 0 1 2 3 4] [--budget 3e13]
"""

import sys

from _settings import FIXED, images

from teacherstudent import Entry, Study

STAGES = [{"bandwidth": 12}, {"bandwidth": 20}, {"bandwidth": 24}, {"bandwidth": 28}]
DIGITS = [{"bandwidth": 4}, {"bandwidth": 6}, {"bandwidth": 8}]
RULES = {"reward": "score", "per_cost": False, "moves": "advance", "final": (-1, 0.3)}
BLIND = RULES | {"eta": 1e-9}
"""Weights that do not move: uniform draws under the bandits' rules."""
TEACHERS = {
    "plain": Entry("constant", student=FIXED),
    "in-order": Entry(student=FIXED),
    "random-stages": Entry("exp3s", BLIND),
    "exp3s": RULES | {"eta": 0.3},
    "tscl-online": RULES,
    "tscl-window": RULES,
    "tscl-sampling": RULES,
    "tscl-naive": RULES | {"window": 2},
    "progress-thompson": RULES,
}
STUDY = Study(
    name="stage-bandit",
    teachers=TEACHERS,
    **images({"stages": STAGES}, {"stages": DIGITS}),
)

if __name__ == "__main__":
    sys.exit(STUDY.main())
