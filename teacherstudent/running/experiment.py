"""An experiment as data: names, options, seed and plan; built, run, and resumed from its own manifest."""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

from teacherstudent.contract import spaces
from teacherstudent.contract.accounts.ledger import Ledger
from teacherstudent.contract.accounts.plan import Plan
from teacherstudent.contract.checks import check_mapping, see
from teacherstudent.contract.family import Family, RLFamily
from teacherstudent.contract.registry import FAMILIES, STUDENTS, TEACHERS, Registry
from teacherstudent.contract.stored.trust import Source, names_from
from teacherstudent.contract.student import Student
from teacherstudent.contract.teacher import Teacher
from teacherstudent.contract.types import seed_sequence
from teacherstudent.recording.disk.files import check_folder, check_name, folder_name
from teacherstudent.recording.runs import Run
from teacherstudent.recording.sinks import kinds
from teacherstudent.running.acting.outline import Outline, fit, outline
from teacherstudent.running.before.fit import check_fit
from teacherstudent.running.budgets import check_budget
from teacherstudent.running.loop import run
from teacherstudent.running.members import Members
from teacherstudent.running.options import check_options, restore
from teacherstudent.running.progress import Progress

_LOG = logging.getLogger(__name__)

PLAYERS = ("sb3", "rsl-rl")
"""Students that need environments."""

_OPTIONS = (
    "teacher_options",
    "family_options",
    "student_options",
    "student_overrides",
    "family_overrides",
)


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """One run as plain data.

    Options are what a manifest can hold, and are kept as they are read from one: tuples and arrays as lists,
    NumPy's numbers as Python's, paths as strings. So a run starts with what it is resumed with.

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
        log: where scalars go beside the run folder: ``"tensorboard"``, ``"wandb"``, ``"mlflow"``,
            ``"trackio"``; empty for nowhere.
        source: who gives the names. Those that a file gives are registered names, unless the user trusts it;
            see `teacherstudent.contract.stored.trust`.

    Raises:
        TypeError: if the seed is no integer, a name no text, the plan no plan, options no mapping, or one of
            them nothing that a manifest can hold.
        ValueError: if the seed is below 0, or the label no name of a folder: empty but for blanks, ``"."``,
            ``".."``, over 255 bytes, or with control characters; if a name in ``log`` is unknown.
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
    log: Sequence[str] = kinds.DEFAULT
    source: Source = field(default="user", compare=False, repr=False)

    def __post_init__(self) -> None:
        seed_sequence(self.seed)
        for name in ("teacher", "family", "student", "label"):
            if not isinstance(getattr(self, name), str):
                raise TypeError(f"{name}: expected a name, got {getattr(self, name)!r}")
        if not isinstance(self.plan, Plan):
            raise TypeError(f"plan: expected a Plan, got {self.plan!r}")
        for name in _OPTIONS:
            check_mapping(name, getattr(self, name), optional=False)
            check_options(getattr(self, name), name)
        if self.label != "":
            check_name("label", self.label)
        object.__setattr__(self, "log", kinds.check_log(self.log))

    def check_names(self) -> None:
        """Raise for names that are unknown, or that a file may not give; nothing is imported.

        Raises:
            ValueError: if a name is unknown.
            UntrustedNameError: if a file that is not trusted gives ``"module:Class"``.
        """
        with names_from(self.source):
            # The registries look names up without importing the files that hold them.
            for registry, name in (
                (FAMILIES, self.family),
                (TEACHERS, self.teacher),
                (STUDENTS, self.student),
            ):
                registry.check(name)

    def build(self) -> tuple[Family, Teacher[Any], Student]:
        """Make family, teacher and student.

        Raises:
            ValueError: if a name is unknown or an option has a bad value.
            UntrustedNameError: if a name or an option of a file that is not trusted would be imported.
            TypeError: if an option is unknown.
        """
        with names_from(self.source):
            return self._build()

    def _build(self) -> tuple[Family, Teacher[Any], Student]:
        # Two streams of one seed: a teacher that draws more must not change what its student draws.
        teacher_seed, student_seed = seed_sequence(self.seed).spawn(2)
        family: Family = _make(FAMILIES, self.family, {**self.family_options, **self.family_overrides})
        # Found before the teacher is made, so that an error of the teacher can mention it as well.
        student_missing = self._missing_student(family)
        with _advised(lambda: _advice(family, TEACHERS.get(self.teacher)), student_missing):
            teacher = self._teacher(family, teacher_seed)
        # The teacher's own errors come first: they name the more likely mistake.
        if student_missing:
            fits = f"student {self.student!r}: expected a family with environments, got {self.family!r}"
            raise TypeError(f"{fits}: {student_missing}")
        return family, teacher, self._student(family, teacher.members, student_seed)

    def _student(self, family: Family, members: int, seed: np.random.SeedSequence) -> Student:
        """Return a student; where a teacher wants several members, one that holds so many.

        Each member is told its share of the budget.
        """
        # A student plans its schedule by the budget, unless the user has given it another one.
        options = {**self.student_options, **self.student_overrides}
        if _takes(STUDENTS.get(self.student), "budget"):
            options.setdefault("budget", self.plan.own / members)
        if members == 1:
            # A single member keeps the seed itself, so that a run without members draws as it always did.
            only: Student = _make(STUDENTS, self.student, options, family, seed=seed)
            return only
        return Members(
            [_make(STUDENTS, self.student, options, family, seed=own) for own in seed.spawn(members)]
        )

    def check(self, *, resume: bool = False) -> Outline:
        """Raise what `build` and the first moment of `run` would raise, before anything is started.

        Args:
            resume: whether a run may be there already, which is not refused because its teacher never acts.

        Returns:
            The plan in words and numbers. A warning is logged if the teacher acts late in the run, or never.
        """
        kinds.check_installed(self.log)
        # Everything is made once and thrown away: an error
        # should come now, and not after hours of other runs.
        family, teacher, student = self.build()
        try:
            with _advised(lambda: family.advice(teacher)):
                check_fit(family, teacher, student, self.plan.signals)
            check_budget(student, self.plan)
            planned = outline(family, teacher, student, self.plan, fit(family, teacher, student, self.plan))
            if not resume:
                planned.check(self.plan)
            if text := planned.refusal() or planned.late():
                _LOG.warning("%s: %s", self.name, text)
            return planned
        # Students hold processes and environments, which would outlive a failed check.
        finally:
            student.close()

    def _missing_student(self, family: Family) -> str:
        """Return what names a student for a family without environments, where one that plays is given."""
        if self.student not in PLAYERS or isinstance(family, RLFamily) or not family.usual_student:
            return ""
        return f"its tasks are no environments, add --student {family.usual_student}"

    def _teacher(self, family: Family, seed: np.random.SeedSequence) -> Teacher[Any]:
        teacher: Teacher[Any] = _make(TEACHERS, self.teacher, self.teacher_options, family, seed=seed)
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
                log=self.log,
            )
        finally:
            student.close()

    def manifest(self) -> dict[str, Any]:
        """Return the entries that `from_folder` rebuilds the experiment from."""
        brought: dict[str, Any] = {}
        notes = {name: found for name in _OPTIONS if (found := check_options(getattr(self, name), name))}
        if self.student_overrides:
            brought["student_options"] = dict(self.student_overrides)
        if self.family_overrides:
            # What differs between the teachers' spaces is recorded:
            # a comparison needs the space that all share.
            with names_from(self.source):
                shared = _make(FAMILIES, self.family, self.family_options).space
            brought |= {"family_options": dict(self.family_overrides), "space": spaces.describe(shared)}
        teacher = {"name": self.teacher, "options": dict(self.teacher_options), "label": self.label}
        return {
            "family": {"name": self.family, "options": dict(self.family_options)},
            "teacher": teacher | brought,
            "student": {"name": self.student, "options": dict(self.student_options)},
            "seed": self.seed,
            "kinds": notes,
            "log": list(self.log),
        }

    @staticmethod
    def from_folder(folder: Path | str, *, trust: bool = False) -> Experiment:
        """Read an experiment back from a run folder.

        Args:
            folder: the run folder.
            trust: whether the manifest may name modules, whose code is then run; without it, `build` takes
                registered names only. A folder that somebody else wrote may name anything.

        Raises:
            FileNotFoundError: if the folder holds no run.
            ValueError: if the manifest is damaged, or was not written by an experiment.
        """
        manifest = Run.load(folder).manifest
        parts = {name: manifest[name] for name in ("family", "teacher", "student")}
        if "loop" in manifest:
            raise ValueError(
                f"{folder}: expected a run of an experiment, got one of a loop of its user's own: go on by "
                "the script that made it, with Recorder.for_loop(..., resume=True)"
            )
        # Runs of objects of one's own have a manifest too, but no names to make them from.
        if "label" not in parts["teacher"]:
            raise ValueError(
                f"{folder}: expected a run of an experiment, got one of objects of one's own (its manifest "
                "lacks the teacher's label): resume it by the script that made it, with run(..., resume=True)"
            )
        options: dict[str, Any] = {f"{name}_options": part["options"] for name, part in parts.items()}
        options["student_overrides"] = parts["teacher"].get("student_options", {})
        options["family_overrides"] = parts["teacher"].get("family_options", {})
        try:
            # JSON has no tuples, paths or NumPy numbers: the kinds say what each value was.
            noted = manifest.get("kinds", {})
            # Older folders lack newer fields of the plan, which then have their defaults.
            names = [f.name for f in dataclasses.fields(Plan) if f.name in manifest]
            settings: dict[str, Any] = {
                name: restore(given, noted.get(name, []), name) for name, given in options.items()
            }
            return Experiment(
                **{name: part["name"] for name, part in parts.items()},
                **settings,
                plan=Plan(**{name: manifest[name] for name in names}),
                seed=manifest["seed"],
                label=parts["teacher"]["label"],
                # Older folders say nothing of it.
                log=manifest.get("log", kinds.DEFAULT),
                # Who gives the names decides what may be imported: a folder from elsewhere must not run code.
                source="trusted file" if trust else "file",
            )
        except (TypeError, ValueError, AttributeError) as error:
            raise ValueError(f"{folder}: expected a manifest of an experiment: {error}") from error

    @property
    def name(self) -> str:
        """What the teacher is called: the label, or the teacher's name with its options."""
        if self.label:
            return self.label
        options = [f"{key}={value}" for key, value in self.teacher_options.items()]
        # Of "module:Class" only the class: folders are named by this.
        return ",".join([self.teacher.rpartition(":")[2], *options])

    def folder(self, out: Path | str) -> Path:
        """Return the run's folder below ``out``: ``family/teacher/seed-0``.

        Names that are longer than a file's may be are cut and end with a digest of the whole.
        """
        out = check_folder("out", out)
        family = folder_name(self.family.rpartition(":")[2])
        return out / family / folder_name(self.name) / f"seed-{self.seed}"


@contextlib.contextmanager
def _advised(advice: Callable[[], str], more: str = "") -> Iterator[None]:
    """Add to a TypeError or ValueError of the block what would help.

    Args:
        advice: called then; it is left out where the message names options already.
        more: further words.
    """
    try:
        yield
    except (TypeError, ValueError) as error:
        said = str(error)
        # A message that names options already says what to do, and more would only bury it.
        parts = [more]
        if "-options" not in said:
            parts.insert(0, advice())
        helped = "; ".join([said, *filter(None, parts)])
        if helped == said:
            raise
        # The kind of the error is kept: callers tell wrong types from wrong values.
        if isinstance(error, TypeError):
            raise TypeError(helped) from error
        raise ValueError(helped) from error


def _advice(family: Family, teacher: Callable[..., Any]) -> str:
    """Return what a family says to a teacher's class; nothing to a factory, which says nothing of itself."""
    if isinstance(teacher, type) and issubclass(teacher, Teacher):
        return family.advice(teacher)
    return ""


def _takes(make: Callable[..., Any], name: str) -> bool:
    return name in inspect.signature(make).parameters


def _make(registry: Registry[Any], name: str, options: Mapping[str, Any], *args: Any, **given: Any) -> Any:
    """Build a registered thing from checked options."""
    registry.check_options(name, options)
    try:
        # A constructor's own TypeError does not say which of the three parts it was.
        made = registry.make(name, *args, **given, **options)
    except TypeError as error:
        raise TypeError(f"{registry.kind} {name!r}: {error}") from error
    # A registered factory may return anything, and what a file names too.
    if not isinstance(made, registry.made):
        hint = ""
        if isinstance(made, gym.Env):
            hint = ": family_from_gymnasium makes a family of an environment"
            hint += see("how-to/own-environment.md#a-family-with-a-name")
        raise TypeError(
            f"{registry.kind} {name!r}: expected what makes a {registry.made.__name__}, got {made!r} from "
            f"it{hint}"
        )
    return made
