"""What runs are called: labels of settings and teachers, and which runs are seeds of one another."""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from teacherstudent.recording.disk.plain import printable
from teacherstudent.recording.runs import Run

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)


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
        options = [_teacher_options(runs[i].manifest["teacher"]) for i in members]
        labels = _labels([runs[i].teacher_name for i in members], options)
        for i, label in zip(members, labels, strict=True):
            teachers[i] = label
    return [Labels(printable(s), printable(t)) for s, t in zip(settings, teachers, strict=True)]


def task_columns(run: Run) -> list[str]:
    """Return the names of the columns that hold a run's tasks: one for each dimension with a name."""
    names = run.manifest["space"].get("names")
    if names is None:
        return ["task"]
    return [f"task_{name}" for name in names]


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
        "space": manifest["teacher"].get("space", manifest["space"]),
    }
    for role in ("family", "student"):
        named |= {f"{role} {key}": value for key, value in _options(manifest[role]).items()}
    return named


def _options(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in entry["options"].items() if key != "seed"}


def _teacher_options(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return a teacher's options, with those of student and family that it brings along, and its name.

    A label is the user's: two teachers of one label are told apart by what they are registered as.
    """
    brought = {
        f"{role} {key}": value
        for role in ("student", "family")
        for key, value in entry.get(f"{role}_options", {}).items()
    }
    return _options(entry) | brought | {"teacher name": entry["name"]}


def text_of(value: Any) -> str:
    """Return an option's value as text, equal for equal values."""
    if isinstance(value, str):
        return value
    return json.dumps(value, sort_keys=True)


def _labels(names: Sequence[str], properties: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return each name with those of its properties in which its namesakes are not all equal."""
    labels = [""] * len(names)
    # Only namesakes are compared: what tells others apart is their name.
    for name, members in group_by(range(len(names)), lambda i: names[i]).items():
        own = {i: _texts(properties[i]) for i in members}
        keys = sorted({key for i in members for key in own[i]})
        # What all namesakes share tells none of them apart.
        differing = [key for key in keys if _differ([own[i].get(key) for i in members])]
        kinds: dict[str, list[tuple[str | None, ...]]] = {}
        for i in members:
            told = [f"{key}={own[i][key]:.40}" for key in differing if key in own[i]]
            short = name
            if told:
                short += f" ({', '.join(told)})"
            exact = tuple(own[i].get(key) for key in differing)
            # Values cut to 40 characters may look alike.
            alike = kinds.setdefault(short, [])
            if exact not in alike:
                alike.append(exact)
            labels[i] = short
            # The first of those that look alike keeps the plain label.
            number = alike.index(exact)
            if number > 0:
                labels[i] += f" #{number + 1}"
    return labels


def _texts(properties: Mapping[str, Any]) -> dict[str, str]:
    return {key: text_of(value) for key, value in properties.items()}


def _differ(texts: Sequence[str | None]) -> bool:
    return len(set(texts)) > 1


def drop_repeated(runs: Sequence[Run], labels: Sequence[Labels]) -> tuple[list[Run], list[str]]:
    """Keep the furthest run of each setting, teacher and seed, since a seed twice is no second sample.

    Returns:
        The runs that are kept, and a sentence for each that is not.
    """
    kept = []
    notes = []
    pairs = list(zip(runs, labels, strict=True))
    for (label, seed), same in group_by(pairs, lambda pair: (pair[1], text_of(pair[0].seed))).items():
        furthest = max((run for run, _ in same), key=lambda run: float(run.status().get("spent", 0.0)))
        kept.append(furthest)
        notes += [
            f"Seed {seed} of {label.teacher} comes twice: {furthest.folder} counts, {run.folder} does not."
            for run, _ in same
            if run is not furthest
        ]
    return kept, notes
