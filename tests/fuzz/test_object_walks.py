"""Live objects besides teachers: level buffers, records, ledgers, plans, spaces, students without a model."""

import copy

import numpy as np
import pytest
from task_spaces import Bits
from walks import REFUSED, spoil, walks

from teacherstudent import Assignment, LevelBuffer, Outcomes, Plan, spaces
from teacherstudent.contract.accounts.ledger import Ledger
from teacherstudent.contract.spaces import Box, Discrete, Parameters
from teacherstudent.envs.toy_grid import ToyGrid
from teacherstudent.students.competence import CompetenceStudent
from teacherstudent.testing.sessions import through_file

SPACES = (
    Parameters(a=(0, 1), b=(-3, 2)),
    Box(-128, 127, (2,), np.int8),
    Box(np.float32(-0.1), np.float32(0.7), (2, 1), np.float32),
    Discrete(5, start=-2),
    Bits(),
)


def some_tasks(walk, space, most=6):
    return spaces.sample(space, walk.rng, int(walk.rng.integers(0, most)))


def odd_column(walk, column):
    """Return a column that is spoiled in some way, or right."""
    number = walk.one_of(np.nan, np.inf, -np.inf, 1e300, -1.0, 0.5, 2.0**63)
    with np.errstate(all="ignore"):
        return walk.one_of(
            lambda: walk.odd()[1],
            lambda: np.asarray(column)[..., None],
            lambda: np.asarray(column).astype("U"),
            lambda: np.asarray(column).astype(object),
            lambda: np.asarray(column)[:-1],
            lambda: np.full(np.shape(column), number),
            lambda: np.asarray(column).tolist(),
            lambda: [[1], [2, 3]],
        )()


class BufferWalk:
    """One level buffer."""

    def __init__(self, walk, space):
        self.walk, self.space = walk, space
        options = {
            "capacity": int(walk.rng.integers(1, 9)),
            "priority": walk.one_of("rank", "proportional", "topk"),
            "staleness": walk.one_of(0.0, 0.3, 1.0),
            "temperature": walk.one_of(0.1, 1.0, float("inf")),
            "evict": walk.one_of("replay", "score"),
            "semantics": walk.one_of("dcd", "jaxued"),
            "ties": walk.one_of("shared", "slot"),
            "rows": walk.one_of("last", "mean"),
            "blend": walk.one_of(1.0, 0.3),
        }
        self.make = lambda: LevelBuffer(space, **options)
        self.buffer = self.make()

    def call(self, what, call):
        return self.walk.call(what, call, self.buffer.state_dict)

    def advance(self):
        getattr(self, self.walk.one_of("insert", "insert", "update", "sample", "other", "look", "load"))()

    def insert(self):
        walk, levels = self.walk, some_tasks(self.walk, self.space)
        n = len(levels)
        given = {"levels": levels, "scores": np.round(walk.rng.normal(size=n), 1)}
        if walk.chance(0.5):
            given["returns"] = walk.rng.normal(size=n)
        if walk.chance(0.3):
            given |= {"parents": walk.rng.integers(0, 9, n), "edits": walk.rng.integers(0, 9, n)}
        if walk.chance(0.3):
            given["met"] = self.buffer.meet(n)
        if walk.chance(0.4):
            name = walk.one_of(*given)
            given[name] = odd_column(walk, given[name])
        slots = self.call(f"insert({given!r})", lambda: self.buffer.insert(**given))
        if slots is not REFUSED:
            assert len(slots) == len(given["levels"])
            self.look()

    def update(self):
        walk = self.walk
        keys = np.append(walk.rng.permutation(self.buffer.keys.copy())[:3], 77)
        given = {
            "keys": keys,
            "scores": walk.rng.normal(size=len(keys)),
            "returns": walk.rng.random(len(keys)),
        }
        if walk.chance(0.4):
            name = walk.one_of(*given)
            given[name] = odd_column(walk, given[name])
        if self.call(f"update({given!r})", lambda: self.buffer.update(**given)) is not REFUSED:
            self.look()

    def sample(self):
        n = self.walk.or_odd(int(self.walk.rng.integers(0, 5)))
        if n is True or (isinstance(n, int | float) and n > 10**6):
            n = -1
        slots = self.call(f"sample({n!r})", lambda: self.buffer.sample(self.walk.rng, n))
        if slots is not REFUSED:
            assert (slots < len(self.buffer)).all()
            assert (slots >= 0).all()

    def other(self):
        walk = self.walk
        n = walk.or_odd(2)
        keys = odd_column(walk, np.arange(3))
        what = walk.one_of("clear", "meet", "find", "effective_size")
        calls = {
            "clear": self.buffer.clear,
            "meet": lambda: self.buffer.meet(n),
            "find": lambda: self.buffer.find(keys),
            "effective_size": self.buffer.effective_size,
        }
        self.call(f"{what} {n!r} {keys!r}", calls[what])

    def look(self):
        shares = self.call("probabilities", self.buffer.probabilities)
        assert len(shares) == len(self.buffer)
        if len(shares) and not (np.isclose(shares.sum(), 1) and (shares >= 0).all()):
            self.walk.fail(f"expected probabilities, got {shares}")
        assert spaces.contains_each(self.space, self.buffer.levels).all()

    def load(self):
        state = through_file(self.buffer.state_dict())
        what, bad = spoil(self.walk, state) if self.walk.chance(0.7) else ("its own", state)
        if self.call(f"load_state_dict({what})", lambda: self.buffer.load_state_dict(bad)) is not REFUSED:
            self.look()
            if len(self.buffer):
                self.buffer.sample(self.walk.rng, 2)


def test_level_buffers():
    walks(
        "level buffer", 0.08, lambda walk: BufferWalk(walk, SPACES[walk.seed % len(SPACES)]).advance, least=5
    )


def records(walk):
    """Make records of right and wrong columns, and take rows of them."""

    def make():
        kind = walk.one_of(Assignment, Outcomes)
        tasks = some_tasks(walk, walk.one_of(*SPACES))
        n = len(tasks)
        given = {"ids": np.arange(n), "tasks": tasks}
        if kind is Assignment:
            given |= {name: walk.rng.integers(3, size=n) for name in ("purpose", "member", "origin")}
            given["notes"] = {"a": np.ones(n)}
        else:
            given |= {"score": np.ones(n), "cost": np.ones(n), "signals": {"a": np.ones((n, 2))}}
        if walk.chance(0.6):
            name = walk.one_of(*given)
            given[name] = odd_column(walk, given[name] if name not in ("signals", "notes") else np.ones(n))
            if name in ("signals", "notes") and walk.chance(0.5):
                given[name] = {walk.one_of("a", 3, None): given[name]}
        made = walk.call(f"{kind.__name__}({given!r})", lambda: kind(**given))
        if made is REFUSED:
            return
        rows = walk.one_of(slice(0, 1), np.arange(min(1, len(made))), np.zeros(len(made), bool))
        part = walk.call(f"select({rows!r})", lambda: made.select(rows))
        whole = walk.call("concatenate", lambda: kind.concatenate([made, part]))
        assert len(whole) == len(made) + len(part)

    return make


def test_records():
    walks("records", 0.06, records)


def ledgers(walk):
    """Count costs, right and wrong, save and load."""
    ledger = Ledger(float(walk.rng.integers(0, 3)))

    def state():
        return {name: value for name, value in ledger.state_dict().items() if name != "seconds"}

    def make():
        what = walk.one_of("absorb", "absorb_teacher", "load")
        if what == "load":
            how, bad = spoil(walk, through_file(ledger.state_dict()))
            walk.call(f"load_state_dict({how})", lambda: ledger.load_state_dict(bad), state)
        else:
            name = walk.one_of(
                "train", "measure", "edit", "before", "evaluate", "adversary", "updates", 3, "x"
            )
            given = walk.or_odd({name: walk.or_odd(2.0), "train": 1.0})
            walk.call(f"{what}({given!r})", lambda: getattr(ledger, what)(given), state)
        assert np.isfinite(ledger.spent)
        assert all(np.isfinite(value) for value in ledger.as_dict().values())

    return make


def test_ledgers():
    walks("ledger", 0.04, ledgers)


def plans(walk):
    """Plans of odd numbers, and what they say."""

    def make():
        given = {"budget": 100.0}
        for name in ("charged", "test_every", "checkpoint_every", "record_every", "test_seed", "keep"):
            if walk.chance(0.3):
                given[name] = walk.or_odd(2, 0.5)
        if walk.chance(0.3):
            given["budget"] = walk.odd()[1]
        plan = walk.call(f"Plan({given!r})", lambda: Plan(**given))
        if plan is not REFUSED:
            for interval in plan.intervals().values():
                walk.call("elapsed", lambda interval=interval: interval.elapsed(plan.budget))
            walk.call("may_fail", lambda: plan.may_fail(30))

    return make


def test_plans():
    walks("plan", 0.03, plans)


def space_calls(walk):
    """Functions of `teacherstudent.contract.spaces` with right and odd arguments."""
    space = SPACES[walk.seed % len(SPACES)]

    def make():
        tasks = some_tasks(walk, space)
        given = odd_column(walk, tasks) if walk.chance(0.6) else tasks
        other = walk.or_odd(walk.one_of(*SPACES))
        calls = {
            "check_tasks": lambda: spaces.check_tasks(space, given, "here"),
            "check_space": lambda: spaces.check_space(other),
            "check_like": lambda: spaces.check_like(space, other, "here"),
            "describe": lambda: spaces.describe(other),
            "named": lambda: spaces.named(other),
            "holds": lambda: spaces.holds(space, other),
            "sample": lambda: spaces.sample(other, walk.rng, 3),
            "around": lambda: spaces.around(space, tasks),
            "hull": lambda: spaces.hull(space, space),
            "names": lambda: spaces.dimension_names(space),
        }
        if isinstance(space, Box):
            calls["unit"] = lambda: spaces.from_unit(space, spaces.to_unit(space, tasks))
        name = walk.one_of(*calls)
        found = walk.call(f"{name}({given!r}, {other!r})", calls[name])
        if name == "check_tasks" and found is not REFUSED:
            assert found.dtype == space.dtype
            assert spaces.contains_each(space, found).all()
        if name == "unit":
            assert spaces.contains_each(space, found).all()

    return make


def test_spaces():
    walks("spaces", 0.04, space_calls, least=5)


class StudentWalk:
    """The competence student: trained, tested, saved and loaded."""

    def __init__(self, walk):
        self.walk, self.family = walk, ToyGrid(dims=2, cells=3)
        noise = walk.one_of(0.0, 0.1)
        self.make = lambda: CompetenceStudent(self.family, seed=walk.seed, batch=3, noise=noise)
        self.student = self.make()

    def call(self, what, call):
        return self.walk.call(what, call, lambda: copy.deepcopy(self.student.state_dict()))

    def advance(self):
        walk, student = self.walk, self.student
        what = walk.one_of("train", "train", "evaluate", "look", "load")
        tasks = some_tasks(walk, self.family.space)
        if walk.chance(0.4):
            tasks = odd_column(walk, tasks)
        if what == "train":
            assignment = walk.or_odd(None, 0.1)
            try:
                n = len(tasks)
                made = Assignment(ids=np.arange(n), tasks=tasks, purpose=walk.rng.integers(3, size=n))
            except (TypeError, ValueError):
                made = assignment
            self.call(f"train({made!r})", lambda: student.train(made))
        elif what == "evaluate":
            seed = walk.or_odd(3)
            self.call(f"evaluate({tasks!r}, {seed!r})", lambda: student.evaluate(tasks, seed=seed))
        elif what == "look":
            for name in ("wants", "spent", "holds", "metrics", "round_cost"):
                self.call(name, getattr(student, name))
        else:
            how, bad = spoil(walk, through_file(student.state_dict()))
            if self.call(f"load_state_dict({how})", lambda: student.load_state_dict(bad)) is not REFUSED:
                self.call(
                    "train after it",
                    lambda: student.train(
                        Assignment(ids=[0], tasks=spaces.sample(self.family.space, walk.rng, 1))
                    ),
                )
                self.call("metrics after it", student.metrics)


def test_competence():
    walks("competence", 0.04, lambda walk: StudentWalk(walk).advance)


@pytest.mark.parametrize("seed", range(3))
def test_a_walk_can_be_repeated(seed):
    from walks import Walk

    first, again = (BufferWalk(Walk("again", seed), SPACES[0]) for _ in range(2))
    for _ in range(10):
        first.advance()
        again.advance()
    assert np.array_equal(first.buffer.levels, again.buffer.levels)
