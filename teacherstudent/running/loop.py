"""The run loop: ask, train, tell; test, record and checkpoint on the way; resume where it stopped."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from teacherstudent.contract.accounts.failures import Survives, asked_for
from teacherstudent.contract.accounts.ledger import Ledger
from teacherstudent.contract.accounts.plan import Plan
from teacherstudent.contract.checks import check_flag, check_mapping, check_names, is_finite
from teacherstudent.contract.demand import logged
from teacherstudent.contract.family import Family
from teacherstudent.contract.stored.saved import reading
from teacherstudent.contract.student import AsksForMore, Compiles, Ends, Student, TakesWeights
from teacherstudent.contract.teacher import Stops, Teacher
from teacherstudent.contract.types import Assignment, IntArray, Outcomes, State
from teacherstudent.contract.weigher import Weigher
from teacherstudent.recording.disk.checkpoint import Checkpoints
from teacherstudent.recording.disk.files import check_folder
from teacherstudent.recording.folder import CHECKPOINTS, MANIFEST
from teacherstudent.recording.manifest import read_manifest
from teacherstudent.recording.recorder import START, Recorder
from teacherstudent.recording.sinks import kinds
from teacherstudent.running.acting.kept import Kept
from teacherstudent.running.acting.outline import fit, outline
from teacherstudent.running.acting.steering import Steering
from teacherstudent.running.before.fit import check_fit
from teacherstudent.running.before.manifest import describe_run, warn_of_silence
from teacherstudent.running.budgets import check_budget
from teacherstudent.running.notes import RunNotes
from teacherstudent.running.outset import Outset
from teacherstudent.running.progress import Progress

_LOG = logging.getLogger(__name__)
_IDLE_LIMIT = 1000
_TRIES = 8
"""Asks without a row to train on, in the midst of a round, after which the teacher is left to measure."""


def run(
    family: Family,
    teacher: Teacher[Any],
    student: Student,
    folder: Path | str,
    plan: Plan,
    *,
    manifest: Mapping[str, Any] | None = None,
    resume: bool = False,
    progress: Progress | None = None,
    stop: Callable[[], bool] = lambda: False,
    log: Sequence[str] = kinds.DEFAULT,
) -> Ledger:
    """Train the student under the teacher until the budget is spent, and write everything to a run folder.

    Args:
        family: gives the test tasks.
        teacher: chooses the tasks; if it is a `Weigher`, it weighs the examples in the student's loss too.
        student: trains on them.
        folder: the run folder; without ``resume`` it must not hold a run.
        plan: budget and intervals.
        manifest: further entries for ``manifest.json``: names, options, seeds.
        resume: continue from the folder's last whole checkpoint, or start over if there is none; family,
            teacher and student must be made with the settings of that run. On the CPU the run continues bit
            for bit where the student's environments can be saved; where they cannot, episodes in flight are
            dropped, and ``status.json`` says how many.
        progress: a progress bar.
        stop: asked after every round; True ends the run with a checkpoint and the status ``interrupted``.
        log: where scalars go beside the folder (`teacherstudent.recording.recorder.Recorder`).

    Returns:
        The ledger of what was spent.

    A task whose environment fails costs its row: the teacher drops its id, ``failed.jsonl`` and
    ``status.json`` name it, and the run goes on, up to `Plan.max_failed_tasks`. So it is for students that
    can go on (`teacherstudent.contract.accounts.failures.Survives`) and environments that say which slot
    failed (`teacherstudent.slots.failures.Tolerant`); any other error ends the run. A test task that fails is
    played again, three times in all, and ends the run then: a test needs all of its tasks.

    Raises:
        TypeError, ValueError: as `check_fit`; if the budget pays for no round; if a checkpoint is damaged or
            of another run, or a setting differs from the run to resume (the first is named); if the folder
            holds links; if the student returns what the teacher cannot accept.
        FileExistsError: if the folder holds a run and ``resume`` is False.
        RuntimeError: if another process is writing the folder, or the student spends nothing.
        TooManyFailedTasksError: if environments fail on more tasks than the plan allows.
        WriteError: if a file cannot be written. Whatever is raised on the way, the traceback is in
            ``status.json`` and the folder resumes from its last checkpoint.
    """
    if not isinstance(plan, Plan):
        raise TypeError(f"run: plan: expected a Plan, got {plan!r}")
    # Everything that can be wrong is found before the folder is touched: a refused run leaves no trace.
    check_fit(family, teacher, student, plan.signals)
    kinds.check_installed(kinds.check_log(log))
    check_flag("run: resume", resume)
    more = check_mapping("run: manifest", manifest)
    check_budget(student, plan)
    # The schedule of the learning rate follows the budget:
    # a student made for another one would train otherwise.
    if getattr(student, "budget", plan.own) != plan.own:
        raise ValueError(
            f"run: expected a student with the plan's budget {plan.own:g}, which its learning rate and its "
            f"look at the test split follow, got {student.budget}"  # type: ignore[attr-defined]
        )
    if isinstance(teacher, Weigher) and isinstance(student, TakesWeights):
        student.weigher = teacher
    folder = check_folder("run folder", folder)
    checkpoints = Checkpoints(folder / CHECKPOINTS, keep=plan.keep)
    # The checkpoint is read first: a damaged one must raise before the recorder cuts the logs back to it.
    state = None
    recorded = None
    if resume:
        # A run that ended before its first checkpoint starts over.
        state = checkpoints.latest()
        recorded = START
    if state is not None:
        _check_plan(state, plan)
        warn_of_silence(family, teacher, student)
        recorded = state["recorder"]
    ahead = _look_ahead(family, teacher, student, plan, folder, resumed=state is not None)
    described = describe_run(family, teacher, student, plan)
    for name, value in described.get("student_report", {}).items():
        _LOG.info("%s: %s: %s", type(student).__name__, name, value)
    recorder = Recorder(folder, manifest={**described, **ahead, **more}, resume=recorded, log=log)
    loop = _Loop(family, teacher, student, plan, recorder, checkpoints)
    # From here on the recorder holds the folder's lock, so every way out must close it.
    with _recorded(recorder):
        if state is not None:
            loop.load(state)
        # What is known before the first round stands in the status from the start.
        if ahead["outline"]["note"] is not None:
            recorder.note(ahead["outline"]["note"])
        loop.go(progress, stop)
    return loop.ledger


def _look_ahead(
    family: Family, teacher: Teacher[Any], student: Student, plan: Plan, folder: Path, *, resumed: bool
) -> dict[str, Any]:
    """Fit the teacher to the length of the run, and return the plan in words and numbers for the manifest.

    Raises:
        ValueError: if the teacher of a new run cannot act within the budget, and the plan does not allow it.
    """
    # What was chosen for a run that is resumed is chosen again, even if its budget is another one now.
    before = read_manifest(folder / MANIFEST) if resumed else None
    fitted = fit(family, teacher, student, plan, before)
    planned = outline(family, teacher, student, plan, fitted)
    if not resumed:
        planned.check(plan)
    _LOG.info("%s", planned.text())
    return {
        "fitted": None if fitted is None else fitted.as_dict(),
        "plan_text": planned.text(),
        "outline": planned.as_dict() | {"note": planned.refusal() or planned.late()},
    }


def _check_plan(state: State, plan: Plan) -> None:
    """Raise ValueError unless a checkpoint is of a run whose tests and costs start as in this plan."""
    # Another test seed or charge would change the meaning of the scores and costs that are there already.
    names = ("teacher", "student", "recorder", "ledger", "due", "test_seed")
    # Older checkpoints lack what came later, which is looked for where it is read.
    check_names("checkpoint", names, state.keys() - {"kept", "steering"})
    with reading("checkpoint: ledger"):
        there = {"test_seed": state["test_seed"], "charged": state["ledger"]["costs"].get("before", 0.0)}
    for name, value in there.items():
        if not is_finite(value) or value != getattr(plan, name):
            raise ValueError(f"{name}: expected {value} as in the run to resume, got {getattr(plan, name)}")


class _InterruptedError(Exception):
    """The run was asked to stop between two rounds."""


@contextlib.contextmanager
def _recorded(recorder: Recorder) -> Iterator[None]:
    """Close the recorder with the status that the block ended with."""
    try:
        yield
    except _InterruptedError:
        # A request to stop is no error: the run has ended in order, and `status.json` shows no traceback.
        recorder.close("interrupted")
    except KeyboardInterrupt as error:
        recorder.close("interrupted", error)
        raise
    # BaseException, since SystemExit of a library ends a run too, and the folder should say why.
    except BaseException as error:
        recorder.close("failed", error)
        raise
    else:
        recorder.close("finished")


class _Loop:
    """One run's moving parts."""

    def __init__(
        self,
        family: Family,
        teacher: Teacher[Any],
        student: Student,
        plan: Plan,
        recorder: Recorder,
        checkpoints: Checkpoints,
    ) -> None:
        self.teacher = teacher
        self.student = student
        self.plan = plan
        self.recorder = recorder
        self.checkpoints = checkpoints
        self.ledger = Ledger(plan.charged, family.prices)
        self._test_tasks = family.test_tasks()
        self._due = plan.intervals()
        self._idle_rounds = 0
        # Signals that are computed but not logged: many numbers a row, say.
        offered = student.offers[teacher.granularity]
        self._hidden = offered.keys() - logged(offered, plan.signals)
        self._outset = Outset(teacher, student, plan.own, recorder.note)
        self._notes = RunNotes(recorder)
        self._steering = Steering(teacher)
        # Rows to be measured that were asked for in the midst of a round.
        self._kept = Kept()
        # Whether the teacher has given nothing to train on in this round, however often it was asked.
        self._measures_first = False
        # A student that wants tasks in the midst of a round
        # gets them from here, so that these are recorded too.
        if isinstance(student, AsksForMore):
            student.ask_for_more(self._more)

    def go(self, progress: Progress | None, stop: Callable[[], bool]) -> None:
        """Run rounds until the budget is spent, or ``stop`` says so."""
        stopped = False
        # A run that was resumed after its teacher had finished must not train another round.
        done = self._done() if self.ledger.spent > self.plan.charged else None
        start = self.plan.charged
        self._compile(progress)
        # The first test shows the untrained student. A resumed
        # run has spent something, or has this test already.
        if self.ledger.spent == start and self._due["test"].elapsed(start):
            with self.ledger.timed("total"):
                self._test(progress)
                self._record()
                self._checkpoint()
        while self.ledger.spent < self.plan.budget and not stopped and done is None:
            with self.ledger.timed("total"):
                self._round()
                # Read once: test, record and checkpoint of one round are due at the same cost.
                spent = self.ledger.spent
                stopped = stop()
                done = self._done()
                # The last round is tested and recorded wherever the
                # intervals lie: results are read from the last test.
                over = spent >= self.plan.budget or done is not None
                if done is not None and isinstance(self.student, Ends):
                    self.student.finish()
                if self._due["test"].elapsed(spent) or over:
                    self._test(progress)
                if self._due["record"].elapsed(spent) or over:
                    self._record()
                # The checkpoint comes last: it holds the positions of
                # the logs, and these must include what was just written.
                if self._due["checkpoint"].elapsed(spent) or over or stopped:
                    self._checkpoint()
            if progress is not None:
                progress.update(spent)
        if done is not None:
            self.recorder.note(f"{type(self.teacher).__name__} ended the run before its budget: {done}")
        elif self.ledger.spent < self.plan.budget:
            raise _InterruptedError
        self._notes.end(self.student, self.ledger, self.plan, self._steering)

    def _compile(self, progress: Progress | None) -> None:
        """Let the student compile before the clock of tests and training starts."""
        if not isinstance(self.student, Compiles):
            return
        if progress is not None:
            progress.compiling(True)
        with self.ledger.timed("compile"):
            self.student.compile()
        if progress is not None:
            progress.compiling(False)

    def _done(self) -> str | None:
        """Return why the teacher ends the run; None while it does not."""
        if isinstance(self.teacher, Stops):
            return self.teacher.done
        return None

    def _round(self) -> None:
        """Ask for what the student can use, let it train, tell the teacher what has finished."""
        ledger = self.ledger
        before = self.ledger.spent
        with ledger.timed("teacher"):
            assignment = self._ask()
        # The allowance grows with the finished episodes, so it is set anew before every round.
        if isinstance(self.student, Survives):
            self.student.failures.limit = self.plan.may_fail(ledger.episodes)
        try:
            with ledger.timed("student"):
                outcomes = self.student.train(assignment)
        # Even where training raises, its cost was spent and its
        # failed tasks are known: both belong into the status.
        finally:
            ledger.absorb(self.student.spent())
            self._drop_failed()
        # The teacher is told before anything is recorded: it
        # checks the outcomes, and a bad row must not be logged.
        with ledger.timed("teacher"):
            self.teacher.tell(outcomes)
            self._steering.told(outcomes)
        ledger.absorb_teacher(self.teacher.spent())
        # A row bound for a whole rollout may hold several episodes, which the student then counts.
        ledger.episodes += int(np.sum(outcomes.signals.get("episodes", len(outcomes))))
        self._outset.round(len(outcomes), ledger.spent - before)
        self._notes.round(outcomes)
        with ledger.timed("record"):
            self.recorder.episodes(self._shown(outcomes), spent=ledger.spent)
        # A round may be free where a student waits for episodes
        # in flight, but a thousand such rounds are a bug.
        self._idle_rounds += 1
        if ledger.spent > before:
            self._idle_rounds = 0
        if self._idle_rounds >= _IDLE_LIMIT:
            raise RuntimeError(f"{type(self.student).__name__}: spent nothing in {_IDLE_LIMIT} rounds")

    def _shown(self, outcomes: Outcomes) -> Outcomes:
        """Return the outcomes with the signals that are logged."""
        if not self._hidden:
            return outcomes
        signals = {name: values for name, values in outcomes.signals.items() if name not in self._hidden}
        return dataclasses.replace(outcomes, signals=signals)

    def _drop_failed(self) -> None:
        """Give up the tasks whose environment failed, and write them down."""
        if not isinstance(self.student, Survives):
            return
        failed = self.student.failures.take()
        if not failed:
            return
        # Without this the teacher would wait for their outcomes for ever.
        self._drop(asked_for(failed))
        blamed = sum(one.blamed for one in failed)
        self.ledger.failed += blamed
        self.ledger.dropped += len(failed) - blamed
        self.recorder.failed(failed, spent=self.ledger.spent)

    def _drop(self, ids: IntArray) -> None:
        self.teacher.drop(ids)
        self.recorder.dropped(ids)

    def _ask(self) -> Assignment:
        wanted = self.student.wants()
        parts = self._kept.take()
        # A student may want nothing while its slots are busy. Teachers are never asked for none.
        if wanted > 0:
            parts.append(self._asked(wanted))
        self._measures_first = False
        if not parts:
            return self._none()
        if len(parts) == 1:
            return parts[0]
        return Assignment.concatenate(parts)

    def _none(self) -> Assignment:
        space = self.teacher.space
        return Assignment.none(space.shape, space.dtype)

    def _asked(self, n: int) -> Assignment:
        assignment = self.teacher.ask(n, progress=self._progress())
        self._steering.asked(assignment)
        self.recorder.asked(assignment)
        return assignment

    def _progress(self) -> float:
        # Progress counts what the run itself may spend: a charge
        # beforehand must not shorten the teacher's schedule.
        return min(1.0, (self.ledger.spent - self.plan.charged) / self.plan.own)

    def _more(self, n: int) -> Assignment:
        """Return tasks to train on for a student in the midst of a round; ``n`` of them, or fewer.

        Rows to be measured are kept for the start of the next round, where the student can measure them, and
        others are asked for in their place.
        """
        if self._measures_first:
            return self._none()
        with self.ledger.lent("student", "teacher"):
            assignment = self._asked(n)
            # Hardly any teacher of episodes measures, so that this is the common way.
            if assignment.learn.all():
                return assignment
            return self._trained(n, assignment)

    def _trained(self, n: int, assignment: Assignment) -> Assignment:
        """Return ``n`` rows to train on, or fewer, the first of them from an assignment with others."""
        parts = []
        missing = n
        tries = _TRIES
        while True:
            learn = assignment.learn
            self._kept.put(assignment.select(~learn))
            parts.append(assignment.select(learn))
            missing -= int(learn.sum())
            tries = _TRIES if learn.any() else tries - 1
            # A teacher that gives nothing to train on, again and again, wants to measure first:
            # it is asked again in the next round, when it has heard of that.
            if missing <= 0 or tries == 0:
                self._measures_first = missing > 0
                return Assignment.concatenate(parts)
            assignment = self._asked(missing)

    def _test(self, progress: Progress | None) -> None:
        with self.ledger.timed("evaluate"):
            outcomes = self.student.evaluate(self._test_tasks, seed=self.plan.test_seed)
        self.ledger.costs["evaluate"] += float(outcomes.cost.sum())
        self._notes.test(outcomes)
        with self.ledger.timed("record"):
            summary = self.recorder.tests(outcomes, spent=self.ledger.spent, ledger=self.ledger.as_dict())
        if progress is not None:
            progress.tested(summary)

    def _record(self) -> None:
        if (caution := self._steering.caution()) is not None:
            self.recorder.note(caution)
        with self.ledger.timed("record"):
            self.recorder.teacher(
                spent=self.ledger.spent,
                metrics=self.teacher.metrics(),
                student=self.student.metrics(),
                snapshot=self.teacher.snapshot(),
                ledger=self.ledger.as_dict(),
                acting=self._steering.metrics(),
            )

    def _checkpoint(self) -> None:
        if self.plan.checkpoint_every == 0:
            return
        with self.ledger.timed("checkpoint"):
            # Teacher, student and logs are saved at one moment: a
            # resume from parts of different rounds would be wrong.
            self.checkpoints.save(
                {
                    "teacher": self.teacher.state_dict(),
                    "student": self.student.state_dict(),
                    "recorder": self.recorder.state_dict(),
                    "ledger": self.ledger.state_dict(),
                    "due": {name: interval.next for name, interval in self._due.items()},
                    "test_seed": self.plan.test_seed,
                    "kept": self._kept.state(),
                    "steering": self._steering.state(),
                }
            )

    def load(self, state: State) -> None:
        """Continue from a checkpoint; tasks that the student could not take along are dropped.

        Raises:
            ValueError: if the checkpoint is of another teacher, space or student, or damaged.
        """
        self.ledger.load_state_dict(state["ledger"])
        self.teacher.load_state_dict(state["teacher"])
        with reading(f"checkpoint: {type(self.student).__name__}"):
            self.student.load_state_dict(state["student"])
        with reading("checkpoint: due"):
            for name, interval in self._due.items():
                interval.next = float(state["due"][name])
        # Older checkpoints have neither.
        if "kept" in state:
            self._kept.load(state["kept"])
        if "steering" in state:
            self._steering.load(state["steering"])
        # The teacher waits for what was under way at the
        # checkpoint; the student says which of it it still holds.
        held = np.concatenate([self.student.holds(), self._kept.ids])
        lost = np.setdiff1d(self.teacher.outstanding, held)
        self._drop(lost)
        self.ledger.dropped += len(lost)
        # Failures of the run before the resume count against the same limit.
        if isinstance(self.student, Survives):
            self.student.failures.count = self.ledger.failed
        _LOG.info("resumed at cost %g; %d episodes in flight dropped", self.ledger.spent, len(lost))
