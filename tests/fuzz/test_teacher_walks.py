"""Every teacher on every kind of space: asks, tells, drops, saves and loads in any order, right and wrong."""

import inspect

import numpy as np
import pytest
from curricula import curriculum
from task_spaces import Bits, easy_tasks, spaces_for
from walks import REFUSED, spoil, walks

from teacherstudent import teachers
from teacherstudent.contract.spaces import Box, Discrete, Parameters
from teacherstudent.contract.types import Assignment, Outcomes
from teacherstudent.recording.disk import checkpoint
from teacherstudent.testing.sessions import check_assignment, plausible_outcomes, through_file

SPACES = {
    "float64": Box(-1.0, 1.0, (2,), np.float64),
    "float32": Box(np.float32(-0.1), np.float32(0.7), (3, 1), np.float32),
    "int8": Box(-128, 127, (2,), np.int8),
    "uint8": Box(0, 255, (2,), np.uint8),
    "int64": Box(-3, 4, (1,), np.int64),
    "parameters": Parameters(height=(0, 3), spacing=(-2, 6)),
    "discrete": Discrete(6, start=-2),
    "one": Discrete(1, start=3),
    "levels": Bits(),
}
MIXTURE = {"fit_rate": 20, "n_components": (2, 3)}
ADVERSARY = {"adversary": {"noise": 2, "hidden": (4,), "epochs": 1, "minibatches": 1}}
REPLAY = {"buffer": {"capacity": 8, "temperature": 1.0}}
OPTIONS = {
    "minimax": ADVERSARY,
    "paired": ADVERSARY,
    "repaired": ADVERSARY | {"replay": 0.5, **REPLAY},
    "alp-gmm": MIXTURE,
    "covar-gmm": MIXTURE,
    "riac": {"region_size": 8},
    "currot": {"particles": 8, "batch": 4},
    "gradient": {"particles": 8, "batch": 4, "stages": 2},
    "spdl": {"batch": 4},
    "adr": {"queue": 2},
    "reverse": {"new": 3, "old": 2},
    "goal-gan": {
        "update_size": 4,
        "gan": {"pretrain": 2, "iterations": 2, "batch_size": 3, "maker": (4,), "critic": (4,)},
    },
    "setter-solver": {
        "fit_rate": 10,
        "steps": 1,
        "window": 30,
        "networks": {"hidden": 4, "judge": (4,), "blocks": 1, "layers": 1, "batch_size": 5},
    },
    "vds": {
        "fit_rate": 10,
        "steps": 2,
        "window": 30,
        "candidates": 9,
        "ensemble": {"networks": 2, "hidden": (4,), "batch_size": 5},
    },
    "intermediate": {"fit_rate": 10, "candidates": 9, "window": 30},
    "plr": REPLAY,
    "robust-plr": REPLAY,
    "accel": REPLAY,
    "parallel-plr": REPLAY,
    "parallel-accel": REPLAY,
    "sfl": {"refresh": 3, "candidates": 6, "attempts": 2, "keep": 3},
    "compose": {"parts": ("lerac",)},
}
"""Options that bring several phases within few tasks."""


def make(name, space, seed):
    """Return a teacher with what a launcher would fill in."""
    known = {
        "score_range": (0.0, 1.0),
        "mastered": 0.3,
        "difficulty_step": (1,) * int(np.prod(space.shape)),
        "easy": easy_tasks(space),
    }
    if name == "again" and isinstance(space, Box):
        known |= {"curriculum": curriculum(space), "episodes": 5, "alp_gmm": MIXTURE}
    taken = inspect.signature(teachers.get(name)).parameters
    filled = {key: value for key, value in known.items() if key in taken}
    return teachers.make(name, space, seed=seed, **(filled | OPTIONS.get(name, {})))


NUMBERS = (np.nan, np.inf, -np.inf, 1e300, -1e300, 1e154, -1.0, 1e-300, 2**63)


class TeacherWalk:
    """One teacher, the tasks that it handed out, and calls of all kinds."""

    def __init__(self, walk, name, space):
        self.walk, self.space = walk, space
        self.make = lambda: make(name, space, walk.seed)
        self.teacher = self.make()
        self.tasks = {}  # by id, of those that are open
        self.steps = 0

    def state(self):
        return self.teacher.state_dict()

    def call(self, what, call):
        return self.walk.call(what, call, self.state)

    def advance(self):
        names = ["ask", "tell", "drop", "look", "save", "load"]
        chosen = self.walk.rng.choice(names, p=[0.36, 0.4, 0.08, 0.04, 0.06, 0.06])
        getattr(self, chosen)()

    def ask(self):
        walk = self.walk
        n = walk.or_odd(int(walk.rng.integers(1, 7)), 0.15)
        progress = walk.or_odd(float(walk.rng.random()), 0.15)
        given = self.call(
            f"ask({n!r}, progress={progress!r})", lambda: self.teacher.ask(n, progress=progress)
        )
        if given is not REFUSED:
            self.check(given, int(n))

    def check(self, given, n):
        check_assignment(self.teacher, given, n)
        self.tasks |= dict(zip(given.ids.tolist(), given.tasks.copy(), strict=True))

    def rows(self):
        """Return the columns of outcomes of some open tasks and perhaps of others."""
        walk, open_ids = self.walk, self.teacher.outstanding
        ids = walk.rng.permutation(open_ids)[: int(walk.rng.integers(0, 6))]
        tasks = [self.tasks[i] for i in ids.tolist()]
        if walk.chance(0.2):
            ids, tasks = np.append(ids, -1), [*tasks, self.drawn()]
        tasks = np.array(tasks, self.space.dtype).reshape(len(ids), *self.space.shape)
        played = plausible_outcomes(self.teacher, Assignment(ids=ids, tasks=tasks), walk.rng)
        columns = {x: getattr(played, x).copy() for x in ("ids", "tasks", "score", "cost")}
        extra = {}
        if walk.chance(0.2):
            extra[walk.one_of("max_return", "success", "length", "seen")] = walk.rng.random(len(ids))
        return columns | {"signals": {**extra, **played.signals}}

    def drawn(self):
        if hasattr(self.space, "draw"):
            return self.space.draw(self.walk.rng, 1)[0]
        low, high = (
            (self.space.start, self.space.start + self.space.n - 1)
            if isinstance(self.space, Discrete)
            else (self.space.low, self.space.high)
        )
        return self.walk.one_of(np.asarray(low, self.space.dtype), np.asarray(high, self.space.dtype))

    def spoiled(self, columns):
        """Return the columns with one of them spoiled."""
        walk = self.walk
        name = walk.one_of(*columns)
        if name == "signals":
            return self.spoiled_signals(columns)
        given = columns[name]
        how = walk.one_of("odd", "number", "twice", "shape", "text", "object", "float", "short", "list")
        value = {
            "odd": lambda: walk.odd()[1],
            "number": lambda: self.number_in(given),
            "twice": lambda: np.concatenate([given, given]),
            "shape": lambda: given[..., None],
            "text": lambda: given.astype("U"),
            "object": lambda: given.astype(object),
            "float": lambda: given.astype(np.float64) + walk.one_of(0, 0.25, 1000),
            "short": lambda: given[:-1],
            "list": lambda: given.tolist(),
        }[how]()
        if how == "twice" and walk.chance(0.7):  # whole rows twice
            every = {x: np.concatenate([columns[x]] * 2) for x in ("ids", "tasks", "score", "cost")}
            return every | {"signals": {x: np.concatenate([v, v]) for x, v in columns["signals"].items()}}
        return columns | {name: value}

    def number_in(self, given):
        other = given.astype(np.float64)
        if other.size:
            other.flat[int(self.walk.rng.integers(other.size))] = self.walk.one_of(*NUMBERS)
        return other

    def spoiled_signals(self, columns):
        walk, signals = self.walk, dict(columns["signals"])
        if not signals:
            return columns | {"signals": walk.odd()[1]}
        name = walk.one_of(*signals)
        values = signals.pop(name)
        how = walk.one_of("missing", "number", "shape", "pairs", "text", "odd")
        if how != "missing":
            signals[name] = {
                "number": lambda: self.number_in(values),
                "shape": lambda: values[..., None],
                "pairs": lambda: np.stack([values, values], axis=-1),
                "text": lambda: values.astype("U"),
                "odd": lambda: walk.odd()[1],
            }[how]()
        return columns | {"signals": signals}

    def tell(self):
        columns = self.rows()
        if spoiled := self.walk.chance(0.45):
            columns = self.spoiled(columns)

        def tell():
            given = Outcomes(**columns)
            before = given.ids.copy()
            self.teacher.tell(given)
            assert np.array_equal(before, given.ids)

        if self.walk.chance(0.02):
            value = self.walk.odd()[1]
            self.call(f"tell({value!r})", lambda: self.teacher.tell(value))
            return
        if self.call(f"tell({columns!r})", tell) is REFUSED and not spoiled:
            self.walk.fail("right outcomes were refused")

    def drop(self):
        open_ids = self.walk.rng.permutation(self.teacher.outstanding)
        ids = open_ids[: int(self.walk.rng.integers(0, 3))]
        if self.walk.chance(0.4):
            ids = self.walk.one_of(
                self.walk.odd()[1], np.array([10**6]), np.array([-1]), ids.astype(float), np.append(ids, ids)
            )
        self.call(f"drop({ids!r})", lambda: self.teacher.drop(ids))

    def look(self):
        before = self.state()
        metrics = self.call("metrics", self.teacher.metrics)
        if not all(np.isfinite(value) for value in metrics.values()):
            self.walk.fail(f"expected finite metrics, got {metrics}")
        if not checkpoint.is_plain(self.call("snapshot", self.teacher.snapshot)):
            self.walk.fail("expected a snapshot of plain data")
        self.call("spent", self.teacher.spent)
        self.call("first_action", self.teacher.first_action)
        if checkpoint_difference(before, self.state()):
            self.walk.fail("looking changes the state")

    def save(self):
        """Go on with another teacher that takes over the state; both give the same next tasks."""
        fresh = self.make()
        state = through_file(self.state())
        self.walk.call("load_state_dict(its own)", lambda: fresh.load_state_dict(state), fresh.state_dict)
        old, new = self.teacher.ask(2), fresh.ask(2)
        if not np.array_equal(old.tasks, new.tasks):
            self.walk.fail("a loaded teacher goes on with other tasks")
        self.teacher = fresh
        self.check(new, 2)

    def load(self):
        """Load a state of which one entry is spoiled; where it is taken, the teacher must go on."""
        state = self.state()
        what, bad = spoil(self.walk, state)
        if self.call(f"load_state_dict({what})", lambda: self.teacher.load_state_dict(bad)) is REFUSED:
            return
        for _ in range(3):
            given = self.call("ask(3) after it", lambda: self.teacher.ask(3))
            check_assignment(self.teacher, given, 3)
            played = plausible_outcomes(self.teacher, given, self.walk.rng)
            self.call("tell after it", lambda played=played: self.teacher.tell(played))
        self.look()
        self.teacher, self.tasks = self.make(), {}


def checkpoint_difference(a, b):
    from teacherstudent.testing.sessions import difference

    return difference(a, b)


@pytest.mark.parametrize("name", teachers.names())
def test_teachers(name):
    places = list(spaces_for(name, SPACES).values())

    def begin(walk):
        return TeacherWalk(walk, name, places[walk.seed % len(places)]).advance

    walks(f"teachers: {name}", 0.6 / len(teachers.names()), begin)
