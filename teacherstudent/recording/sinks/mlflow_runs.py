"""Scalars to MLflow: a server's, or the local store that ``MLFLOW_TRACKING_URI`` names."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Mapping

from teacherstudent.contract.types import State
from teacherstudent.recording.sinks.kinds import PROJECT, Logged

TAG = "teacherstudent.id"
"""The tag by which a resumed run is found again."""

_LAST_STEP = 2**63 - 1
_TEXT = 500
_BATCH = 100
_STATUS = {"finished": "FINISHED", "failed": "FAILED", "interrupted": "KILLED"}


class MlflowSink:
    """A run of MLflow, which a resumed run goes on with.

    What was logged after the last checkpoint stays; a resumed run logs it again. The experiment is that of
    ``MLFLOW_EXPERIMENT_NAME``, or ``teacherstudent``.

    Args:
        logged: what the run is.
    """

    def __init__(self, logged: Logged) -> None:
        from mlflow import MlflowClient
        from mlflow.entities import Metric, Param, RunTag

        self._metric = Metric
        self._client = MlflowClient()
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", PROJECT)
        found = self._client.get_experiment_by_name(name)
        experiment = self._client.create_experiment(name) if found is None else found.experiment_id
        there = self._client.search_runs([experiment], f"tags.`{TAG}` = '{logged.identity}'")
        if there:
            self._run = there[0].info.run_id
            self._client.update_run(self._run, "RUNNING")
            return
        tags = {TAG: logged.identity, "group": logged.group}
        self._run = self._client.create_run(experiment, tags=tags, run_name=logged.name).info.run_id
        params = [Param(name, str(value)[:_TEXT]) for name, value in logged.config.items()]
        # The service takes so many at once.
        for start in range(0, len(params), _BATCH):
            self._client.log_batch(self._run, params=params[start : start + _BATCH])
        self._client.log_batch(self._run, tags=[RunTag("folder", str(logged.folder))])

    def append(self, scalars: Mapping[str, float], *, step: float) -> None:
        """Log scalars at a cost, those that are finite: some stores refuse others."""
        now = int(1000 * time.time())
        at = min(int(step), _LAST_STEP)
        finite = {name: float(value) for name, value in scalars.items() if math.isfinite(value)}
        self._client.log_batch(
            self._run, [self._metric(name, value, now, at) for name, value in finite.items()]
        )

    def position(self) -> State:
        """Return nothing: the service keeps its own."""
        return {}

    def close(self, status: str) -> None:
        """Say how the run ended."""
        self._client.set_terminated(self._run, _STATUS.get(status, "FAILED"))
