"""What every student must do: run `check_student` on yours."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np

from teacherstudent.contract import spaces
from teacherstudent.contract.accounts.ledger import ENVIRONMENT_SECONDS, UPDATES, Ledger
from teacherstudent.contract.checks import check_whole
from teacherstudent.contract.demand import Demand, everything
from teacherstudent.contract.family import Family
from teacherstudent.contract.purposes import Purpose
from teacherstudent.contract.student import Student
from teacherstudent.contract.types import Array, Assignment, Granularity, Outcomes, generator
from teacherstudent.recording.disk import checkpoint
from teacherstudent.testing.sessions import ContractError, difference, factory_of, must, name, rule

Factory = Callable[[int], Student]
"""Makes a fresh student from a seed."""


def check_student(factory: Factory | Student, family: Family, *, rounds: int = 4, exact: bool = True) -> None:
    """Check a student against the contract of `teacherstudent.contract.student.Student`.

    Checked: outcomes carry issued ids at most once, tasks as they were assigned, every promised signal,
    finite scores, and costs that add up to no more than `spent` says; training is reproducible by the seed
    and leaves the global generator alone; evaluation is in order, repeatable, trains nothing and disturbs
    nothing; a saved student continues as if it had not stopped, and reports the same metrics at once. The
    signal ``seconds`` may differ: it is a clock's reading. Rows that are measured carry, finite, what the
    student says that they carry (`teacherstudent.contract.demand.Signal.measured`).

    A student that offers rollouts is checked bound for these as well: then a
    resume is always exact, every row of an assignment has exactly one outcome, in order, and rows that are
    measured change nothing that tests or counters of training could tell; their cost is named by purpose.

    Args:
        factory: makes the student; called several times. Or a student of a registered class, which is left
            alone: others are made with its arguments and other seeds.
        family: the family that its students are made for.
        rounds: how many rounds each check trains.
        exact: whether a resumed student continues bit for bit; False for environments without snapshots,
            where only the absence of errors and of repeated ids is checked.

    Raises:
        AssertionError: with a sentence that names the broken rule.
        TypeError: if it is given neither, or a student of which it is not known how to make another, or no
            family.
    """
    example = 'check_student(lambda seed: students.make("sb3", family, seed=seed), family)'
    make: Factory = factory_of("check_student", factory, Student, example)
    if not isinstance(family, Family):
        raise TypeError(f"check_student: family: expected a Family, got {family!r}")
    check_whole("check_student: rounds", rounds, 1, 10**6)
    with rule("student", "the factory must make a student of the seed 0"):
        student = make(0)
    must(isinstance(student, Student), f"expected all members of the Student protocol, got {type(student)}")
    must(student.offers, "offers must hold at least one granularity")
    # Refusals are checked on a student that is thrown away: one that was bound can refuse for that reason.
    _check_refusals(student)
    student.close()
    rollouts: list[Granularity] = [kind for kind in student.offers if kind == "rollout"]
    others: list[Granularity] = [kind for kind in student.offers if kind != "rollout"]
    # The granularities beside rollouts are the same to the student, so one of them stands for all.
    for granularity in (*others[:1], *rollouts):
        demand = everything(student.offers, granularity)
        bound = _Kit(make, family, demand)
        if granularity == "rollout":
            _check(bound, rounds=min(rounds, 2), exact=True)
            _check_bound(bound)
        else:
            _check(bound, rounds=rounds, exact=exact)
    # Bound for rollouts, rows that are measured were looked at with all that they change and cost.
    for granularity in others[:1]:
        _check_measured(_Kit(make, family, everything(student.offers, granularity)))


@dataclass(frozen=True)
class _Kit:
    """What is checked: students of the factory, for the family, bound by the demand."""

    factory: Factory
    family: Family
    demand: Demand

    def driver(self, seed: int) -> _Driver:
        """Return what drives a fresh student."""
        made = self.factory(seed)
        with rule(name(made), f"bind must accept a demand for what is offered, {self.demand}"):
            made.bind(self.demand)
        offered = made.offers[self.demand.granularity]
        of_measured = frozenset(each for each, signal in offered.items() if signal.measured)
        return _Driver(made, self.family, self.demand.signals, of_measured & self.demand.signals)


def _check(kit: _Kit, *, rounds: int, exact: bool) -> None:
    driver = kit.driver(0)
    # Taken before any training, so that a draw from the global generator shows.
    world = _global_generator()
    history = [driver.round() for _ in range(rounds)]
    must(_global_generator() == world, "train must leave NumPy's global generator as it was")
    # A second student of the same seed must repeat the whole history, round by round.
    again = kit.driver(0)
    for k, outcomes in enumerate(history):
        _same(again.round(), outcomes, f"two students of one seed must agree, but differ in round {k}")
    # The first student has only trained: it shows what the second one must do after its evaluation.
    _check_evaluation(again, kit.family, driver)
    _check_resume(kit, driver, exact=exact)
    for used in (driver.student, again.student):
        used.close()


def _check_refusals(student: Student) -> None:
    """Check that bind refuses what is not offered."""
    # One request at a time is wrong, so that the refusal can have no other reason.
    first = next(iter(student.offers))
    wrong: dict[str, Demand] = {
        "a signal": Demand(granularity=first, signals=frozenset({"unheard of"})),
        "a number of members": Demand(granularity=first, members=97),
    }
    missing: set[Granularity] = {*get_args(Granularity)} - student.offers.keys()
    if missing:
        wrong["a granularity"] = Demand(granularity=min(missing))
    for what, demand in wrong.items():
        try:
            student.bind(demand)
        except ValueError:
            continue
        raise ContractError(f"bind must raise ValueError for {what} that is not offered")


def _check_bound(kit: _Kit) -> None:
    """Compare a student that measures for a round with one that does not, and mix both kinds of rows."""
    measuring = kit.driver(0)
    # The same seed and first round: what differs later comes from the measuring alone.
    other = kit.driver(0)
    for driver in (measuring, other):
        driver.round()
    for purpose in (Purpose.MEASURE, Purpose.EDIT):
        before = dict(measuring.student.spent())
        measured = measuring.bound_round(0.0, purpose)
        after = measuring.student.spent()
        # The cost that the rows name must show up under their purpose, and nowhere else.
        charged = before | {purpose.cost: before.get(purpose.cost, 0.0) + measured.cost.sum()}
        # Seconds pass whatever is done.
        for key in {*charged, *after} - {ENVIRONMENT_SECONDS}:
            must(
                after.get(key, 0.0) == charged.get(key, 0.0),
                f"rows of the purpose {purpose.name} must be charged as {purpose.cost!r} and nothing else, "
                f"but {key!r} went from {before.get(key, 0.0)} to {after.get(key, 0.0)}",
            )
    tasks = kit.family.test_tasks()[:5]
    # Both students are tested on the same tasks: a difference means that measuring has trained.
    found, expected = (driver.student.evaluate(tasks, seed=1) for driver in (measuring, other))
    _same(found, expected, "rows that are measured must not change the student")
    # In a mixed round only a part of the rows may be charged as measured.
    mixed = measuring.bound_round(0.5, Purpose.MEASURE)
    must(
        measuring.student.spent()["measure"] == after.get("measure", 0.0) + mixed.cost[~mixed.learn].sum(),
        "only the rows that are measured must be charged as 'measure'",
    )
    for driver in (measuring, other):
        driver.student.close()


def _check_measured(kit: _Kit) -> None:
    """Measure the rows of a round, half of them, and those of the round after."""
    driver = kit.driver(0)
    for share in (0.5, 0.0):
        wanted = driver.student.wants()
        trained = np.arange(wanted) < share * wanted
        try:
            driver.round(np.where(trained, Purpose.TRAIN, Purpose.MEASURE))
        except ContractError as error:
            # A student may refuse purposes that it does not know, as `check_purposes` does.
            if "purpose: expected one of" in str(error):
                break
            raise
    driver.student.close()


def _global_generator() -> tuple[object, ...]:
    kind, keys, *rest = np.random.get_state()  # noqa: NPY002  # looked at, not drawn from
    return kind, np.asarray(keys).tobytes(), *rest


class _Driver:
    """Feeds a student with tasks of its own seed and checks what comes back."""

    def __init__(
        self, student: Student, family: Family, promised: frozenset[str], of_measured: frozenset[str]
    ) -> None:
        self.student = student
        self._promised = promised
        self._of_measured = of_measured
        self._space = family.space
        # A generator of its own: two drivers hand the same tasks to their students.
        self._rng = generator(7)
        self._next = 0
        self._open: dict[int, Any] = {}
        self._cost = 0.0

    def bound_round(self, share: float, purpose: Purpose) -> Outcomes:
        """Train a student that is bound on a share of the rows, at random; the others are for the purpose."""
        first = self._next
        wanted = self.student.wants()
        # Exactly so many rows are trained on: a permutation puts them at random places.
        trained = self._rng.permutation(wanted) < share * wanted
        outcomes = self.round(np.where(trained, Purpose.TRAIN, purpose))
        expected = np.arange(first, first + wanted)
        must(
            np.array_equal(outcomes.ids, expected),
            f"bound for rollouts, every row must have one outcome, in order: expected {expected}, got "
            f"{outcomes.ids}",
        )
        return outcomes

    def round(self, purpose: Array | None = None) -> Outcomes:
        wanted = self.student.wants()
        must(wanted >= 0, f"wants() must be at least 0, got {wanted}")
        ids = np.arange(self._next, self._next + wanted)
        tasks = spaces.sample(self._space, self._rng, wanted)
        self._next += wanted
        # A copy: the student may return the very counters that it goes on counting with.
        before = dict(self.student.spent())
        assignment = Assignment(ids=ids, tasks=tasks, purpose=purpose)  # type: ignore[arg-type]
        rows = zip(tasks, assignment.purpose.tolist(), strict=True)
        # Noted before the training, so that outcomes of this round are known as well.
        self._open |= dict(zip(ids.tolist(), rows, strict=True))
        with rule(name(self.student), "train must take an assignment of wants() rows"):
            outcomes = self.student.train(assignment)
        must(isinstance(outcomes, Outcomes), f"train must return Outcomes, got {outcomes!r}")
        after = self.student.spent()
        with rule(name(self.student), "spent() must hold costs by name, numbers of at least 0"):
            # The ledger checks the names and values of costs, as it would in a run.
            Ledger().absorb(after)
        for key, value in before.items():
            now = after.get(key, 0.0)
            must(now >= value, f"spent()[{key!r}] must not fall, went from {value} to {now}")
        self._check(outcomes)
        self._cost += float(outcomes.cost.sum())
        # What the outcomes cost is a part of what was spent; episodes under way cost something too.
        charged = sum(cost for key, cost in after.items() if key not in (UPDATES, ENVIRONMENT_SECONDS))
        must(self._cost <= charged, f"outcomes cost {self._cost} together, but spent() says only {charged}")
        held = self.student.holds()
        must(len(set(held.tolist())) == len(held), f"holds() must not repeat ids, got {held}")
        must(set(held.tolist()) <= set(self._open), "holds() must only name tasks that were not reported yet")
        return outcomes

    def _check(self, outcomes: Outcomes) -> None:
        missing = self._promised - outcomes.signals.keys()
        must(not missing, f"outcomes must carry every signal that was asked for, lack {sorted(missing)}")
        for signal in sorted(self._of_measured):
            must(
                np.isfinite(outcomes.signals[signal][~outcomes.learn]).all(),
                f"rows that are measured must carry a finite {signal!r}, or the student offers it with "
                "measured=False",
            )
        must(np.isfinite(outcomes.score).all(), "scores must be finite")
        must((outcomes.cost >= 0).all(), "costs must be at least 0")
        with rule(name(self.student), "outcomes must have tasks of the family's space"):
            spaces.check_tasks(self._space, outcomes.tasks, "outcomes")
        rows = zip(outcomes.ids.tolist(), outcomes.tasks, outcomes.purpose.tolist(), strict=True)
        for number, task, purpose in rows:
            # A row that the student played on its own account, after the end of a short episode, say.
            if number == -1:
                continue
            must(number in self._open, f"id {number} was never assigned or was reported twice")
            # Taken out: a second outcome of the same id is an error.
            given, meant = self._open.pop(number)
            must(np.array_equal(given, task), f"id {number} came back with another task")
            must(purpose == meant, f"id {number} came back with the purpose {purpose}, not {meant}")


def _check_evaluation(driver: _Driver, family: Family, untouched: _Driver) -> None:
    tasks = family.test_tasks()[:7]
    first = driver.student.evaluate(tasks, seed=3)
    must(np.array_equal(first.tasks, tasks), "evaluate must keep the order of the tasks")
    must((first.ids == -1).all(), "evaluate must report the id -1")
    before = dict(driver.student.spent())
    _same(driver.student.evaluate(tasks, seed=3), first, "evaluate must be repeatable by its seed")
    for key in ("train", "measure", "updates"):
        must(driver.student.spent().get(key) == before.get(key), f"evaluate must not spend {key!r}")
    # The other student has not evaluated: if the next round agrees, evaluation has disturbed nothing.
    _same(driver.round(), untouched.round(), "evaluate must not disturb training")


def _check_resume(kit: _Kit, driver: _Driver, *, exact: bool) -> None:
    # Through a file, as in a run: what a checkpoint cannot hold would be lost here.
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "student.npz"
        checkpoint.save(path, driver.student.state_dict())
        state = checkpoint.load(path)
    # Another seed on purpose: everything that matters must come from the state.
    resumed = kit.driver(1)
    resumed.student.load_state_dict(state)
    # The driver goes on where the other one is, so that both hand out the same tasks.
    resumed._rng.bit_generator.state = driver._rng.bit_generator.state
    resumed._next = driver._next
    resumed._open = dict(driver._open)
    resumed._cost = driver._cost
    if exact:
        said = dict(resumed.student.metrics())
        told = dict(driver.student.metrics())
        must(
            difference(said, told, "metrics") is None,
            f"a resumed student must report the metrics of the saved one, {told}, got {said}",
        )
    # Counters survive a resume in any case, exact or not.
    for key, value in driver.student.spent().items():
        must(resumed.student.spent().get(key) == value, f"a resumed student must keep spent()[{key!r}]")
    for _ in range(2):
        outcomes = resumed.round()
        if exact:
            _same(outcomes, driver.round(), "a resumed student must continue bit for bit")
    if exact:
        tasks = kit.family.test_tasks()[:3]
        found, expected = (d.student.evaluate(tasks, seed=0) for d in (resumed, driver))
        _same(found, expected, "a resumed student must evaluate as the one that went on")
    resumed.student.close()


def _same(found: Outcomes, expected: Outcomes, sentence: str) -> None:
    for column in ("ids", "tasks", "score", "cost"):
        equal = np.array_equal(getattr(found, column), getattr(expected, column))
        must(equal, f"{sentence}: {column} differ")
    must(found.signals.keys() == expected.signals.keys(), f"{sentence}: the names of signals differ")
    for signal, values in expected.signals.items():
        if signal == "seconds":  # a clock's reading
            continue
        equal = np.array_equal(found.signals[signal], values, equal_nan=values.dtype.kind == "f")
        must(equal, f"{sentence}: signal {signal!r} differs")
