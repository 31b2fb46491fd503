"""The conformance kit for teachers."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, get_args

import numpy as np

from teacherstudent.contract import spaces
from teacherstudent.contract.checks import check_whole
from teacherstudent.contract.purposes import Purpose
from teacherstudent.contract.teacher import Teacher
from teacherstudent.contract.types import Array, Granularity, Outcomes
from teacherstudent.contract.weigher import Weigher
from teacherstudent.recording.disk import checkpoint
from teacherstudent.testing.damage import damaged
from teacherstudent.testing.sessions import (
    ContractError,
    Play,
    Session,
    difference,
    factory_of,
    name,
    plausible_outcomes,
    replaced,
    rule,
    through_file,
    unasked,
)
from teacherstudent.testing.weighers import check_weigher


def check_teacher(
    factory: Callable[[int], Teacher[Any]] | Teacher[Any],
    *,
    play: Play = plausible_outcomes,
    episodes: int = 300,
    deterministic: bool = False,
    damage: bool = True,
) -> None:
    """Check that a teacher keeps the contract of `teacherstudent.contract.teacher.Teacher`.

    It must be reproducible from its seed, leave global generators and other teachers alone, take outcomes in
    any order and batch, refuse bad ones without a change, continue from its state bit for bit, and refuse a
    state that is damaged. One that measures rows must name in `measures` what these must carry. One that
    weighs examples (`teacherstudent.contract.weigher.Weigher`) must give each a finite weight of at least 0,
    and leave the batch alone.

    Args:
        factory: returns a fresh teacher for a seed, on the same space and with the same options every time;
            or a teacher, which is left alone: others are made with its arguments and other seeds.
        play: returns what happens on tasks; needed where a signal must be more than uniform numbers
            ``(n,)``, or where scores in [0, 1] make no sense.
        episodes: tasks asked for in each session; take more than the teacher needs to reach its last phase.
        deterministic: the teacher's tasks do not depend on its seed.
        damage: spoil every entry of a state too; see `teacherstudent.testing.damage`.

    Raises:
        AssertionError: with a sentence that names the rule that is broken.
        TypeError: if it is given neither, or a teacher whose arguments were more than small plain data.
    """
    example = 'check_teacher(lambda seed: teachers.make("random", space, seed=seed))'
    make = factory_of("check_teacher", factory, Teacher, example)
    check_whole("check_teacher: episodes", episodes, 1, 10**7)
    kit = _Kit(make, play, episodes, deterministic)
    for check in _RULES:
        check(kit)
    if damage:
        # The last rule, since it takes by far the longest.
        _refuses_damaged_states(kit)


@dataclass(frozen=True)
class _Kit:
    factory: Callable[[int], Teacher[Any]]
    play: Play
    episodes: int
    deterministic: bool
    who: str = field(init=False)

    def __post_init__(self) -> None:
        with rule("teacher", "the factory must make a teacher of the seed 0"):
            teacher = self.factory(0)
        if not isinstance(teacher, Teacher):
            raise ContractError(f"the factory must return a Teacher, got {teacher!r}")
        object.__setattr__(self, "who", name(teacher))

    def session(self, seed: int = 0, /, **options: Any) -> Session:
        with rule(self.who, f"the factory must accept the seed {seed}"):
            return Session(self.factory(seed), self.play, **options)

    def fail(self, sentence: str) -> ContractError:
        return ContractError(f"{self.who}: {sentence}")


def _declarations(kit: _Kit) -> None:
    teacher = kit.factory(0)
    # A second teacher, to see that the two share no generator.
    other = kit.factory(0)
    for what in ("needs", "measures", "reads"):
        names = getattr(teacher, what)
        if not (isinstance(names, frozenset) and all(isinstance(each, str) for each in names)):
            raise kit.fail(f"{what} must be a frozenset of signal names, got {names!r}")
    if teacher.granularity not in get_args(Granularity):
        raise kit.fail(f"granularity must be one of {get_args(Granularity)}, got {teacher.granularity!r}")
    if not isinstance(teacher.space, teacher.accepts):
        raise kit.fail(f"accepts must hold the kind of space it is given, got {teacher.accepts}")
    if not isinstance(teacher.rng, np.random.Generator) or teacher.rng is other.rng:
        raise kit.fail("every teacher must have a numpy Generator of its own as rng")


def _arguments(kit: _Kit) -> None:
    teacher = kit.factory(0)
    least = teacher.members
    # Below the least number, outside of [0, 1], and NaN, which compares as False with both ends.
    for n, progress in ((0, 0.0), (-1, 0.0), (least - 1, 0.0), (least, -0.1), (least, 1.1), (least, np.nan)):
        _refused(kit, teacher, f"ask({n}, progress={progress})", partial(teacher.ask, n, progress=progress))
    for progress in (0.0, 0.5, 1.0):
        with rule(kit.who, f"ask must accept progress={progress}"):
            teacher.ask(least, progress=progress)


def _batch_sizes(kit: _Kit) -> None:
    session = kit.session()
    # Powers of two and odd numbers, a single row, and more than most teachers keep.
    for n in (1, 2, 7, 64, kit.episodes):
        with rule(kit.who, f"ask and tell must work in batches of {n}"):
            session.tell(kit.play(session.teacher, session.ask(n), session.rng))
    with rule(kit.who, "a batch asked at once may be told row by row"):
        outcomes = kit.play(session.teacher, session.ask(20), session.rng)
        for i in range(20):
            session.tell(outcomes.select(np.array([i])))
    # An empty batch is what a student returns while all of its episodes are under way.
    before = session.teacher.state_dict()
    with rule(kit.who, "telling nothing must be allowed"):
        session.tell(outcomes.select(slice(0, 0)))
    _unchanged(kit, session.teacher, before, "telling nothing")


def _any_order(kit: _Kit) -> None:
    session = kit.session()
    with rule(kit.who, "tasks may be told late, out of order, in parts, or never"):
        early = session.ask(20)
        lost = session.ask(20)
        late = session.ask(20)
        # The newest rows come first and backwards, as from slots of different speed.
        session.tell(kit.play(session.teacher, late.select(np.arange(20)[::-1]), session.rng))
        session.ask(20)
        # Half of the lost rows are dropped, the other half stays outstanding for ever.
        session.teacher.drop(lost.ids[::2])
        session.tell(kit.play(session.teacher, early.select(np.array([13, 2, 7])), session.rng))
        session.run(kit.episodes)
        # Very late rows come after many others: nothing may have been kept by place.
        session.tell(kit.play(session.teacher, early.select(np.array([19, 0])), session.rng))


def _rows_not_asked_for(kit: _Kit) -> None:
    session = kit.session()
    donor = kit.session(1)
    with rule(kit.who, "rows with id -1 must be accepted, before the first ask and later"):
        # Another teacher's rows stand for a log of tasks that this one has never heard of.
        rows = kit.play(donor.teacher, donor.ask(kit.episodes), donor.rng)
        session.tell(unasked(rows))
        own = kit.play(session.teacher, session.ask(5), session.rng)
        session.tell(Outcomes.concatenate([unasked(rows.select(slice(0, 9))), own]))
        session.run(kit.episodes)


def _reproducible(kit: _Kit) -> None:
    with rule(kit.who, "asks and tells must work in any legal order"):
        # Two of the same seed, and one of another.
        one, two, other = (kit.session(seed) for seed in (5, 5, 6))
        asked = [session.run(kit.episodes) for session in (one, two, other)]
    if difference(asked[0], asked[1]) or difference(one.teacher.state_dict(), two.teacher.state_dict()):
        raise kit.fail("the same seed and the same outcomes must give the same tasks and the same state")
    if not kit.deterministic and not difference(asked[0], asked[2]):
        raise kit.fail("different seeds must give different tasks (or pass deterministic=True)")


def _alone(kit: _Kit) -> None:
    # Both global generators are looked at: NumPy's and Python's.
    before = np.random.get_state(legacy=False), random.getstate()  # noqa: NPY002  # the one to be left alone
    steps = range(2 + kit.episodes // 12)
    alone = kit.session(5)
    one = kit.session(5)
    two = kit.session(6, seed=1)
    with rule(kit.who, "asks and tells must work in any legal order"):
        # The first session runs alone; the two others take
        # turns, and may only differ if they share something.
        expected = [alone.run(1) for _ in steps]
        asked = [(one.run(1), two.run(1))[0] for _ in steps]
    if difference(expected, asked) or difference(alone.teacher.state_dict(), one.teacher.state_dict()):
        raise kit.fail("two teachers in one process must not influence each other")
    after = np.random.get_state(legacy=False), random.getstate()  # noqa: NPY002
    if difference(before[0], after[0]) or before[1] != after[1]:
        raise kit.fail("global random generators must not be touched; use self.rng")


def _resumes(kit: _Kit) -> None:
    through = kit.session(5)
    saved = kit.session(5)
    with rule(kit.who, "asks and tells must work in any legal order"):
        through.run(kit.episodes)
        saved.run(kit.episodes)
    state = saved.teacher.state_dict()
    # A copy: the state itself must still be the same at the very end.
    kept = copy.deepcopy(state)
    with rule(kit.who, "state_dict must be plain data: nested dicts, arrays, numbers, strings, lists"):
        read = through_file(state)
    # One fresh teacher and one that has gone elsewhere: loading must replace everything.
    fresh = kit.session(5)
    busy = kit.session(5, seed=1)
    busy.run(kit.episodes // 2)
    resumed = fresh.teacher
    used = busy.teacher
    with rule(kit.who, "load_state_dict must accept what state_dict returned and a checkpoint kept"):
        resumed.load_state_dict(read)
        used.load_state_dict(state)
    if where := difference(resumed.state_dict(), kept) or difference(used.state_dict(), kept):
        raise kit.fail(f"loading a state and saving it again must give the same state; {where} differs")
    # The original, a fresh copy, the original after saving, and a copy in a used teacher.
    sessions = [through, saved.fork(resumed), saved, saved.fork(used)]
    with rule(kit.who, "a teacher must go on after its state was saved or loaded"):
        asked = [session.run(kit.episodes) for session in sessions]
    ends = [session.teacher.state_dict() for session in sessions]
    if difference(asked[0], asked[2]) or difference(ends[0], ends[2]):
        raise kit.fail("saving the state must not change what comes after")
    for other in (1, 3):
        # Tasks show what was drawn, states what was learnt: both must agree to the bit.
        where = difference(asked[0], asked[other], "tasks") or difference(ends[0], ends[other])
        if where or difference(sessions[0].teacher.metrics(), sessions[other].teacher.metrics()):
            raise kit.fail(f"a loaded teacher must continue bit for bit; {where or 'metrics'} differs")
    if where := difference(state, kept):
        raise kit.fail(f"state_dict must be a copy that the teacher does not change later; {where} changed")
    _incomplete(kit, kept)


def _incomplete(kit: _Kit, state: dict[str, Any]) -> None:
    # Every entry is needed: one that could be missing would be a default that hides damage.
    for key in state["algorithm"]:
        lacking = {k: v for k, v in state["algorithm"].items() if k != key}
        try:
            kit.factory(0).load_state_dict(state | {"algorithm": lacking})
        except ValueError:
            continue
        except Exception as error:
            raise kit.fail(f"a state without {key!r} must raise ValueError, not {error!r}") from error
        raise kit.fail(f"a state without {key!r} must raise ValueError")


def _keeps_its_own_arrays(kit: _Kit) -> None:
    clean = kit.session(5)
    # The session overwrites all that it has handed over, as a student with fixed buffers does.
    reusing = kit.session(5, reuse=True)
    with rule(kit.who, "arrays handed over may be overwritten by the caller afterwards"):
        asked = [session.run(kit.episodes) for session in (clean, reusing)]
    same = difference(clean.teacher.state_dict(), reusing.teacher.state_dict()) is None
    if difference(asked[0], asked[1]) or not same:
        raise kit.fail("arrays handed over may be overwritten by the caller afterwards; copy what you keep")


def _refuses_ids(kit: _Kit) -> None:
    session = kit.session()
    session.run(kit.episodes)
    teacher = session.teacher
    told = session.ask(4)
    dropped = session.ask(4)
    fresh = session.ask(4)
    outcomes = kit.play(teacher, fresh, session.rng)
    session.tell(kit.play(teacher, told, session.rng))
    teacher.drop(dropped.ids)
    # Three good ids and a bad one: the whole batch has to be refused.
    for what, ids in (
        ("an id never issued", [*fresh.ids[:3], 10**9]),
        ("a negative id other than -1", [*fresh.ids[:3], -2]),
        ("an id twice in one batch", [*fresh.ids[:3], fresh.ids[0]]),
        ("an id told before", [*fresh.ids[:3], told.ids[0]]),
        ("an id dropped before", [*fresh.ids[:3], dropped.ids[0]]),
    ):
        bad = replaced(outcomes, ids=np.array(ids))
        _refused(kit, teacher, f"telling {what}", partial(teacher.tell, bad))
    # After all refusals the good rows must still be accepted.
    with rule(kit.who, "ids must stay outstanding when the batch that held them was refused"):
        session.tell(outcomes)


def _refuses_values(kit: _Kit) -> None:
    session = kit.session()
    session.run(kit.episodes)
    teacher = session.teacher
    good = kit.play(teacher, session.ask(4), session.rng)
    bad = {
        "a negative cost": replaced(good, cost=np.array([1.0, -1.0, 1.0, 1.0])),
        "tasks of a wrong shape": replaced(good, tasks=good.tasks[..., None]),
    }
    for value in (np.nan, np.inf, -np.inf):
        column = np.array([0.5, 0.5, value, 0.5])
        bad[f"a score of {value}"] = replaced(good, score=column)
        bad[f"a cost of {value}"] = replaced(good, cost=column)
    # Finite, but their squares are not: sums of squares would overflow.
    for value in (1e155, -1.7e308):
        bad[f"a score of {value}"] = replaced(good, score=np.array([0.5, 0.5, value, 0.5]))
    outside = _outside(teacher, good.tasks)
    if outside is not None:
        bad["a task outside the space"] = replaced(good, tasks=outside)
    for signal in teacher.needs:
        # Each needed signal is left out, spoilt by NaN, too large, and of wrong shapes.
        rest = {key: value for key, value in good.signals.items() if key != signal}
        holes = good.signals[signal].astype(np.float64)
        holes[1] = np.nan
        bad[f"no {signal!r}"] = replaced(good, signals=rest)
        bad[f"NaN as {signal!r}"] = replaced(good, signals=rest | {signal: holes})
        bad[f"1e155 as {signal!r}"] = replaced(good, signals=rest | {signal: np.full(4, 1e155)})
        bad[f"two columns as {signal!r}"] = replaced(good, signals=rest | {signal: np.ones((4, 2))})
        bad[f"one column as {signal!r}"] = replaced(good, signals=rest | {signal: np.ones((4, 1))})
    for signal in teacher.measures - teacher.needs:
        # Rows that are trained on may lack it: only measured ones are refused.
        rest = {key: value for key, value in good.signals.items() if key != signal}
        measured = replaced(good, purpose=np.full(4, Purpose.MEASURE, np.uint8), signals=rest)
        nothing = rest | {signal: np.full(4, np.nan)}
        bad[f"no {signal!r} of measured rows"] = measured
        bad[f"NaN as {signal!r} of measured rows"] = replaced(measured, signals=nothing)
    for signal in teacher.reads - teacher.needs:
        wrong = dict(good.signals) | {signal: np.ones((4, 2))}
        bad[f"two columns as {signal!r}"] = replaced(good, signals=wrong)
    for what, outcomes in bad.items():
        _refused(kit, teacher, f"telling {what}", partial(teacher.tell, outcomes))
    # A student may log whatever it likes: only needed signals are held to a form.
    more = {"unknown": np.ones((4, 3)), "holes": np.full(4, np.nan)}
    with rule(kit.who, "signals that are not needed may be any numbers, and ids stay when a tell is refused"):
        session.tell(replaced(good, signals=more | dict(good.signals)))


def _refuses_damaged_states(kit: _Kit) -> None:
    """Spoil every entry of a state: it is refused without a change, or taken by a teacher that goes on."""
    session = kit.session(5)
    session.run(kit.episodes)
    state = session.teacher.state_dict()
    teacher = kit.factory(5)
    before = teacher.state_dict()
    for what, bad in damaged(state):
        try:
            teacher.load_state_dict(bad)
        # Refused: then the teacher must be as before, and takes the next state.
        except ValueError:
            _unchanged(kit, teacher, before, f"a state with {what}, which was refused,")
            continue
        except Exception as error:
            raise kit.fail(f"a state with {what} must raise ValueError, not {error!r}") from error
        # A damaged state may by chance be a good one, but then the teacher has to work with it.
        with rule(kit.who, f"a state with {what} must be refused, or leave a teacher that goes on"):
            Session(teacher, kit.play).run(10)
        teacher = kit.factory(5)


def _reports(kit: _Kit) -> None:
    session = kit.session()
    for rows in (0, 3, kit.episodes):
        session.run(rows)
        teacher = session.teacher
        before = teacher.state_dict()
        with rule(kit.who, f"metrics and snapshot must work after {rows} tasks"):
            metrics = teacher.metrics()
            snapshot = teacher.snapshot()
        for key, value in metrics.items():
            if not (isinstance(key, str) and isinstance(value, float | int) and np.isfinite(value)):
                raise kit.fail(f"metrics must be finite numbers by name, got {key!r}: {value!r}")
        if not isinstance(snapshot, dict) or not checkpoint.is_plain(snapshot):
            raise kit.fail(f"snapshot must be plain data: arrays, numbers, strings, lists, got {snapshot!r}")
        # A picture's arrays may be changed by whoever draws it.
        for value in snapshot.values():
            if isinstance(value, np.ndarray) and value.flags.writeable:
                value[...] = np.zeros((), value.dtype)
        _unchanged(kit, teacher, before, "metrics, snapshot, and overwriting the snapshot")


def _weighs(kit: _Kit) -> None:
    if isinstance(kit.factory(5), Weigher):
        check_weigher(partial(kit.session, 5), kit.episodes)


def _refused(kit: _Kit, teacher: Teacher[Any], what: str, call: Callable[[], object]) -> None:
    """Raise `ContractError` unless the call raises ValueError and the teacher is as before."""
    # Whole states are compared: a refusal that changed a little would be found much later.
    before = teacher.state_dict()
    try:
        call()
    except ValueError:
        _unchanged(kit, teacher, before, f"{what}, which was refused,")
    except Exception as error:
        raise kit.fail(f"{what} must raise ValueError, not {error!r}") from error
    else:
        raise kit.fail(f"{what} must raise ValueError")


def _unchanged(kit: _Kit, teacher: Teacher[Any], before: dict[str, Any], what: str) -> None:
    if where := difference(before, teacher.state_dict()):
        raise kit.fail(f"{what} must not change the teacher; {where} differs")


def _outside(teacher: Teacher[Any], tasks: Array) -> Array | None:
    """Return the tasks with one outside the space, or None if every array of that shape is a task."""
    space = teacher.space
    moved = tasks.astype(np.float64)
    # One above the highest value: the first row stays good, so that every row has to be checked.
    if (ends := spaces.ends(space)) is not None:
        moved[1] = ends[1].astype(np.float64) + 1
    else:
        moved = tasks.copy()
        moved[1] = np.iinfo(tasks.dtype).max if tasks.dtype.kind in "iu" else 1
    if spaces.contains_each(space, moved).all():
        return None
    return moved


_RULES: tuple[Callable[[_Kit], None], ...] = (
    _declarations,
    _arguments,
    _batch_sizes,
    _any_order,
    _rows_not_asked_for,
    _reproducible,
    _alone,
    _resumes,
    _keeps_its_own_arrays,
    _refuses_ids,
    _refuses_values,
    _reports,
    _weighs,
)
