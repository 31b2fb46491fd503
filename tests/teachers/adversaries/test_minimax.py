"""Minimax: where it leads, levels built by choices, and rows without a completed episode."""

import numpy as np
import pytest
from adversaries import FAST, LINE, Bits, simulated

from teacherstudent import teachers
from teacherstudent.contract.types import Outcomes


def drift(teacher, rows, rounds=80):
    """Return the difficulties of the last asks after so many rounds."""
    asked = []
    for _ in range(rounds):
        assignment = teacher.ask(rows)
        teacher.tell(simulated(teacher, assignment))
        asked.append(assignment.tasks[:, 0])
    return np.concatenate(asked[-5:])


def test_minimax_drifts_to_what_nobody_solves_and_paired_to_the_hardest_solvable():
    hopeless = drift(teachers.make("minimax", LINE, seed=0, adversary=FAST), 32)
    assert np.median(hopeless) > 0.95
    frontier = drift(teachers.make("paired", LINE, seed=0, adversary=FAST), 64)
    assert 0.55 < np.median(frontier) < 0.72
    assert np.quantile(frontier, 0.9) < 0.75


class Switches(Bits):
    """Bits that are built by four actions, each of which flips one of them or none."""

    steps, n_actions, observation_shape = 4, 5, (4,)

    def builder(self):
        return self

    def empty(self, n):
        return np.zeros((n, 4), np.uint8)

    def apply(self, partial, step, actions, rng):
        return partial ^ (np.arange(4) == actions[:, None]).astype(np.uint8)

    def observe(self, partial):
        return partial.astype(np.float32)

    def finish(self, partial):
        return partial


def test_levels_are_built_by_choices():
    teacher = teachers.make(
        "minimax", Switches(), seed=0, adversary={"lr": 0.02, "noise": 1, "hidden": (16,)}
    )
    for _ in range(40):
        assignment = teacher.ask(32)
        ones = assignment.tasks.mean(axis=1)
        teacher.tell(
            Outcomes(
                ids=assignment.ids,
                tasks=assignment.tasks,
                score=-ones,
                cost=np.ones(32),
                signals={"max_return": -ones},
            )
        )
    assert ones.mean() > 0.8  # chance: 0.39
    assert teacher.spent() == {"adversary": 40 * 32 * 4}


def test_a_row_without_a_completed_episode_counts_with_its_return_so_far():
    """As the docstring says: such a row is no different from another to the adversary."""
    told = []
    for episodes in (0, 4):
        teacher = teachers.make("minimax", LINE, seed=0, adversary=FAST)
        good = simulated(teacher, teacher.ask(8))
        signals = {**good.signals, "max_return": np.linspace(-1, 1, 8), "episodes": np.full(8, episodes)}
        teacher.tell(
            Outcomes(ids=good.ids, tasks=good.tasks, score=good.score, cost=good.cost, signals=signals)
        )
        told.append(teacher.metrics()["reward"])
    assert told == pytest.approx([0.0, 0.0], abs=1e-15)
    said = " ".join((type(teacher).__doc__ or "").split())
    assert "A row without a completed episode counts with its return so far" in said
