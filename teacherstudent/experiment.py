"""An experiment as data: names, options, seed and plan; built, run, and resumed from its own manifest."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from teacherstudent import spaces
from teacherstudent.family import Family
from teacherstudent.ledger import Ledger
from teacherstudent.loop import check_fit, run
from teacherstudent.plan import Plan
from teacherstudent.progress import Progress
from teacherstudent.recording.runs import Run
from teacherstudent.registry import FAMILIES, STUDENTS, TEACHERS, Registry
from teacherstudent.student import Student
from teacherstudent.teacher import Teacher
from teacherstudent.types import check_mapping, seed_sequence

FROM_FAMILY = ("score_range", "mastered", "difficulty_step")
"""Constructor parameters of teachers that are taken from the family where the options don't give them."""


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """One run as plain data.

    Attributes:
        teacher: a registered name or ``"module:Class"``; so are ``family`` and ``student``.
        family: see above.
        plan: budget and intervals.
        student: see above.
        seed: teacher and student draw from two streams of it.
        teacher_options: keywords of the teacher's constructor.
        family_options: keywords of the family's constructor.
        student_options: keywords of the student's constructor.
        student_overrides: keywords that this teacher needs in their place. They are part of the teacher: runs
            that differ in them are still compared with each other, those with other ``student_options`` not.
        family_overrides: the same of the family, for another form of its tasks: listed stages, say, instead
            of knobs. The test set must stay the same.
        label: what the teacher is called in folders and tables; its name if empty.

    Raises:
        TypeError: if the seed is no integer, a name no text, the plan no plan, or options no mapping.
        ValueError: if the seed is below 0.
    """

    teacher: str
    family: str
    plan: Plan
    student: str = "sb3"
    seed: int = 0
    teacher_options: Mapping[str, Any] = field(default_factory=dict)
    family_options: Mapping[str, Any] = field(default_factory=dict)
    student_options: Mapping[str, Any] = field(default_factory=dict)
    student_overrides: Mapping[str, Any] = field(default_factory=dict)
    family_overrides: Mapping[str, Any] = field(default_factory=dict)
    label: str = ""

    def __post_init__(self) -> None:
        seed_sequence(self.seed)
        for name in ("teacher", "family", "student", "label"):
            if not isinstance(getattr(self, name), str):
                raise TypeError(f"{name}: expected a name, got {getattr(self, name)!r}")
        if not isinstance(self.plan, Plan):
            raise TypeError(f"plan: expected a Plan, got {self.plan!r}")
        for name in (f.name for f in dataclasses.fields(self)):
            if name.endswith(("_options", "_overrides")):
                check_mapping(name, getattr(self, name), optional=False)

    def build(self) -> tuple[Family, Teacher[Any], Student]:
        """Make family, teacher and student.

        Raises:
            ValueError: if a name is unknown or an option has a bad value.
            TypeError: if an option is unknown.
        """
        teacher_seed, student_seed = seed_sequence(self.seed).spawn(2)
        family: Family = _make(FAMILIES, self.family, {**self.family_options, **self.family_overrides})
        teacher = self._teacher(family, teacher_seed)
        options = {**self.student_options, **self.student_overrides}
        if _takes(STUDENTS.get(self.student), "budget"):
            options.setdefault("budget", self.plan.own)
        student: Student = _make(STUDENTS, self.student, options, family, seed=student_seed)
        return family, teacher, student

    def check(self) -> None:
        """Raise what `build` and the first moment of `run` would raise, before anything is started."""
        family, teacher, student = self.build()
        try:
            check_fit(family, teacher, student)
        finally:
            student.close()

    def _teacher(self, family: Family, seed: np.random.SeedSequence) -> Teacher[Any]:
        make = TEACHERS.get(self.teacher)
        given = {name: getattr(family, name) for name in FROM_FAMILY if _takes(make, name)}
        options = {**{k: v for k, v in given.items() if v is not None}, **self.teacher_options}
        teacher: Teacher[Any] = _make(TEACHERS, self.teacher, options, family.space, seed=seed)
        return teacher

    def run(
        self,
        folder: Path | str,
        *,
        resume: bool = False,
        progress: Progress | None = None,
        stop: Callable[[], bool] = lambda: False,
    ) -> Ledger:
        """Build everything and run it in ``folder`` (raises as `build` and `loop.run`)."""
        family, teacher, student = self.build()
        try:
            return run(
                family,
                teacher,
                student,
                folder,
                self.plan,
                manifest=self.manifest(),
                resume=resume,
                progress=progress,
                stop=stop,
            )
        finally:
            student.close()

    def manifest(self) -> dict[str, Any]:
        """Return the entries that `from_folder` rebuilds the experiment from."""
        brought: dict[str, Any] = {}
        if self.student_overrides:
            brought["student_options"] = dict(self.student_overrides)
        if self.family_overrides:
            shared = _make(FAMILIES, self.family, self.family_options).space
            brought |= {"family_options": dict(self.family_overrides), "space": spaces.describe(shared)}
        teacher = {"name": self.teacher, "options": dict(self.teacher_options), "label": self.label}
        return {
            "family": {"name": self.family, "options": dict(self.family_options)},
            "teacher": teacher | brought,
            "student": {"name": self.student, "options": dict(self.student_options)},
            "seed": self.seed,
        }

    @staticmethod
    def from_folder(folder: Path | str) -> Experiment:
        """Read an experiment back from a run folder.

        Raises:
            FileNotFoundError: if the folder holds no run.
            ValueError: if the manifest is damaged, or was not written by an experiment.
        """
        manifest = Run.load(Path(folder)).manifest
        try:
            parts = {name: manifest[name] for name in ("family", "teacher", "student")}
            names = [f.name for f in dataclasses.fields(Plan) if f.name in manifest]
            plan = Plan(**{name: manifest[name] for name in names})
            return Experiment(
                **{name: part["name"] for name, part in parts.items()},
                **{f"{name}_options": part["options"] for name, part in parts.items()},
                plan=plan,
                student_overrides=parts["teacher"].get("student_options", {}),
                family_overrides=parts["teacher"].get("family_options", {}),
                seed=manifest["seed"],
                label=parts["teacher"]["label"],
            )
        except KeyError as error:
            raise ValueError(
                f"{folder}: expected a run of an experiment; its manifest lacks {error}"
            ) from error

    @property
    def name(self) -> str:
        """What the teacher is called: the label, or the teacher's name with its options."""
        if self.label:
            return self.label
        options = [f"{key}={value}" for key, value in self.teacher_options.items()]
        return ",".join([self.teacher.rpartition(":")[2], *options])

    def folder(self, out: Path | str) -> Path:
        """Return the run's folder below ``out``: ``family/teacher/seed-0``."""
        family = self.family.rpartition(":")[2]
        return Path(out) / family / self.name.replace("/", "_") / f"seed-{self.seed}"


def _takes(make: Callable[..., Any], name: str) -> bool:
    return name in inspect.signature(make).parameters


def _make(registry: Registry[Any], name: str, options: Mapping[str, Any], *args: Any, **given: Any) -> Any:
    """Build a registered thing from checked options."""
    _check_options(registry, name, options)
    try:
        return registry.make(name, *args, **given, **options)
    except TypeError as error:
        raise TypeError(f"{registry.kind} {name!r}: {error}") from error


def _check_options(registry: Registry[Any], name: str, options: Mapping[str, Any]) -> None:
    """Raise TypeError for options that the constructor does not have, naming those that it has."""
    known = inspect.signature(registry.get(name)).parameters
    if any(p.kind is p.VAR_KEYWORD for p in known.values()):
        return
    settable = [name for name in known if name not in ("space", "family", "seed")]
    unknown = sorted(set(options) - set(settable))
    if unknown:
        raise TypeError(
            f"{registry.kind} {name!r}: unknown option {unknown[0]!r}; expected one of {settable}"
        )
