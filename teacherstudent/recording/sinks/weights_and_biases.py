"""Scalars to Weights & Biases; without a network by ``WANDB_MODE=offline``."""

from __future__ import annotations

import os
from collections.abc import Mapping

from teacherstudent.contract.types import State
from teacherstudent.recording.sinks.kinds import PROJECT, Logged

SPENT = "spent"
"""The axis of every curve: the cost spent."""


class WandbSink:
    """A run of Weights & Biases, which a resumed run goes on with.

    The service cannot take back what was logged after the last checkpoint: a resumed run logs it again.
    ``WANDB_PROJECT``, ``WANDB_ENTITY`` and ``WANDB_MODE`` count as for any other run; its local files are in
    the run folder.

    Args:
        logged: what the run is.
    """

    def __init__(self, logged: Logged) -> None:
        import wandb

        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", PROJECT),
            id=logged.identity,
            name=logged.name,
            group=logged.group,
            config=dict(logged.config),
            dir=str(logged.folder),
            resume="allow",
            # A user's own run in the same process stays what it is.
            reinit="create_new",
            settings=wandb.Settings(silent=True),
        )
        self._run.define_metric(SPENT)
        self._run.define_metric("*", step_metric=SPENT)

    def append(self, scalars: Mapping[str, float], *, step: float) -> None:
        """Log scalars at a cost."""
        self._run.log({SPENT: step, **scalars})

    def position(self) -> State:
        """Return nothing: the service keeps its own."""
        return {}

    def close(self, status: str) -> None:
        """Finish the run; one that did not finish may be resumed."""
        self._run.finish(exit_code=0 if status == "finished" else 1)
