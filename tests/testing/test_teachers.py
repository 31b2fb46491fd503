"""The kit for teachers must pass a sound teacher and catch each of these broken ones."""

import dataclasses
import random

import numpy as np
import pytest
from gymnasium.spaces import Box, Discrete

from teacherstudent import spaces, teachers
from teacherstudent.contract.checks import check_names
from teacherstudent.contract.purposes import Purpose
from teacherstudent.contract.spaces import Levels, Parameters
from teacherstudent.contract.stored.saved import difference, saved_array, saved_number
from teacherstudent.contract.teacher import Teacher
from teacherstudent.contract.types import Assignment, Outcomes
from teacherstudent.testing import check_teacher
from teacherstudent.testing.sessions import ContractError, replaced


class Sound(Teacher):
    """Prefers the best of the last 30 tasks; keeps a mean, and a note of each outstanding task."""

    accepts = (Box, Discrete, Levels)
    needs = frozenset({"value"})

    def __init__(self, space, *, seed):
        super().__init__(space, seed=seed)
        self.tasks, self.scores, self.notes = np.empty((0, *space.shape)), np.empty(0), {}

    def _ask(self, ids, progress):
        tasks = spaces.sample(self.space, self.rng, len(ids))
        if len(self.scores):
            again = self.rng.random(len(ids)) < 0.3
            tasks[again] = self.tasks[np.argmax(self.scores)]
        self.notes |= dict.fromkeys(ids.tolist(), 1.0)
        return Assignment(ids=ids, tasks=tasks)

    def _tell(self, outcomes):
        score = outcomes.score + outcomes.signals["value"]
        self.tasks = np.concatenate([self.tasks, outcomes.tasks])[-30:]
        self.scores = np.concatenate([self.scores, score])[-30:]
        for i in outcomes.ids[outcomes.ids >= 0].tolist():
            del self.notes[i]

    def _drop(self, ids):
        for i in ids.tolist():
            del self.notes[i]

    def _state(self):
        notes = {str(i): note for i, note in self.notes.items()}
        return {"tasks": self.tasks.copy(), "scores": self.scores.copy(), "notes": notes}

    def _load(self, state):
        check_names("state", ("tasks", "scores", "notes"), state)
        scores = saved_array("scores", state["scores"], np.float64, (None,))
        tasks = saved_array("tasks", state["tasks"], np.float64, (len(scores), *self.space.shape))
        if not spaces.contains_each(self.space, tasks).all():
            raise ValueError("tasks: expected tasks of the space")
        self.tasks, self.scores = tasks, scores
        self.notes = {int(i): note for i, note in state["notes"].items()}
        if not set(self.notes) <= set(self.outstanding.tolist()) or set(self.notes.values()) - {1.0}:
            raise ValueError("notes: expected 1 for outstanding ids")

    def metrics(self):
        return {"best": float(self.scores.max())} if len(self.scores) else {}

    def snapshot(self):
        return {"tasks": self.tasks.copy(), "scores": self.scores.copy()}


class Bits(Levels):
    """Levels of four bits, of which at least one is set."""

    def __init__(self):
        super().__init__((4,), np.uint8)

    def draw(self, rng, n):
        bits = rng.integers(0, 2, (n, 4), dtype=np.uint8)
        bits[~bits.any(axis=1), 0] = 1
        return bits

    def mutate(self, rng, tasks, edits=1):
        return self.draw(rng, len(tasks))

    def key(self, tasks):
        return tasks.astype(np.int64) @ np.array([1, 2, 4, 8])

    def contains_each(self, tasks):
        return (tasks <= 1).all(axis=1) & tasks.any(axis=1)


class Fixed(Sound):
    """Always asks for the same task, whatever the seed."""

    def _ask(self, ids, progress):
        super()._ask(ids, progress)
        return Assignment(ids=ids, tasks=np.tile(self.space.low, (len(ids), 1)))


SPACE = Parameters(a=(0, 3), b=(-1, 1))


@pytest.mark.parametrize("space", [SPACE, Box(-1, 1, (2, 3), np.float32), Discrete(9, start=4), Bits()])
def test_a_sound_teacher_passes(space):
    check_teacher(lambda seed: Sound(space, seed=seed))


def test_a_teacher_that_says_what_measured_rows_must_carry_passes():
    check_teacher(lambda seed: Measures(SPACE, seed=seed), episodes=60)


def test_a_teacher_that_has_few_tasks_passes():
    check_teacher(lambda seed: Short(SPACE, seed=seed))


def test_a_deterministic_teacher_passes_if_it_says_so():
    check_teacher(lambda seed: Fixed(SPACE, seed=seed), deterministic=True)
    with pytest.raises(AssertionError, match="different seeds must give different tasks"):
        check_teacher(lambda seed: Fixed(SPACE, seed=seed))


def test_a_custom_play_is_used():
    def play(teacher, assignment, rng):
        n = len(assignment)
        used.append(n)
        signals = {"value": np.full(n, 0.25)}
        return Outcomes(
            ids=assignment.ids, tasks=assignment.tasks, score=np.zeros(n), cost=np.ones(n), signals=signals
        )

    used = []
    check_teacher(lambda seed: Sound(SPACE, seed=seed), play=play, episodes=50)
    assert len(used) > 50


class GlobalNumpy(Sound):
    def _ask(self, ids, progress):
        np.random.random()  # noqa: NPY002
        return super()._ask(ids, progress)


class GlobalRandom(Sound):
    def _tell(self, outcomes):
        random.random()
        super()._tell(outcomes)


class Unseeded(Sound):
    def _ask(self, ids, progress):
        self.rng.bit_generator.state = np.random.PCG64().state
        return super()._ask(ids, progress)


class OneSeed(Sound):
    def __init__(self, space, *, seed):
        super().__init__(space, seed=3)


class Shared(Sound):
    askers = [None]

    def _ask(self, ids, progress):
        assignment = super()._ask(ids, progress)
        if self in self.askers and self.askers[-1] is not self:  # another one asked in between
            assignment.tasks[:] = self.space.low
        self.askers.append(self)
        return assignment


class SharedGenerator(Sound):
    generator = np.random.default_rng(0)

    def __init__(self, space, *, seed):
        super().__init__(space, seed=seed)
        self.rng = self.generator


class Forgetful(Sound):
    def _state(self):
        return {"tasks": self.tasks.copy(), "notes": dict.fromkeys(map(str, self.notes), 1.0)}

    def _load(self, state):
        check_names("state", ("tasks", "notes"), state)
        self.tasks = state["tasks"].copy()
        self.notes = {int(i): note for i, note in state["notes"].items()}


class Tolerant(Sound):
    def _load(self, state):
        super()._load({"tasks": self.tasks, "scores": self.scores, "notes": {}} | state)


class Merges(Sound):
    def _load(self, state):
        notes = self.notes
        super()._load(state)
        self.notes = notes | self.notes


class LooksUp(Sound):
    def _load(self, state):
        self.tasks, self.scores = state.get("tasks").copy(), state["scores"].copy()
        self.notes = {int(i): note for i, note in state["notes"].items()}


class InPlace(Sound):
    def _tell(self, outcomes):
        self.scores *= 0.9  # harmless only if nobody else holds the array
        super()._tell(outcomes)


class LiveState(InPlace):
    def _state(self):
        return super()._state() | {"scores": self.scores}


class LiveLoad(InPlace):
    def _load(self, state):
        super()._load(state)
        self.scores = state["scores"]


class NotPlain(Sound):
    def _state(self):
        return super()._state() | {"notes": {(i, 1): note for i, note in self.notes.items()}}


class SavingDraws(Sound):
    def _state(self):
        self.rng.random()
        return super()._state()


class OneAtATime(Sound):
    def _tell(self, outcomes):
        if len(outcomes) != 1:
            raise IndexError("one row only")
        super()._tell(outcomes)


class InOrder(Sound):
    def _tell(self, outcomes):
        super()._tell(outcomes)
        if self.notes and outcomes.ids.max() > min(self.notes) >= 0:
            raise RuntimeError("told out of order")


class Asserts(Sound):
    def _tell(self, outcomes):
        assert (np.diff(outcomes.ids) >= 0).all()
        super()._tell(outcomes)


class AskedOnly(Sound):
    def _tell(self, outcomes):
        for i in outcomes.ids.tolist():
            del self.notes[i]
        self.notes |= dict.fromkeys(outcomes.ids.tolist(), 1.0)
        super()._tell(outcomes)


class Outside(Sound):
    def _ask(self, ids, progress):
        assignment = super()._ask(ids, progress)
        return Assignment(ids=ids, tasks=np.where(ids[:, None] == 77, 5.0, assignment.tasks))


class WrongType(Sound):
    def _ask(self, ids, progress):
        return Assignment(ids=ids, tasks=super()._ask(ids, progress).tasks.astype(np.float32))


class OwnIds(Sound):
    def _ask(self, ids, progress):
        return Assignment(ids=ids + 1, tasks=super()._ask(ids, progress).tasks)


class Short(Sound):
    """Has no more than five tasks at a time."""

    def _ask(self, ids, progress):
        return super()._ask(ids, progress).select(slice(0, 5))


class TooFew(Short):
    granularity = "rollout"


class Never(Sound):
    def _ask(self, ids, progress):
        return super()._ask(ids, progress).select(slice(0, 0))


class NanMetrics(Sound):
    def metrics(self):
        return {"best": float(np.max(self.scores, initial=-np.inf))}


class CrashingMetrics(Sound):
    def metrics(self):
        return {"best": float(self.scores.max())}


class DrawingMetrics(Sound):
    def metrics(self):
        return {"guess": float(self.rng.random())}


class ObjectSnapshot(Sound):
    def snapshot(self):
        return {"space": self.space}


class LiveSnapshot(Sound):
    def snapshot(self):
        return {"scores": self.scores}


class KeepsViews(Sound):
    def _tell(self, outcomes):
        super()._tell(outcomes)
        self.scores = outcomes.score[-30:]
        self.tasks = outcomes.tasks[-30:]


class Scales(Sound):
    def _tell(self, outcomes):
        outcomes.score[:] = outcomes.score / 2
        super()._tell(outcomes)


class TrustsScores(Sound):
    def tell(self, outcomes):
        if not np.isfinite(outcomes.score).all():
            return
        super().tell(outcomes)


class TrustsIds(Sound):
    def tell(self, outcomes):
        super().tell(outcomes.select(np.isin(outcomes.ids, [-1, *self.outstanding])))


class TrustsTasks(Sound):
    def tell(self, outcomes):
        if outcomes.tasks.shape[1:] == self.space.shape:
            tasks = np.clip(outcomes.tasks, self.space.low, self.space.high)
            outcomes = Outcomes(
                ids=outcomes.ids,
                tasks=tasks,
                score=outcomes.score,
                cost=outcomes.cost,
                signals=outcomes.signals,
            )
        super().tell(outcomes)


class HalfTells(Sound):
    def tell(self, outcomes):
        self.scores = np.append(self.scores, 0.0)[-30:]
        self.tasks = np.append(self.tasks, [self.space.low], axis=0)[-30:]
        super().tell(outcomes)


class NoNeeds(Sound):
    def tell(self, outcomes):
        value = np.zeros(len(outcomes))
        if "value" not in outcomes.signals:
            outcomes = Outcomes(
                ids=outcomes.ids,
                tasks=outcomes.tasks,
                score=outcomes.score,
                cost=outcomes.cost,
                signals={"value": value},
            )
        super().tell(outcomes)


class AnyNumber(Sound):
    def ask(self, n=1, *, progress=0.0):
        return super().ask(max(n, 1), progress=progress)


class NeedsList(Sound):
    needs = ["value"]


class Measures(Sound):
    """Measures every other row, of which it must know the gap."""

    measures = frozenset({"value", "gap"})

    def _ask(self, ids, progress):
        purpose = np.where(ids % 2 == 0, Purpose.MEASURE, Purpose.TRAIN)
        return dataclasses.replace(super()._ask(ids, progress), purpose=purpose)

    def _tell(self, outcomes):
        # What a student must not say of rows that it trains on is never read of these.
        assert np.isfinite(outcomes.signals["gap"][~outcomes.learn]).all()
        super()._tell(outcomes)


class MeasuresUndeclared(Measures):
    measures = frozenset({"gap"})


class NoGap(Measures):
    """Takes measured rows without the gap."""

    def tell(self, outcomes):
        gap = np.nan_to_num(outcomes.signals.get("gap", np.zeros(len(outcomes))))
        super().tell(replaced(outcomes, signals={**outcomes.signals, "gap": gap}))


class ReadsList(Sound):
    reads = ["gap"]


class Granular(Sound):
    granularity = "epoch"


class OddNotes(Sound):
    def _ask(self, ids, progress):
        notes = {"kind": np.zeros(len(ids))} if len(ids) % 2 else {}
        return dataclasses.replace(super()._ask(ids, progress), notes=notes)


class OwnNotes(Sound):
    def _ask(self, ids, progress):
        return dataclasses.replace(super()._ask(ids, progress), notes={"score": np.zeros(len(ids))})


class HalfReads(Sound):
    reads = frozenset({"note"})

    def tell(self, outcomes):
        """Skip the gate of the base class."""
        signals = {name: column for name, column in outcomes.signals.items() if name != "note"}
        super().tell(replaced(outcomes, signals=signals))


class TrustsStates(Sound):
    def _load(self, state):
        check_names("state", ("tasks", "scores", "notes"), state)
        self.tasks, self.scores = state["tasks"].copy(), state["scores"].copy()
        self.notes = {int(i): note for i, note in state["notes"].items()}


class Weighs(Sound):
    """Weighs by a fixed share of the running mean of losses."""

    mean = 1.0

    def weigh(self, batch):
        self.mean += 0.1 * (float(batch.loss_numbers.mean()) - self.mean)
        return 1 / (1 + batch.loss_numbers / self.mean)

    def _state(self):
        return super()._state() | {"mean": self.mean}

    def _load(self, state):
        super()._load({name: part for name, part in state.items() if name != "mean"})
        self.mean = saved_number("mean", state["mean"], 0, 1e9)


class WeighsTensors(Weighs):
    """Gives half the weight to examples that are classified as labelled."""

    differentiable = True

    def weigh(self, batch):
        return batch.losses.exp().clamp(max=9) * (1 - 0.5 * (batch.logits.argmax(1) == batch.labels).float())


@pytest.mark.parametrize("kind", [Weighs, WeighsTensors])
def test_a_sound_teacher_that_weighs_passes(kind):
    check_teacher(lambda seed: kind(SPACE, seed=seed), episodes=60, damage=False)
    check_teacher(lambda seed: kind(Discrete(9, start=4), seed=seed), episodes=60, damage=False)


class WeighsOdd(Weighs):
    differentiable = "yes"


class WeighsNegative(Weighs):
    def weigh(self, batch):
        return 1 - batch.loss_numbers


class WeighsMean(Weighs):
    def weigh(self, batch):
        return batch.losses.mean()


class WeighsNothing(Weighs):
    def weigh(self, batch):
        return None


class WeighsOld(Weighs):
    def weigh(self, losses, indices, *, progress):
        return np.ones(len(losses))


class WeighsInPlace(Weighs):
    def weigh(self, batch):
        return batch.losses.clamp_(max=1)


class WeighsByChance(Weighs):
    def weigh(self, batch):
        return np.random.default_rng().random(len(batch))


class WeighsForgetful(Weighs):
    def _state(self):
        return Sound._state(self)

    def _load(self, state):
        Sound._load(self, state)


class WeighsBig(Weighs):
    def weigh(self, batch):
        if len(batch) == 1:
            raise ZeroDivisionError("one example")
        return super().weigh(batch)


BROKEN = {
    WeighsOdd: "differentiable must be True or False.*got 'yes'",
    WeighsNegative: "weights must be finite and at least 0",
    WeighsMean: r"a number for each of 1 examples, got shape \(\)",
    WeighsNothing: "must return an array or a tensor, got None",
    WeighsOld: "must take a batch of 1 examples.*TypeError",
    WeighsInPlace: "must leave the batch's losses as they are",
    WeighsByChance: "must give the same weights for the same seed",
    WeighsForgetful: "must give the same weights after a state was saved and loaded",
    WeighsBig: "must take a batch of 1 examples at the progress 0.0; it raised ZeroDivisionError",
    HalfReads: "telling two columns as 'note' must raise ValueError",
    TrustsStates: "a state with .* must be refused, or leave a teacher that goes on|tasks must lie in",
    GlobalNumpy: "global random generators must not be touched",
    GlobalRandom: "global random generators must not be touched",
    Unseeded: "the same seed and the same outcomes must give the same tasks",
    OneSeed: "different seeds must give different tasks",
    Shared: "two teachers in one process must not influence each other",
    SharedGenerator: "a numpy Generator of its own",
    Forgetful: "must continue bit for bit|must give the same state|must go on after its state",
    Merges: "load_state_dict must accept what .* state.algorithm.notes: expected what state_dict returned",
    LiveState: "state_dict must be a copy that the teacher does not change later; state.algorithm.scores",
    LiveLoad: "state_dict must be a copy that the teacher does not change later; state.algorithm.scores",
    NotPlain: "state_dict must be plain data",
    SavingDraws: "must not change the teacher",
    OneAtATime: "ask and tell must work in batches of 2; it raised IndexError: one row only",
    InOrder: "tasks may be told late, out of order.*RuntimeError: told out of order",
    Asserts: "tasks may be told late, out of order.*AssertionError",
    AskedOnly: "rows with id -1 must be accepted.*KeyError",
    Outside: "tasks must lie in the space",
    WrongType: "tasks must have the space's shape and dtype.*float32",
    OwnIds: "expected the first of the ids",
    TooFew: r"ask\(7\) must return an Assignment of 7 to 7 rows",
    Never: "expected the first of the ids",
    NanMetrics: "metrics must be finite numbers by name, got 'best': -inf",
    CrashingMetrics: "metrics and snapshot must work after 0 tasks",
    DrawingMetrics: "metrics differs|must not change the teacher",
    ObjectSnapshot: "snapshot must be plain data",
    LiveSnapshot: "overwriting the snapshot must not change the teacher; state.algorithm.scores differs",
    OddNotes: "every ask must note the same names",
    OwnNotes: r"notes must not be called \['score'\]",
    KeepsViews: "arrays handed over may be overwritten",
    Scales: "tell must not change the arrays it is given",
    TrustsScores: "telling a score of nan must raise ValueError",
    TrustsIds: "telling an id never issued must raise ValueError",
    TrustsTasks: "telling a task outside the space must raise ValueError",
    HalfTells: "must not change the teacher",
    NoNeeds: "telling no 'value' must raise ValueError",
    AnyNumber: r"ask\(0, progress=0.0\) must raise ValueError",
    NeedsList: "needs must be a frozenset",
    ReadsList: "reads must be a frozenset",
    MeasuresUndeclared: r"name in measures what these must carry, needs included: lacks \['value'\]",
    NoGap: "telling no 'gap' of measured rows must raise ValueError",
    Granular: "granularity must be one of",
}


@pytest.mark.parametrize("careless", [Tolerant, LooksUp])
def test_the_base_refuses_what_is_missing_for_teachers_that_do_not_look(careless):
    teacher = careless(SPACE, seed=0)
    teacher.ask(5)
    state = teacher.state_dict()
    for key in state["algorithm"]:
        rest = {name: part for name, part in state["algorithm"].items() if name != key}
        with pytest.raises(ValueError, match="teacher state"):
            careless(SPACE, seed=0).load_state_dict(state | {"algorithm": rest})


@pytest.mark.parametrize("broken", BROKEN, ids=lambda cls: cls.__name__)
def test_a_broken_teacher_is_caught(broken):
    with pytest.raises(AssertionError, match=rf"(?s)^{broken.__name__}: .*({BROKEN[broken]})"):
        check_teacher(lambda seed: broken(SPACE, seed=seed), episodes=120)


def test_what_is_no_teacher_is_caught():
    with pytest.raises(AssertionError, match="the factory must return a Teacher, got 5"):
        check_teacher(lambda seed: 5)


def test_a_teacher_is_taken_and_others_are_made_like_it():
    made = []

    class Options(Sound):
        def __init__(self, space, *, seed, options, weight=1.0):
            super().__init__(space, seed=seed)
            made.append((seed, options, weight))

    options = {"a": [1, 2]}
    teacher = Options(SPACE, seed=41, options=options, weight=0.5)
    options["a"].append(3)  # later, which is no business of the teacher's
    before = teacher.state_dict()
    check_teacher(teacher, episodes=60, damage=False)
    assert difference(teacher.state_dict(), before) is None
    assert {seed for seed, _, _ in made} == {41, 0, 1, 5, 6}
    assert all((given, weight) == ({"a": [1, 2]}, 0.5) for _, given, weight in made[1:])
    assert len({id(given) for _, given, _ in made}) == len(made)


def test_a_broken_rule_is_named_where_a_teacher_is_given():
    with pytest.raises(AssertionError, match="global random generators must not be touched"):
        check_teacher(GlobalNumpy(SPACE, seed=0), episodes=60)
    check_teacher(teachers.make("random", Discrete(3), seed=0), episodes=60)


class Opaque(Sound):
    def __init__(self, space, *, seed, helper=None):
        super().__init__(space, seed=seed)


class Seedless(Sound):
    def __init__(self, space):
        super().__init__(space, seed=0)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (3, "got 3"),
        (
            Opaque(SPACE, seed=0, helper=object()),
            r"Opaque was made with \['helper'\], which is more than small",
        ),
        (Seedless(SPACE), "Seedless has no argument 'seed'"),
    ],
)
def test_what_cannot_be_made_again_is_told_how(wrong, why):
    with pytest.raises(TypeError, match=rf"check_teacher\(lambda seed: teachers.make.*{why}"):
        check_teacher(wrong)


def test_a_factory_that_takes_no_seed_is_named():
    with pytest.raises(ContractError, match="the factory must make a teacher of the seed 0"):
        check_teacher(lambda: Sound(SPACE, seed=0))
