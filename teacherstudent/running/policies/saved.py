"""The policy of a run folder: its family and student made anew, with the newest checkpoint's weights."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from teacherstudent.contract.family import RLFamily
from teacherstudent.contract.stored.saved import reading
from teacherstudent.contract.student import Act, Acts, Student
from teacherstudent.recording.disk.checkpoint import Checkpoints
from teacherstudent.recording.folder import CHECKPOINTS
from teacherstudent.recording.runs import Run
from teacherstudent.running.before.fit import check_fit
from teacherstudent.running.experiment import Experiment


@dataclass(frozen=True)
class Saved:
    """A run's student as it was at the newest checkpoint.

    Attributes:
        run: the run folder.
        family: of environments.
        student: whose policy acts.
        spent: the cost at the checkpoint.
    """

    run: Run
    family: RLFamily
    student: Student
    spent: float

    @property
    def sampled(self) -> bool:
        """Whether the family tests policies that draw their actions."""
        return self.family.test_actions == "sampled"

    def policy(self, *, greedy: bool, seed: int) -> Act:
        """Return the policy.

        Raises:
            ValueError: if the student has none that acts.
        """
        if not isinstance(self.student, Acts):
            name = self.run.manifest["student"]["name"]
            raise ValueError(
                f"{self.run.folder}: expected a student whose policy acts alone ('sb3', 'rsl-rl'), of one "
                f"member, got {type(self.student).__name__} of {name!r}"
            )
        return self.student.policy(greedy=greedy, seed=seed)


@contextlib.contextmanager
def opened(folder: Path, *, trust: bool = False) -> Iterator[Saved]:
    """Make the family and the student of a run, and close them at the end of the block.

    Args:
        folder: the run folder.
        trust: whether the run's files may name modules, whose code is then run.

    Raises:
        FileNotFoundError: if the folder holds no run.
        ValueError: if it has no checkpoint, or a damaged one; if it is of a loop of its user's own, or of
            objects that are no data; if its tasks are no environments.
    """
    experiment = Experiment.from_folder(folder, trust=trust)
    state = Checkpoints(folder / CHECKPOINTS).latest()
    if state is None:
        raise ValueError(
            f"{folder}: expected a run with a checkpoint, which holds its policy, got one without (it ended "
            "before its first, or was made with --checkpoint-every 0)"
        )
    family, teacher, student = experiment.build()
    try:
        if not isinstance(family, RLFamily):
            raise ValueError(
                f"{folder}: expected a run in environments, got one of the family {experiment.family!r}, "
                "whose tasks are none: there is no policy that acts, and no picture"
            )
        # Binding decides what a student's state holds.
        check_fit(family, teacher, student, experiment.plan.signals)
        with reading("checkpoint: student"):
            student.load_state_dict(state["student"])
        spent = float(state["recorder"]["spent"])
        yield Saved(Run.load(folder), family, student, spent)
    finally:
        student.close()
