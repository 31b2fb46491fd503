"""A student without a model: the competence grid of the toy-grid family, exact and fast."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from teacherstudent.contract import spaces
from teacherstudent.contract.checks import check_mapping, check_names, check_real, check_whole, is_finite
from teacherstudent.contract.demand import Demand, Offers, Signal, check_demand
from teacherstudent.contract.family import Family
from teacherstudent.contract.purposes import Purpose, add_costs, check_purposes, measured_costs
from teacherstudent.contract.registry import STUDENTS
from teacherstudent.contract.stored.saved import saved_generator
from teacherstudent.contract.types import (
    UNASKED,
    Array,
    Assignment,
    FloatArray,
    IntArray,
    Outcomes,
    Seed,
    State,
    generator,
)
from teacherstudent.envs.toy_grid import FULL, ToyGrid


@STUDENTS.register("competence")
class CompetenceStudent:
    """The learner of toy-grid: a visit raises the competence of an open cell; every episode costs 1.

    One `train` visits all rows at the same time (see `teacherstudent.envs.toy_grid.CompetenceGrid`). Rows
    with ``learn`` False, and test tasks, show the competence as it was before.

    Args:
        family: a toy-grid family.
        seed: seed of the noise; an integer of at least 0 or a ``SeedSequence``.
        batch: tasks that one `train` asks for, at least 1.
        noise: standard deviation of Gaussian noise on every score, which stays in [0, 1].

    Raises:
        TypeError: if the family is no toy-grid.
        ValueError: if an option is out of range.
    """

    offers: Offers = MappingProxyType({"episode": {"length": Signal(unit="episodes"), "success": Signal()}})

    def __init__(self, family: Family, *, seed: Seed, batch: int = 1, noise: float = 0.0) -> None:
        if not isinstance(family, ToyGrid):
            raise TypeError(f"competence: expected the family toy-grid, got {type(family).__name__}")
        check_whole("competence: batch", batch, 1, 10**7)
        if not (is_finite(noise) and noise >= 0):
            raise ValueError(f"competence: noise: expected a standard deviation of at least 0, got {noise!r}")
        self.family = family
        self.batch = batch
        self.noise = noise
        self.grid = family.grid()
        self._rng = generator(seed)
        self._spent = {"train": 0.0, "measure": 0.0}

    def bind(self, demand: Demand) -> None:
        """Check that what a run asks for is offered.

        Raises:
            ValueError: if something is asked for that is not offered.
        """
        check_demand(demand, self.offers, "competence")

    @property
    def row_cost(self) -> float:
        """What each outcome costs: 1."""
        return 1.0

    def round_cost(self) -> float:
        """Return the batch size: every episode costs 1."""
        return float(self.batch)

    def wants(self) -> int:
        """Return the batch size: every task finishes within its round."""
        return self.batch

    def train(self, assignment: Assignment) -> Outcomes:
        """Visit the tasks and return their outcomes in the order given.

        Raises:
            ValueError: if a task lies outside the space.
            TypeError: if it is given no assignment.
        """
        if not isinstance(assignment, Assignment):
            raise TypeError(f"competence.train: expected an Assignment, got {assignment!r}")
        tasks = spaces.check_tasks(self.family.space, assignment.tasks, "competence.train")
        check_purposes(assignment, "competence.train")
        learn = assignment.learn
        # Measure first: rows that are not learnt from show the competence before any visit.
        score = self.grid.measure(tasks)
        if learn.any():
            score[learn] = self.grid.visit(tasks[learn])
        self._spent["train"] += np.count_nonzero(learn)
        add_costs(self._spent, measured_costs(assignment.purpose, 1.0))
        return self._outcomes(dataclasses.replace(assignment, tasks=tasks), score, self._rng)

    def evaluate(self, tasks: Array, *, seed: int) -> Outcomes:
        """Return the competence on each task, without a visit.

        Raises:
            ValueError: if a task lies outside the space.
        """
        tasks = spaces.check_tasks(self.family.space, tasks, "competence.evaluate")
        rows = Assignment(ids=np.full(len(tasks), UNASKED), tasks=tasks)
        return self._outcomes(rows, self.grid.measure(tasks), generator(seed))

    def _outcomes(self, rows: Assignment, score: FloatArray, rng: np.random.Generator) -> Outcomes:
        # Without noise nothing is drawn, and the generator stays as it is.
        if self.noise > 0:
            score = np.clip(score + self.noise * rng.standard_normal(len(score)), 0.0, 1.0)
        ones = np.ones(len(score))
        success = (score > self.family.mastered).astype(np.float64)
        return Outcomes.of(rows, score=score, cost=ones, signals={"length": ones, "success": success})

    def spent(self) -> Mapping[str, float]:
        """Return the episodes trained on and those measured; there is no gradient and no environment."""
        return dict(self._spent)

    def holds(self) -> IntArray:
        """Return no id: every task is finished within the `train` that took it."""
        return np.zeros(0, np.int64)

    def metrics(self) -> Mapping[str, float]:
        """Return the mean competence of all cells, 0 to 1, and the share of cells mastered."""
        mean = float(self.grid.competence.mean()) / FULL
        return {"competence": mean, "cells_mastered": self.grid.mastered()}

    def state_dict(self) -> State:
        """Return the competence, the counters and the state of the noise; a copy."""
        return {
            "competence": self.grid.competence,
            "spent": dict(self._spent),
            "rng": dict(self._rng.bit_generator.state),
        }

    def load_state_dict(self, state: State) -> None:
        """Continue from `state_dict`.

        Raises:
            ValueError: if the state is incomplete, damaged or of another grid; nothing has changed then.
            TypeError: if it is no mapping.
        """
        # Check everything first, so that a refused state changes nothing.
        given = check_mapping("competence: state", state, optional=False)
        check_names("competence: state", ("competence", "spent", "rng"), given)
        spent = {
            name: check_real(f"competence: state: {name}", value, 0)
            for name, value in check_mapping("competence: state: spent", given["spent"]).items()
        }
        # Edits may never have been charged, so their entry is optional.
        check_names("competence: state: spent", tuple(self._spent), set(spent) - {Purpose.EDIT.cost})
        rng = saved_generator("competence: state: rng", given["rng"])
        # The grid checks its own values, so it goes first.
        self.grid.competence = given["competence"]
        self._spent = spent
        self._rng.bit_generator.state = rng

    def close(self) -> None:
        """Nothing to free."""
