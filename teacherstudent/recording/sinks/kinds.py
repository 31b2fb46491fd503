"""Which sinks there are, whether they are installed, and opening them for a run."""

from __future__ import annotations

import importlib
import importlib.util
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from teacherstudent.contract.checks import closest
from teacherstudent.contract.types import State

TENSORBOARD = "tensorboard"
DEFAULT = (TENSORBOARD,)
PROJECT = "teacherstudent"
"""What the project or experiment is called where the service's own variables name none."""


class Sink(Protocol):
    """Takes scalars while a run goes on."""

    def append(self, scalars: Mapping[str, float], *, step: float) -> None:
        """Take scalars by tag, at a cost spent."""

    def position(self) -> State:
        """Return what a checkpoint must hold of it, as plain data."""

    def close(self, status: str) -> None:
        """Say how the run ended, and write what is gathered."""


@dataclass(frozen=True)
class Logged:
    """What a service is told of a run.

    Attributes:
        identity: letters and digits that no other run has; a resumed run has those of its first session.
        name: ``family/teacher/seed-0``.
        group: ``family/teacher``: runs that differ in their seed.
        config: the run's settings, by flat names.
        folder: the run folder.
    """

    identity: str
    name: str
    group: str
    config: Mapping[str, Any]
    folder: Path


SERVICES: Mapping[str, tuple[str, str]] = {
    "wandb": ("wandb", "teacherstudent.recording.sinks.weights_and_biases:WandbSink"),
    "mlflow": ("mlflow", "teacherstudent.recording.sinks.mlflow_runs:MlflowSink"),
    "trackio": ("trackio", "teacherstudent.recording.sinks.trackio_runs:TrackioSink"),
}
"""Sinks beside TensorBoard: the package that each needs, which is the extra's name too, and its class."""

NAMES = (TENSORBOARD, *SERVICES)


def check_log(given: Any) -> tuple[str, ...]:
    """Return the names of sinks; whether they are installed is another question (`check_installed`).

    Raises:
        TypeError: if they are no names.
        ValueError: if one is unknown or comes twice.
    """
    # One name in the place of several is what most people mean by it.
    names = (given,) if isinstance(given, str) else given
    if not isinstance(names, Sequence) or not all(isinstance(name, str) for name in names):
        raise TypeError(f"log: expected names of {list(NAMES)}, got {given!r}")
    for name in names:
        if name not in NAMES:
            raise ValueError(f"log: expected names of {list(NAMES)}, got {name!r}{closest(name, NAMES)}")
    if len(set(names)) < len(names):
        raise ValueError(f"log: expected each name once, got {list(names)}")
    return tuple(names)


def check_installed(names: Sequence[str]) -> None:
    """Raise ImportError that names the extra, where the package of a sink is missing."""
    for name in names:
        # Found without an import, which takes seconds.
        if name in SERVICES and importlib.util.find_spec(SERVICES[name][0]) is None:
            raise ImportError(
                f"log: {name!r} needs the package {SERVICES[name][0]}, which is missing: pip install "
                f"'teacherstudent[{name}]'"
            )


def new_identity() -> str:
    """Return letters and digits that no other run has."""
    return uuid.uuid4().hex[:16]


def described(manifest: Mapping[str, Any], folder: Path) -> Logged:
    """Return what services are told of a run, by its manifest."""
    teacher = manifest["teacher"].get("label") or manifest["teacher"]["name"]
    group = f"{manifest['family']['name']}/{teacher}"
    names = ("family", "teacher", "student", "seed", "budget", "test_set", "mastered", "cost_unit", "loop")
    config = _flat({name: manifest[name] for name in names if name in manifest})
    return Logged(manifest["logged"]["id"], f"{group}/seed-{manifest['seed']}", group, config, folder)


def _flat(values: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Return names and values within each other as one level: ``student.options.n_envs``."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{before}{name}.")
        else:
            found[f"{before}{name}"] = value
    return found


class Guarded:
    """A service that must not end the run: after its first error it is left alone, and the run says so.

    Args:
        name: of the service.
        sink: what talks to it.
        note: is given the text of the error.
    """

    def __init__(self, name: str, sink: Sink, note: Callable[[str], None]) -> None:
        self._name = name
        self._sink: Sink | None = sink
        self._note = note

    def append(self, scalars: Mapping[str, float], *, step: float) -> None:
        """Hand the scalars on, while the service works."""
        if self._sink is None:
            return
        # A service fails in ways of its own, and hours of training must not end by a lost connection.
        try:
            self._sink.append(scalars, step=step)
        except Exception as error:
            self._sink = None
            self._note(
                f"{self._name} took no scalars from cost {step:g} on ({type(error).__name__}: {error}); the "
                "run folder has them all"
            )

    def position(self) -> State:
        """Return nothing: the service keeps its own."""
        return {}

    def close(self, status: str) -> None:
        """Close the service's run, where it still works."""
        if self._sink is None:
            return
        try:
            self._sink.close(status)
        except Exception as error:
            self._note(f"{self._name}: the run was not closed there ({type(error).__name__}: {error})")


def _class_of(name: str) -> Callable[[Logged], Sink]:
    """Return the class of a service's sink."""
    module, _, attribute = SERVICES[name][1].partition(":")
    found: Callable[[Logged], Sink] = getattr(importlib.import_module(module), attribute)
    return found


def open_service(name: str, logged: Logged, note: Callable[[str], None]) -> Sink:
    """Return a service's sink, opened for a run.

    Raises:
        RuntimeError: if the service does not begin the run; the message names what to do.
    """
    # Before the run starts an error is the user's: nothing is lost yet.
    try:
        sink = _class_of(name)(logged)
    except Exception as error:
        raise RuntimeError(
            f"log: {name}: expected it to begin the run {logged.name}, got {type(error).__name__}: {error}; "
            f"leave {name!r} out of log, or mend its set-up"
        ) from error
    return Guarded(name, sink, note)
