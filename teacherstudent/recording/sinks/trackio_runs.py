"""Scalars to Trackio: to files of this machine (``TRACKIO_DIR``), or a Space (``TRACKIO_SPACE_ID``)."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Mapping

from teacherstudent.contract.types import State
from teacherstudent.recording.sinks.kinds import PROJECT, Logged

SPENT = "spent"


class TrackioSink:
    """A run of Trackio, which a resumed run goes on with.

    What was logged after the last checkpoint stays; a resumed run logs it again. The project is that of
    ``TRACKIO_PROJECT``, or ``teacherstudent``.

    Args:
        logged: what the run is.
    """

    def __init__(self, logged: Logged) -> None:
        import trackio

        # It prints what it does, and a run's own display is on the terminal.
        with contextlib.redirect_stdout(io.StringIO()):
            self._run = trackio.init(
                project=os.environ.get("TRACKIO_PROJECT", PROJECT),
                # A run is found again by its name, which no other run may have.
                name=f"{logged.name} {logged.identity[:8]}",
                group=logged.group,
                config=dict(logged.config),
                resume="allow",
                embed=False,
                auto_log_gpu=False,
                auto_log_cpu=False,
            )

    def append(self, scalars: Mapping[str, float], *, step: float) -> None:
        """Log scalars at a cost."""
        self._run.log({SPENT: step, **scalars})

    def position(self) -> State:
        """Return nothing: the service keeps its own."""
        return {}

    def close(self, status: str) -> None:
        """Write what is gathered."""
        del status
        with contextlib.redirect_stdout(io.StringIO()):
            self._run.finish()
