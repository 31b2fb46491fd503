"""Which runs may be compared with each other, and their curves at equal cost."""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from teacherstudent.recording.runs import Curve, Run
from teacherstudent.types import FloatArray

POINTS = 101
"""Points of the common cost grid."""

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, eq=False)
class Group:
    """The runs of one teacher in one setting, one for each seed.

    Attributes:
        teacher: the teacher's label: its name, with the options in which it differs from its namesakes.
        runs: the runs, by seed.
        curves: their tests, in the same order.
        spent: ``(points,)`` the setting's cost grid.
        score: ``(seeds, points)`` mean test return on that grid, interpolated linearly.
        mastered: ``(seeds, points)`` percent of test tasks mastered; NaN if the family has no such line.
    """

    teacher: str
    runs: tuple[Run, ...]
    curves: tuple[Curve, ...]
    spent: FloatArray
    score: FloatArray
    mastered: FloatArray

    def measure(self, name: str) -> FloatArray:
        """Return ``score`` or ``mastered``, by name."""
        return self.mastered if name == "mastered" else self.score


@dataclass(frozen=True, eq=False)
class Setting:
    """Runs that may be compared: same family, options, student, test set and unit of cost.

    Attributes:
        label: the family's name, with whatever tells it from its namesakes.
        test_set: the name of the fixed test set.
        mastered: the score above which a task counts as mastered, or None.
        cost_unit: the unit of cost.
        groups: one for each teacher, by label.
    """

    label: str
    test_set: str
    mastered: float | None
    cost_unit: str
    groups: tuple[Group, ...]

    @property
    def metric(self) -> str:
        """The measure by which teachers are ranked: ``"mastered"``, or ``"score"`` without such a line."""
        return "score" if self.mastered is None else "mastered"

    @property
    def spent(self) -> float:
        """The cost at which final results are taken: the largest at which all runs were tested."""
        return float(self.groups[0].spent[-1])


@dataclass(frozen=True)
class Labels:
    """How a run is called in tables: the label of its setting and that of its teacher."""

    setting: str
    teacher: str


def label_runs(runs: Sequence[Run]) -> list[Labels]:
    """Return labels for each run, equal for exactly those runs that are seeds of one another."""
    identities = [_identity(run) for run in runs]
    settings = _labels([run.family_name for run in runs], identities)
    # The launcher fills in options that follow from the family (a scale, say): only what differs within a
    # setting tells two teachers apart.
    teachers = [""] * len(runs)
    for members in group_by(range(len(runs)), lambda i: settings[i]).values():
        options = [_options(runs[i].manifest["teacher"]) for i in members]
        labels = _labels([runs[i].teacher_name for i in members], options)
        for i, label in zip(members, labels, strict=True):
            teachers[i] = label
    return [Labels(*pair) for pair in zip(settings, teachers, strict=True)]


def group_by(items: Sequence[T], key: Callable[[T], K]) -> dict[K, list[T]]:
    """Return the items by their key, keys in the order of their first appearance."""
    groups: dict[K, list[T]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return groups


def _identity(run: Run) -> dict[str, Any]:
    """Return what must be equal in runs that are compared with each other, by name."""
    manifest = run.manifest
    named = {
        "student": manifest["student"]["name"],
        "test set": manifest["test_set"],
        "test seed": manifest.get("test_seed"),
        "mastered": manifest["mastered"],
        "cost unit": manifest["cost_unit"],
        "space": manifest["space"],
    }
    for role in ("family", "student"):
        named |= {f"{role} {key}": value for key, value in _options(manifest[role]).items()}
    return named


def _options(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in entry["options"].items() if key != "seed"}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _labels(names: Sequence[str], properties: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return each name with those of its properties in which its namesakes are not all equal."""
    labels = [""] * len(names)
    for name, members in group_by(range(len(names)), lambda i: names[i]).items():
        own = {i: {key: _text(value) for key, value in properties[i].items()} for i in members}
        keys = sorted({key for i in members for key in own[i]})
        differing = [key for key in keys if len({own[i].get(key) for i in members}) > 1]
        kinds: dict[str, list[tuple[str | None, ...]]] = {}
        for i in members:
            told = [f"{key}={own[i][key]:.40}" for key in differing if key in own[i]]
            short = f"{name} ({', '.join(told)})" if told else name
            exact = tuple(own[i].get(key) for key in differing)
            alike = kinds.setdefault(short, [])  # values cut to 40 characters may look alike
            if exact not in alike:
                alike.append(exact)
            number = alike.index(exact)
            labels[i] = short if number == 0 else f"{short} #{number + 1}"
    return labels


def drop_repeated(runs: Sequence[Run], labels: Sequence[Labels]) -> tuple[list[Run], list[str]]:
    """Keep the furthest run of each setting, teacher and seed, since a seed twice is no second sample.

    Returns:
        The runs that are kept, and a sentence for each that is not.
    """
    kept, notes = [], []
    pairs = list(zip(runs, labels, strict=True))
    for (label, seed), same in group_by(pairs, lambda pair: (pair[1], _text(pair[0].seed))).items():
        furthest = max((run for run, _ in same), key=lambda run: float(run.status().get("spent", 0.0)))
        kept.append(furthest)
        notes += [
            f"Seed {seed} of {label.teacher} comes twice: {furthest.folder} counts, {run.folder} does not."
            for run, _ in same
            if run is not furthest
        ]
    return kept, notes


def _seed_order(seed: Any) -> tuple[bool, int, str]:
    """Order whole numbers by value and before everything else."""
    return (False, seed, "") if isinstance(seed, int) else (True, 0, _text(seed))


def make_setting(
    label: str, runs: Sequence[Run], teachers: Sequence[str], curves: Sequence[Curve]
) -> Setting:
    """Put the curves of runs that belong together on one cost grid.

    The grid goes from the cost at which all runs have been tested once to the largest at which all have been.

    Args:
        label: the setting's label.
        runs: at least one.
        teachers: the label of each run's teacher.
        curves: the tests of each run, at least one test each.
    """
    end = min(float(curve.spent[-1]) for curve in curves)
    start = max(float(curve.spent[0]) for curve in curves)
    grid = np.linspace(start, end, POINTS) if start < end else np.array([end])
    groups = []
    rows = range(len(runs))
    for teacher, members in sorted(group_by(rows, lambda i: teachers[i]).items()):
        members = sorted(members, key=lambda i: _seed_order(runs[i].seed))
        own = tuple(curves[i] for i in members)
        groups.append(
            Group(
                teacher,
                tuple(runs[i] for i in members),
                own,
                grid,
                np.stack([np.interp(grid, curve.spent, curve.score) for curve in own]),
                np.stack([np.interp(grid, curve.spent, curve.mastered) for curve in own]),
            )
        )
    manifest = runs[0].manifest
    return Setting(label, manifest["test_set"], manifest["mastered"], manifest["cost_unit"], tuple(groups))
