"""A network of leaky neurons as a student of memory tasks: the tasks of a round are learnt together."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from teacherstudent.contract import spaces
from teacherstudent.contract.checks import check_names
from teacherstudent.contract.demand import Demand, Offers, Signal, check_demand
from teacherstudent.contract.family import Family
from teacherstudent.contract.purposes import Purpose, check_purposes
from teacherstudent.contract.registry import STUDENTS
from teacherstudent.contract.types import (
    UNASKED,
    Array,
    Assignment,
    FloatArray,
    IntArray,
    Outcomes,
    Seed,
    State,
)
from teacherstudent.envs.memory.parity import SMALLEST, FixedSequences, Parity
from teacherstudent.students.leaky_rnn.trainer import Measured, Settings, Trainer

_SIGNALS = {
    "accuracy": Signal(),
    "newest": Signal(),
    "loss": Signal(unit="nats"),
    # Only training has such a loss.
    "train_loss": Signal(unit="nats", measured=False),
}


@STUDENTS.register("leaky-rnn")
class LeakyRNNStudent:
    """Leaky neurons with trainable time constants and a readout for each N; costs are FLOPs.

    Khajehabdollahi et al. 2024, "Emergent mechanisms for long timescales depend on training curriculum and
    affect performance in memory tasks", ICLR, https://arxiv.org/abs/2309.12927: the network of
    `teacherstudent.students.leaky_rnn.network.LeakyNetwork`, SGD with Nesterov's momentum, gradients clipped.

    A round takes as many tasks as the family has, and trains on all the different ones together: each batch
    has one random length, for the largest N of the round, and its loss is the sum of their readouts' mean
    cross-entropies. So a teacher that hands out one N trains a single head, one that hands out several trains
    them as the paper's multi-head networks, at almost the same cost. Readouts of other N stay as they are.
    Repeated tasks count once.

    After the ``steps`` of a round its tasks are measured on ``probe`` fresh batches of the same kind. The
    score is the accuracy of the task's readout. Signals: ``accuracy``, the same; ``newest``, that of the
    largest N in the round; ``loss``, the mean cross-entropy; ``train_loss``, its mean over the round's steps
    (NaN for tasks that were not trained). Rows with ``learn`` False are measured only. Costs are the
    operations of matrix products, three forward passes for a gradient step; a round's cost is spread evenly
    over its rows.

    Deviations from the paper: 64 units rather than 500, and measured after every 100 steps rather than 600;
    every N has a readout of its own for good, so that forgetting can be tested, where in the authors' code
    the single-head network goes on to N + 1 with the readout of N (and the sliding one passes readouts on
    likewise); one bias instead of two that add up; a tau that falls below 1 is set to 1, where in the
    authors' code it stays below, counts as 1 and gets no gradient any more.

    Args:
        family: a family of memory tasks.
        seed: of weights, batches and first states.
        units: neurons.
        batch: sequences in a gradient step.
        steps: gradient steps in a round.
        lr: learning rate.
        momentum: of SGD, in (0, 1).
        clip: largest norm of the gradient.
        probe: batches that a round is measured on.
        device: ``"auto"`` is the GPU where there is one.

    Raises:
        TypeError: if the family has no bit sequences.
        ValueError: if an option is out of range or there is no such device.
    """

    offers: Offers = MappingProxyType(dict.fromkeys(("chunk", "episode"), _SIGNALS))

    def __init__(
        self,
        family: Family,
        *,
        seed: Seed,
        units: int = 64,
        batch: int = 256,
        steps: int = 100,
        lr: float = 0.05,
        momentum: float = 0.1,
        clip: float = 2.0,
        probe: int = 10,
        device: str = "auto",
    ) -> None:
        if not isinstance(family, Parity):
            raise TypeError(f"leaky-rnn: expected the family parity, got {type(family).__name__}")
        settings = Settings(
            units=units, batch=batch, steps=steps, lr=lr, momentum=momentum, clip=clip, probe=probe
        )
        self.family = family
        self.settings = settings
        self._tasks = len(family.test_tasks())
        self.trainer = Trainer(family.kind, SMALLEST, self._tasks, settings, seed=seed, device=device)
        self._tests: dict[int, FixedSequences] = {}
        self._counts = {"train": 0.0, "measure": 0.0, "updates": 0.0}
        self._loss = np.nan

    def bind(self, demand: Demand) -> None:
        """Check that what a run asks for is offered; all of it is measured in every round anyway.

        Raises:
            ValueError: if something is asked for that is not offered.
        """
        check_demand(demand, self.offers, "leaky-rnn")

    def round_cost(self) -> float:
        """Return the least FLOPs of a round: lengths are random, and larger tasks cost more."""
        return self.trainer.least()

    def wants(self) -> int:
        """Return the number of the family's tasks: that many can be learnt together."""
        return self._tasks

    def train(self, assignment: Assignment) -> Outcomes:
        """Train on the tasks together, measure them, and return all rows in the order given.

        Raises:
            ValueError: if a task lies outside the space.
            FloatingPointError: if the loss is no longer finite.
        """
        check_purposes(assignment, "leaky-rnn", (Purpose.TRAIN, Purpose.MEASURE))
        tasks = spaces.check_tasks(self.family.space, assignment.tasks, "leaky-rnn.train")
        # Without rows there is no largest N, which everything below needs.
        if len(tasks) == 0:
            nothing = np.zeros(0)
            signals: dict[str, Array] = dict.fromkeys(_SIGNALS, nothing)
            return Outcomes.of(assignment, score=nothing, cost=nothing, signals=signals)
        # Train each different task once; ``row`` leads back to the rows that asked for it.
        sizes, row = np.unique(tasks, return_inverse=True)
        train_loss = np.full(len(sizes), np.nan)
        learnt = np.unique(tasks[assignment.learn])
        cost = 0
        if learnt.size:
            losses, cost = self.trainer.train(learnt.tolist())
            # Tasks that were only measured keep NaN.
            train_loss[np.isin(sizes, learnt)] = losses
            self._loss = float(losses.mean())
            self._counts["train"] += cost
            self._counts["updates"] += self.settings.steps
        found = self.trainer.probe(sizes.tolist())
        self._counts["measure"] += found.cost
        return Outcomes.of(
            assignment,
            score=found.accuracy[row],
            cost=_spread(cost + found.cost, len(tasks)),
            signals={
                "accuracy": found.accuracy[row],
                # Sizes ascend, so the last one is the newest task.
                "newest": np.full(len(tasks), found.accuracy[-1]),
                "loss": found.loss[row],
                "train_loss": train_loss[row],
            },
        )

    def evaluate(self, tasks: Array, *, seed: int) -> Outcomes:
        """Return the accuracy of each task's readout on the task's fixed test sequences.

        The seed decides on the network's first states. Signals: ``accuracy``, ``loss``.

        Raises:
            ValueError: if a task lies outside the space.
        """
        tasks = spaces.check_tasks(self.family.space, tasks, "leaky-rnn.evaluate")
        # Test each different task once, however many rows ask for it.
        found = {size: self._test(size, seed) for size in np.unique(tasks).tolist()}
        rows = [found[size] for size in tasks.tolist()]
        score: FloatArray = np.array([float(r.accuracy[0]) for r in rows], np.float64)
        return Outcomes(
            ids=np.full(len(tasks), UNASKED, np.int64),
            tasks=tasks,
            score=score,
            cost=np.array([float(r.cost) for r in rows], np.float64),
            signals={"accuracy": score.copy(), "loss": np.array([float(r.loss[0]) for r in rows])},
        )

    def _test(self, size: int, seed: int) -> Measured:
        # The sequences are fixed, so make them once.
        if size not in self._tests:
            self._tests[size] = self.family.test_sequences(size)
        test = self._tests[size]
        return self.trainer.test(test.bits, test.answers, size, test.lengths, seed=seed)

    def spent(self) -> Mapping[str, float]:
        """Return FLOPs of training and of measuring, and gradient steps."""
        return dict(self._counts)

    def holds(self) -> IntArray:
        """Return no id: every task is finished within the `train` that took it."""
        return np.zeros(0, np.int64)

    def metrics(self) -> Mapping[str, float]:
        """Return the time constants' mean and maximum in steps, and the training loss where there is one."""
        found = self.trainer.time_constants()
        if np.isnan(self._loss):
            return found
        return found | {"train_loss": self._loss}

    def state_dict(self) -> State:
        """Return everything that training depends on; on the CPU it continues bit for bit."""
        return {"trainer": self.trainer.state_dict(), "counts": dict(self._counts), "loss": self._loss}

    def load_state_dict(self, state: State) -> None:
        """Continue from `state_dict` of a student made with the same arguments.

        Raises:
            ValueError: if the state is incomplete or of another network.
        """
        check_names("leaky-rnn: state", ("trainer", "counts", "loss"), state)
        check_names("leaky-rnn: counts", list(self._counts), state["counts"])
        self.trainer.load_state_dict(state["trainer"])
        self._counts = {name: float(value) for name, value in state["counts"].items()}
        self._loss = float(state["loss"])

    def close(self) -> None:
        """Nothing to free."""


def _spread(total: int, rows: int) -> FloatArray:
    """Return ``(rows,)`` whole numbers, as even as can be, that add up to ``total`` exactly."""
    # Round the running sums and not the parts: the differences then add up exactly.
    edges = np.arange(rows + 1) * total // rows
    return np.diff(edges).astype(np.float64)


__all__ = ["LeakyRNNStudent"]
