"""Wrong arguments of everything public end in one clear error, or are right: a walk over all of them."""

import numpy as np
import pytest
from wrong_values import faults

from teacherstudent import teachers
from teacherstudent.fitting.paths import OpenLoop
from teacherstudent.spaces import Box, Discrete, Parameters
from teacherstudent.types import Outcomes

KNOBS = Parameters(
    bandwidth=(2, 8),
    magnitude=(0, 1),
    lr_spread=(0, 5),
    smoothing=(0, 1),
    data_fraction=(0.1, 1),
    self_distillation=(0, 1),
    lr_scale=(1e-6, 1),
)
"""For teachers that know their knobs by name."""
NEEDED = {
    "mastery": {"mastered": 0.5},
    "oracle": {"mastered": 0.5, "difficulty_step": (0.1, 0.1)},
    "compose": {"parts": ("lerac",)},
}
"""What a teacher cannot do without."""


def space_of(name):
    kind = teachers.get(name)
    if issubclass(kind, OpenLoop):
        return KNOBS
    return Discrete(6) if Box not in kind.accepts else Parameters(a=(0, 1), b=(0, 1))


def work(teacher):
    """Ask and tell a little, and save: what the constructor took must be usable."""
    for _ in range(2):
        asked = teacher.ask(4)
        signals = {name: np.full(4, 0.5) for name in teacher.needs}
        teacher.tell(
            Outcomes(
                ids=asked.ids, tasks=asked.tasks, score=np.arange(4) / 4, cost=np.ones(4), signals=signals
            )
        )
    teacher.state_dict()
    teacher.metrics()


@pytest.mark.parametrize("name", teachers.names())
def test_teachers(name):
    base = {"space": space_of(name), "seed": 0, **NEEDED.get(name, {})}
    assert faults(teachers.get(name), base, work) == []
