"""How long a run lasts, and when it is tested, recorded and saved."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from teacherstudent.contract.checks import check_flag, check_whole, is_finite, is_whole

FEW_FAILED = 3
FAILED_ONE_IN = 20
"""If nothing is said: tasks that may fail at once, and one more for so many finished episodes."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How long a run lasts and how often it is tested and saved, in units of cost.

    Attributes:
        budget: the run ends after the first round in which what was spent reaches it. Costs of training,
            measuring and whatever else the family prices count, evaluation on the test set does not.
        charged: cost that was spent beforehand, on a reference model say. It is part of the budget: the run
            starts at this cost. The progress that teachers are told runs from 0 to 1 over the rest.
        test_every: the test set is played at the start, after every such stretch, and at the end; None for a
            twentieth of the budget.
        checkpoint_every: as ``test_every``, for checkpoints; None for the same as ``test_every``, 0 for none.
        record_every: as ``test_every``, for the teacher's and the student's metrics and the teacher's
            snapshot; None for a hundredth of the budget.
        test_seed: starts the test episodes; the same for all runs that are compared.
        keep: how many checkpoints are kept.
        signals: names of signals that are computed and logged beside what the teacher needs and what falls
            out of a round anyway; values of more than one number a row are logged only if named here.
        max_failed_tasks: so many tasks may have an environment that fails (raises, dies, or hangs beyond its
            time limit). Each costs its row: the teacher is told that its outcome will never come, the run
            folder names it, and the run goes on. One more ends the run with the list. 0 ends it at the first.
            None: three, and one for every twenty episodes that were finished.
        may_never_act: whether the run is made though its budget ends before the teacher acts on what it is
            told for the first time, or before anything is trained on. Without it such a run is refused.

    Raises:
        ValueError: if a number is not finite; if the budget, ``test_every`` or ``record_every`` is not above
            0; if ``checkpoint_every`` or ``test_seed`` is below 0; if ``charged`` is not in [0, budget); if
            ``max_failed_tasks`` is no whole number of at least 0.
    """

    budget: float
    charged: float = 0.0
    test_every: float | None = None
    checkpoint_every: float | None = None
    record_every: float | None = None
    test_seed: int = 0
    keep: int = 2
    max_failed_tasks: int | None = None
    signals: tuple[str, ...] = ()
    may_never_act: bool = False

    def __post_init__(self) -> None:
        for name in ("budget", "test_every", "record_every"):
            value = getattr(self, name)
            optional = value is None and name != "budget"
            # An infinite budget would never end the run, and NaN would end it at once.
            if not optional and not (is_finite(value) and value > 0):
                raise ValueError(f"{name}: expected a finite cost above 0, got {value!r}")
        if not (is_finite(self.charged) and 0 <= self.charged < self.budget):
            raise ValueError(
                f"charged: expected a cost in [0, {self.budget:g}), below the budget, got {self.charged!r}"
            )
        every = self.checkpoint_every
        if every is not None and not (is_finite(every) and every >= 0):
            raise ValueError(f"checkpoint_every: expected a finite cost of at least 0, got {every!r}")
        whole = is_whole(self.test_seed)
        if not whole or self.test_seed < 0:
            raise ValueError(f"test_seed: expected an integer of at least 0, got {self.test_seed!r}")
        if not is_whole(self.keep) or self.keep < 1:
            raise ValueError(f"keep: expected at least 1 checkpoint, got {self.keep!r}")
        if not isinstance(self.signals, tuple | list) or not all(isinstance(n, str) for n in self.signals):
            raise ValueError(f"signals: expected names, got {self.signals!r}")
        # The plan is frozen, but a list of names could still be changed from outside.
        object.__setattr__(self, "signals", tuple(self.signals))
        if self.max_failed_tasks is not None:
            check_whole("max_failed_tasks", self.max_failed_tasks, 0)
        check_flag("may_never_act", self.may_never_act)

    @property
    def own(self) -> float:
        """What the run itself may spend: the budget without what it is charged with beforehand."""
        return self.budget - self.charged

    def may_fail(self, episodes: int) -> int:
        """Return on how many tasks the environment may fail in a run that has finished so many episodes."""
        if self.max_failed_tasks is not None:
            return self.max_failed_tasks
        # The allowance grows with the run: a long run meets rare failures more often.
        return FEW_FAILED + episodes // FAILED_ONE_IN

    def intervals(self) -> dict[str, Interval]:
        """Return when what is due: ``test``, ``record`` and ``checkpoint``, each from the run's start on."""
        # As many tests as possible cost time, few make a coarse curve: twenty are enough for a figure.
        every = self.test_every or self.budget / 20
        save = every if self.checkpoint_every is None else self.checkpoint_every
        return {
            "test": Interval(every),
            "record": Interval(self.record_every or self.budget / 100),
            # 0 stands for "none": an interval that never ends.
            "checkpoint": Interval(save or np.inf),
        }


class Interval:
    """Says whether a multiple of ``every`` has been passed since it was last asked.

    Attributes:
        next: the cost from which on it has.
    """

    def __init__(self, every: float) -> None:
        self._every = float(every)
        self.next = 0.0

    def elapsed(self, spent: float) -> bool:
        """Return whether the next multiple is reached at this cost, and wait for the one after."""
        if spent < self.next:
            return False
        # The next multiple above what is spent, and not one
        # stride on: a costly round may pass several at once.
        self.next = np.inf
        if not np.isinf(self._every):
            self.next = float((spent // self._every + 1) * self._every)
        return True
