"""A study: several teachers, several seeds, one family, one budget; run side by side, then compared."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console

from teacherstudent.contract.accounts.plan import Plan
from teacherstudent.contract.checks import check_mapping, closest, is_finite
from teacherstudent.contract.types import seed_sequence
from teacherstudent.envs.images.data import MissingDataError
from teacherstudent.recording.disk.files import check_folder, check_name
from teacherstudent.recording.disk.terminal import folder_argument
from teacherstudent.recording.sinks import kinds
from teacherstudent.running.console import exit_code, run_and_compare
from teacherstudent.running.engines.interface import Engine, Result
from teacherstudent.running.engines.words import NO_COMPARE, add_engine_options, chosen_engine, make_engine
from teacherstudent.running.experiment import Experiment

if TYPE_CHECKING:
    # Matplotlib is loaded only if figures are wanted.
    from teacherstudent.comparing.figures.scene import Draw


@dataclass(frozen=True)
class Entry:
    """A teacher of a study, and in what its runs differ from those of the study's other teachers.

    Attributes:
        teacher: a registered name or ``"module:Class"``; empty if the label is the name.
        options: keywords of the teacher's constructor.
        student: keywords of the student that replace the study's for this teacher, because it needs another
            score, say; its runs stay comparable with the others.
        family: the same of the family, for another form of its tasks.
        budget_share: its budget as a share of the study's.
        charged: cost spent beforehand, on a reference say; it is part of the budget (see `Plan`).

    Raises:
        ValueError: if the share is not above 0, or the charge is below 0.
        TypeError: if the teacher is no name, or options are no mapping.
    """

    teacher: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    student: Mapping[str, Any] = field(default_factory=dict, kw_only=True)
    family: Mapping[str, Any] = field(default_factory=dict, kw_only=True)
    budget_share: float = field(default=1.0, kw_only=True)
    charged: float = field(default=0.0, kw_only=True)

    def __post_init__(self) -> None:
        if not isinstance(self.teacher, str):
            raise TypeError(f"teacher: expected a name, got {self.teacher!r}")
        for name in ("options", "student", "family"):
            check_mapping(name, getattr(self, name), optional=False)
        if not (is_finite(self.budget_share) and self.budget_share > 0):
            raise ValueError(f"budget_share: expected a number above 0, got {self.budget_share!r}")
        if not (is_finite(self.charged) and self.charged >= 0):
            raise ValueError(f"charged: expected a finite cost of at least 0, got {self.charged!r}")


@dataclass(frozen=True, kw_only=True)
class Study:
    """Settings as data; `main` runs them from a script's command line and shows the comparison.

    Attributes:
        name: names the folder below ``--out``.
        family: a registered name or ``"module:Class"``.
        teachers: label -> options of the teacher of this name, or an `Entry`.
        budget: cost of each run; an entry may have a share of it.
        student: a registered name or ``"module:Class"``.
        family_options: keywords of the family.
        student_options: keywords of the student.
        seeds: one run for each teacher and seed.
        test_every: cost between tests; None for a twentieth of the study's budget.
        baseline: the label of the teacher that others are compared with; empty for the comparison's usual
            choice, which also stands in where the baseline is not run.
        data: name -> fields that ``--data NAME`` replaces, to do the same on other data.
        quick: fields that ``--quick`` replaces, to finish within a minute.
        may_never_act: whether runs are made whose budget ends before their teacher acts (`Plan`).
        log: where scalars go beside the run folders, as ``--log`` says too (`Experiment`).

    Raises:
        ValueError: if the baseline is none of the teachers, the budget or a seed is out of range, or the name
            or a label no name of a folder.
        TypeError: if a name is no text, options are no mapping, or a seed is no integer.
    """

    name: str
    family: str
    teachers: Mapping[str, Mapping[str, Any] | Entry]
    budget: float
    student: str = "sb3"
    family_options: Mapping[str, Any] = field(default_factory=dict)
    student_options: Mapping[str, Any] = field(default_factory=dict)
    seeds: Sequence[int] = (0, 1)
    test_every: float | None = None
    baseline: str = ""
    data: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    quick: Mapping[str, Any] = field(default_factory=dict)
    may_never_act: bool = False
    log: Sequence[str] = kinds.DEFAULT

    def __post_init__(self) -> None:
        self._check_kinds()
        # A plan knows what a budget may be, so making one checks it before any run begins.
        Plan(budget=self.budget, test_every=self.test_every)
        kinds.check_log(self.log)
        # A slash in the name makes folders within each other, each of which needs a good name.
        for part in self.name.split("/"):
            check_name("study: name", part)
        for label in self.teachers:
            check_name("study: label", label)
        if self.baseline and self.baseline not in self.teachers:
            raise ValueError(
                f"baseline: expected one of {list(self.teachers)}, got {self.baseline!r}"
                f"{closest(self.baseline, self.teachers)}"
            )

    def _check_kinds(self) -> None:
        """Raise TypeError for the first field of a wrong kind."""
        for name in ("name", "family", "student", "baseline"):
            if not isinstance(getattr(self, name), str):
                raise TypeError(f"{name}: expected a name, got {getattr(self, name)!r}")
        for label, entry in check_mapping("teachers", self.teachers, optional=False).items():
            if not isinstance(entry, Entry):
                check_mapping(f"teachers: {label}", entry, optional=False)
        for name in ("family_options", "student_options", "quick"):
            check_mapping(name, getattr(self, name), optional=False)
        # Typed as anything: users pass arrays and ranges. A text would be a list of its characters.
        seeds: Any = self.seeds
        if isinstance(seeds, str) or not isinstance(seeds, Sequence | np.ndarray):
            raise TypeError(f"seeds: expected a list of seeds, got {seeds!r}")
        for seed in self.seeds:
            seed_sequence(seed)

    def experiments(self) -> list[Experiment]:
        """Return a run for each seed and teacher, seeds outermost so that early results compare teachers."""
        entries = {
            label: entry if isinstance(entry, Entry) else Entry(options=entry)
            for label, entry in self.teachers.items()
        }
        return [
            Experiment(
                teacher=entry.teacher or label,
                family=self.family,
                plan=self._plan(entry),
                student=self.student,
                seed=seed,
                teacher_options=entry.options,
                family_options=self.family_options,
                student_options=self.student_options,
                student_overrides=entry.student,
                family_overrides=entry.family,
                label=label,
                log=self.log,
            )
            for seed in self.seeds
            for label, entry in entries.items()
        ]

    def _plan(self, entry: Entry) -> Plan:
        """Return how long an entry's runs last; tests are at the same costs in all runs."""
        # By the study's budget and not the entry's: curves are compared at the same costs.
        every = self.test_every
        if every is None:
            every = self.budget / 20
        return Plan(
            budget=entry.budget_share * self.budget,
            charged=entry.charged,
            test_every=every,
            may_never_act=self.may_never_act,
        )

    def version(self, *, data: str | None = None, quick: bool = False) -> Study:
        """Return the study on other data, or in short: what ``--data`` and ``--quick`` run."""
        # The quick version comes last: it has the last word on the size of other data too.
        settings = dict(self.__dict__)
        if data:
            settings |= self.data[data]
        if quick:
            # A minute is enough to see that everything works, not for every teacher to act.
            settings |= {"may_never_act": True, **self.quick}
        return Study(**settings)

    def folder(self, out: Path, *, data: str | None = None, quick: bool = False) -> Path:
        """Return where the runs of a version go, below ``out``."""
        words = [self.name]
        if data:
            words.append(data)
        if quick:
            words.append("quick")
        return out / "-".join(words)

    def run(
        self,
        out: Path | str = "runs",
        *,
        engine: Engine | str = "processes",
        jobs: int | None = None,
        threads: int | None = None,
        resume: bool = False,
        compare: bool = True,
        figures: Sequence[Draw] = (),
    ) -> list[Result]:
        """Run the study from Python, print how each run ended and the comparison.

        A script that calls this does so below ``if __name__ == "__main__":``, since the processes of the runs
        import the script.

        Args:
            out: the study's folder goes below it.
            engine: ``"processes"`` of this machine, ``"ray"`` for a Ray cluster, or an engine with options of
                its own: ``RayEngine(address="10.0.0.1:6379", num_gpus=0.5)``.
            jobs: runs at a time; None for as many as the engine has room for.
            threads: of torch and NumPy in each run; None for one, or what ``OMP_NUM_THREADS`` says.
            resume: continue what was stopped.
            compare: whether to compare the runs once they have ended.
            figures: draws figures of your own beside the comparison's.

        Returns:
            How each run ended, in the order of `experiments`.

        Raises:
            ValueError, TypeError, FileExistsError, ImportError, ConnectionError: as `run_and_compare`;
                nothing has been started then.
        """
        return run_and_compare(
            self.experiments(),
            self.folder(check_folder("out", out)),
            baseline=self.baseline,
            figures=figures,
            compare=compare,
            engine=make_engine(engine),
            jobs=jobs,
            threads=threads,
            resume=resume,
        )

    def main(self, argv: Sequence[str] | None = None, *, figures: Sequence[Draw] = ()) -> int:
        """Run the study as a script (``--help`` lists its options) and return an exit code.

        It is 0 if every run finished, 1 if not, and 2 if nothing was started because data are missing.

        Args:
            argv: the words of the command line; None for those that the script was started with.
            figures: draws figures of your own beside the comparison's, as in
                `teacherstudent.comparing.compare.compare`.
        """
        given = self._parse(argv)
        version = {"data": given.data, "quick": given.quick}
        study = self._chosen(given, self.version(**version))
        how = {"jobs": given.jobs, "threads": given.threads, "resume": given.resume}
        how |= {"engine": chosen_engine(given), "compare": not given.no_compare}
        out = self.folder(given.out, **version)
        try:
            return exit_code(
                run_and_compare(study.experiments(), out, baseline=study.baseline, figures=figures, **how)
            )
        except MissingDataError as error:
            self.say_missing(error)
            return 2

    def say_missing(self, error: MissingDataError) -> None:
        """Print that data are missing, and with which words the study does without them."""
        # Only studies that have other data can do without the missing ones.
        instead = "".join(f" Or run this with --data {name}." for name in self.data)
        text = f"study {self.name}: {error}{instead}"
        Console(stderr=True).print(text, markup=False, highlight=False, soft_wrap=True)

    def _chosen(self, given: argparse.Namespace, study: Study) -> Study:
        """Return the study with what the command line says of seeds, budget and teachers."""
        settings = dict(study.__dict__)
        if given.seeds is not None:
            settings["seeds"] = given.seeds
        if given.budget is not None:
            settings["budget"] = given.budget
            # The number of tests stays: a smaller budget is tested more often.
            if study.test_every is not None:
                settings["test_every"] = study.test_every * given.budget / study.budget
        if given.may_never_act:
            settings["may_never_act"] = True
        if given.log is not None:
            settings["log"] = given.log
        if given.teachers is not None:
            settings["teachers"] = {label: study.teachers[label] for label in given.teachers}
            # The baseline may not be among the chosen teachers: then the comparison chooses.
            settings["baseline"] = ""
            if self.baseline in given.teachers:
                settings["baseline"] = self.baseline
        return Study(**settings)

    def _parse(self, argv: Sequence[str] | None) -> argparse.Namespace:
        """Return the words of the command line; wrong ones end the script with a message."""
        parser = argparse.ArgumentParser(description=f"Study {self.name}: {', '.join(self.teachers)}")
        parser.add_argument("--quick", action="store_true", help="a small version that ends within a minute")
        parser.set_defaults(data=None)
        if self.data:
            parser.add_argument("--data", choices=list(self.data), help="the same on other data")
        parser.add_argument(
            "--out", type=folder_argument, default=Path("runs"), help="where run folders go (default: runs)"
        )
        parser.add_argument("--seeds", type=int, nargs="+", help="one run for each teacher and seed")
        parser.add_argument(
            "--teachers",
            nargs="+",
            metavar="LABEL",
            help=f"some of {', '.join(self.teachers)} (default: all)",
        )
        parser.add_argument("--budget", type=float, help="cost of each run; as many tests as without it")
        parser.add_argument("--jobs", type=int, help="runs at a time (default: the number of cores)")
        parser.add_argument(
            "--threads",
            type=int,
            help="threads of torch and NumPy in each run (default: 1, or what OMP_NUM_THREADS says)",
        )
        parser.add_argument(
            "--may-never-act",
            action="store_true",
            help="begin runs though their budget ends before their teacher acts",
        )
        parser.add_argument(
            "--log", nargs="*", metavar="NAME", help=f"where scalars go: {', '.join(kinds.NAMES)}"
        )
        parser.add_argument("--resume", action="store_true", help="continue what was stopped")
        parser.add_argument("--no-compare", action="store_true", help=NO_COMPARE)
        add_engine_options(parser)
        given = parser.parse_args(argv)
        # A version may have other teachers than the study, so the labels are checked against the version's.
        known = self.version(data=given.data, quick=given.quick).teachers
        unknown = sorted(set(given.teachers or ()) - set(known))
        if unknown:
            parser.error(
                f"--teachers: expected some of {list(known)}, got {unknown}{closest(unknown[0], known)}"
            )
        return given
