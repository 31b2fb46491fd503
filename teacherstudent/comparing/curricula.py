"""Reads the curriculum that the ALP-GMM of a run went through, for the teacher `again`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from teacherstudent.contract.checks import check_real, check_whole
from teacherstudent.contract.purposes import Purpose
from teacherstudent.contract.types import Array
from teacherstudent.recording.runs import Run

_MIXTURE = ("means", "covariances")


def read_curriculum(run: Run | str | Path, *, least_alp: float = 0.2, last: int = 50) -> dict[str, Any]:
    """Return the mixtures that an ``alp-gmm`` run went through, as ``again`` takes them (``curriculum``).

    As Portelas et al. 2020, https://arxiv.org/abs/2011.08463, Gaussians with little learning progress are
    left out, and mixtures that have no others. A step's score is the mean of the ``last`` scores trained on
    before the next step.

    Deviations: a run folder holds the mixtures that were logged, which may be fewer than those that were
    fitted; and it does not say which Gaussian a task came from, so that a step's score is that of all tasks
    trained on, where the authors take those of the Gaussians that are kept.

    Args:
        run: the run, or its folder.
        least_alp: Gaussians of a mean ALP above this are kept; in the unit of the run's scores, which is
            their range if its teacher had a ``score_range``.
        last: scores in the mean.

    Returns:
        ``means``, ``covariances``, ``scores`` and ``episodes``, a list with an entry for each step: plain
        data, which may be kept as JSON.

    Raises:
        ValueError: if no mixture is left, or a file is unreadable.
        FileNotFoundError: if there is no such folder.
    """
    least = check_real("read_curriculum: least_alp", least_alp)
    size = check_whole("read_curriculum: last", last)
    if not isinstance(run, Run):
        run = Run.load(run)
    kept = []
    before: Array | None = None
    for record in run.records():
        snapshot = record["snapshot"]
        # The log may hold one fit several times.
        if not {*_MIXTURE} <= snapshot.keys() or _same(before, snapshot["means"]):
            continue
        before = snapshot["means"]
        kept.append((float(record["spent"]), snapshot))
    if not kept:
        raise ValueError(
            f"read_curriculum: {run.folder}: expected a run whose teacher logged mixtures, got none"
        )
    table = run.episodes(["score", "spent", "purpose"])
    trained = table["purpose"] == Purpose.TRAIN
    score = table["score"][trained]
    # Episodes that were over when a mixture was logged.
    ends = np.searchsorted(table["spent"][trained], [spent for spent, _ in kept], side="right")
    found: dict[str, list[Any]] = {"means": [], "covariances": [], "scores": [], "episodes": []}
    for i, (_, snapshot) in enumerate(kept):
        high = snapshot["means"][:, -1] > least
        until = len(score) if i + 1 == len(kept) else int(ends[i + 1])
        # Nothing can be said of a mixture after which nothing was trained on.
        if high.any() and until > ends[i]:
            found["scores"].append(float(score[max(int(ends[i]), until - size) : until].mean()))
            found["episodes"].append(int(ends[i]))
            _add(found, snapshot, high)
    if not found["means"]:
        greatest = max(float(snapshot["means"][:, -1].max()) for _, snapshot in kept)
        raise ValueError(
            f"read_curriculum: {run.folder}: expected a Gaussian of an ALP above least_alp={least:g}, got at "
            f"most {greatest:g}: a smaller least_alp keeps it"
        )
    return found


def _same(before: Array | None, means: Array) -> bool:
    return before is not None and np.array_equal(before, means)


def _add(found: dict[str, list[Any]], snapshot: Mapping[str, Any], rows: Array) -> None:
    """Append the given Gaussians of a mixture, as lists."""
    for name in _MIXTURE:
        found[name].append(snapshot[name][rows].tolist())
