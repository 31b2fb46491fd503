import re

import numpy as np
import pytest

from teacherstudent.contract.spaces import Discrete
from teacherstudent.contract.stored.saved import saved_number
from teacherstudent.contract.teacher import Teacher
from teacherstudent.contract.types import Assignment
from teacherstudent.testing.sessions import ContractError, Session, plausible_outcomes
from teacherstudent.testing.weighers import check_weigher


class Weighs(Teacher):
    """Asks for any example, and weighs by what it was told and by the losses that it saw."""

    accepts = (Discrete,)

    def __init__(self, space, *, seed):
        super().__init__(space, seed=seed)
        self.best = self.seen = 0.0

    def _ask(self, ids, progress):
        return Assignment(ids=ids, tasks=self.rng.integers(self.space.n, size=len(ids)))

    def _tell(self, outcomes):
        self.best = max(self.best, float(outcomes.score.max()))

    def _state(self):
        return {"best": self.best, "seen": self.seen}

    def _load(self, state):
        self.best = saved_number("best", state["best"], 0, 1e100)
        self.seen = saved_number("seen", state["seen"], 0, 1e100)

    def weigh(self, batch):
        self.seen += len(batch)
        return (1 + self.best + self.seen) / (1 + batch.loss_numbers)


class Forgets(Weighs):
    """Does not save what it has seen."""

    def _state(self):
        return super()._state() | {"seen": 0.0}


class DrawsAnew(Weighs):
    """Weighs by chance, from a generator without a seed."""

    def weigh(self, batch):
        return np.random.default_rng().random(len(batch))


class Spoils(Weighs):
    """Changes the labels that it is given."""

    def weigh(self, batch):
        batch.labels[:] = 0
        return super().weigh(batch)


def check(kind):
    made = []

    def make():
        made.append(Session(kind(Discrete(9), seed=5), plausible_outcomes))
        return made[-1]

    check_weigher(make, 30)
    return made


def test_a_sound_weigher_passes_before_and_after_it_was_told():
    one, two, _ = check(Weighs)
    assert one.teacher.best == two.teacher.best > 0
    assert one.teacher.seen > 0


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        (Forgets, "Forgets: weigh must give the same weights after a state was saved and loaded"),
        (DrawsAnew, "DrawsAnew: weigh must give the same weights for the same seed and outcomes"),
        (Spoils, "Spoils: weigh must leave the batch's labels as they are"),
    ],
)
def test_a_broken_rule_is_named(kind, sentence):
    with pytest.raises(ContractError, match=f"^{re.escape(sentence)}$"):
        check(kind)
