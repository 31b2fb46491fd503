"""Teachers of replay-based level design: cycles, scores and edits by hand; an analytic toy; a run."""

import numpy as np
import pytest

from teacherstudent import envs, teachers
from teacherstudent.contract.accounts.plan import Plan
from teacherstudent.contract.demand import Signal
from teacherstudent.contract.purposes import Purpose, add_costs, measured_costs
from teacherstudent.contract.spaces import Discrete, Levels, Parameters
from teacherstudent.contract.types import Outcomes
from teacherstudent.recording.runs import Run
from teacherstudent.running.loop import run
from teacherstudent.teachers.replay.buffer import levels as level_buffer
from teacherstudent.teachers.replay.buffer.offers import scored
from teacherstudent.teachers.replay.buffer.rows import Replayed
from teacherstudent.teachers.replay.buffer.scores import score_of
from teacherstudent.teachers.replay.buffer.tables import ranked
from teacherstudent.testing import check_teacher
from teacherstudent.testing.sessions import difference

REPLAYING = ("plr", "robust-plr", "accel", "parallel-plr", "parallel-accel")


class Numbers(Levels):
    """Levels 0 to 99999, of which the first 500 are generated; an edit adds 1."""

    def __init__(self):
        super().__init__((1,), np.int32)

    def draw(self, rng, n):
        return rng.integers(0, 500, (n, 1), dtype=np.int32)

    def mutate(self, rng, tasks, edits=1):
        return np.minimum(tasks + edits, 99_999).astype(np.int32)

    def key(self, tasks):
        return tasks[:, 0].astype(np.int64) + 10_000

    def contains_each(self, tasks):
        return ((tasks >= 0) & (tasks < 100_000)).all(axis=1)

    def features(self, tasks):
        return {"number": tasks[:, 0].astype(float)}


SPACE = Numbers()
SMALL = {"capacity": 16, "temperature": 1.0}


def make(name, space=SPACE, seed=0, **options):
    if name in REPLAYING:
        options = {"score": "value_l1", "buffer": SMALL} | options
    return teachers.make(name, space, seed=seed, **options)


def played(assignment, score=0.0, **signals):
    """Return an outcome for each row; one episode is complete unless ``episodes`` says otherwise."""
    n = len(assignment)
    columns = {"episodes": 1.0} | signals
    return Outcomes(
        ids=assignment.ids,
        tasks=assignment.tasks,
        score=np.broadcast_to(np.asarray(score, float), n),
        cost=np.full(n, 256.0),
        signals={name: np.broadcast_to(np.asarray(v, float), n) for name, v in columns.items()},
    )


def cycle(teacher, n=8, value=None):
    """Ask and tell once, with the level's number as the score; return the assignment and the kinds."""
    assignment = teacher.ask(n)
    number = assignment.tasks.reshape(n, -1)[:, 0]
    outcomes = played(assignment, score=number, value_l1=number if value is None else value)
    teacher.tell(outcomes)
    return assignment, assignment.notes["kind"]


# The cycle


def test_without_replay_it_is_domain_randomisation():
    one, two, three = make("plr", replay=0.0), make("domain-randomization"), make("random")
    for n in (3, 8, 1, 30):
        asked = [cycle(t, n)[0].tasks for t in (one, two)] + [three.ask(n).tasks]
        assert np.array_equal(asked[0], asked[1])
        assert np.array_equal(asked[0], asked[2])
    assert len(one.buffer) == 16
    assert two.needs == frozenset()
    assert two.granularity == "rollout"


@pytest.mark.parametrize(("name", "learns"), [("plr", True), ("robust-plr", False)])
def test_the_gate_and_the_decision(name, learns):
    teacher, replays = make(name, replay=0.3), 0
    for i in range(400):
        warm = teacher.buffer.fill >= 0.5
        before = teacher.buffer.keys.copy()
        assignment, kinds = cycle(teacher)
        assert (kinds == kinds[0]).all(), "an ask is of one kind"
        assert (assignment.learn == (learns or kinds[0] == 1)).all()
        if kinds[0] == 1:
            assert warm
            assert np.isin(SPACE.key(assignment.tasks), before).all()
        assert i > 0 or kinds[0] == 0
        replays += kinds[0] == 1
    assert 0.22 < replays / 400 < 0.38
    assert teacher.metrics()["replay_share"] == pytest.approx(replays / 400)
    assert teacher.metrics()["edit_share"] == 0


def test_the_proportionate_schedule_is_limited_by_the_fill():
    fixed, limited = (
        make("plr", replay=1.0, min_fill=0.01, schedule=schedule, buffer={"capacity": 800})
        for schedule in ("fixed", "proportionate")
    )
    for teacher in (fixed, limited):
        for _ in range(60):
            cycle(teacher)
    assert fixed.metrics()["replay_share"] == pytest.approx(59 / 60)
    assert limited.metrics()["replay_share"] < 0.5


def test_replay_prefers_the_highest_score():
    teacher = make("robust-plr", replay=1.0, buffer=SMALL | {"temperature": 0.1, "staleness": 0.0})
    cycle(teacher, 16)
    best = teacher.buffer.levels.max()
    assignment, _ = cycle(teacher, 16)
    assert (assignment.tasks == best).mean() > 0.9


def test_late_outcomes_and_rows_nobody_asked_for():
    teacher = make("plr", replay=0.0)
    first, second = teacher.ask(4), teacher.ask(4)
    teacher.tell(played(second, value_l1=1.0))
    teacher.drop(first.ids[:1])
    late = played(first.select(np.array([3, 1])), value_l1=2.0)
    teacher.tell(late)
    # first seen before the four of the second ask: number 4 of 8, and number 2 of 8
    assert teacher.buffer.staleness.tolist() == [3, 2, 1, 0, 4, 6]
    free = played(teacher.ask(2), value_l1=3.0)
    rows = Outcomes(ids=[-1, -1], tasks=free.tasks, score=free.score, cost=free.cost, signals=free.signals)
    teacher.tell(rows)
    assert len(teacher.buffer) == 8


def test_an_evicted_level_that_was_replayed_is_ignored():
    teacher = make("plr", replay=1.0, buffer={"capacity": 1})
    teacher.tell(played(teacher.ask(1), value_l1=1.0))
    asked = teacher.ask(1)
    teacher.buffer.insert([[700]], [5.0])
    teacher.tell(played(asked, value_l1=9.0))
    assert (teacher.buffer.levels.tolist(), teacher.buffer.scores.tolist()) == ([[700]], [5.0])


# Scores


def test_needs_depend_on_the_score():
    assert make("plr", score="value_l1").needs == {"episodes", "value_l1"}
    assert make("plr", score="max_mc").needs == {"episodes", "max_return", "mean_value"}
    assert make("plr", score="learnability").needs == {"episodes", "success"}
    for name in ("positive_value_loss", "td_error"):
        assert make("accel", score=name).needs == {"episodes", name}
    with pytest.raises(ValueError, match=r"level score: expected one of \[.*\], got 'entropy'"):
        make("plr", score="entropy")


@pytest.mark.parametrize("name", [*REPLAYING, "repaired"])
def test_the_regret_of_a_pair_is_no_score_of_replayed_levels(name):
    with pytest.raises(ValueError, match=r"which a student has alone, got 'regret', which is 0 unless"):
        make(name, Parameters(height=(0, 1)), score="regret")


def tell_levels(teacher, numbers, **signals):
    """Tell of levels by number that nobody asked for."""
    n = len(numbers)
    teacher.tell(
        Outcomes(
            ids=[-1] * n,
            tasks=np.reshape(numbers, (n, 1)),
            score=np.zeros(n),
            cost=np.ones(n),
            signals={name: np.asarray(v, float) for name, v in signals.items()},
        )
    )


def test_the_highest_return_is_kept_under_every_score():
    teacher = make("plr", score="value_l1")
    signals = {"episodes": np.ones(2), "value_l1": [1.0, 2.0]}
    tell_levels(teacher, [5, 6], **signals, max_return=[3.0, -7.0])
    assert teacher.buffer.returns.tolist() == [3.0, -7.0]
    tell_levels(teacher, [5, 6], **signals)  # of a student that does not report it: the mean return, here 0
    assert teacher.buffer.returns.tolist() == [3.0, 0.0]


def test_max_mc_by_hand():
    teacher = make("plr", score="max_mc")
    one = np.ones(2)
    tell_levels(teacher, [5, 6], episodes=one, max_return=[2.0, -7.0], mean_value=[0.5, -4.0])
    assert teacher.buffer.scores.tolist() == [1.5, -3.0]
    # the first did worse than before, the second better, both are below 0 or not as it comes
    tell_levels(teacher, [5, 6], episodes=one, max_return=[1.0, -6.0], mean_value=[0.25, -8.0])
    assert teacher.buffer.scores.tolist() == [1.75, 2.0]
    assert teacher.buffer.returns.tolist() == [2.0, -6.0]
    floored = make("plr", score="max_mc", buffer=SMALL | {"semantics": "jaxued"})
    tell_levels(floored, [5, 6], episodes=one, max_return=[2.0, -7.0], mean_value=[0.5, -4.0])
    assert floored.buffer.scores.tolist() == [1.5, 4.0]


@pytest.mark.parametrize(("semantics", "expected"), [("dcd", 0.7), ("jaxued", 0.5)])
@pytest.mark.parametrize("order", [[0, 1, 2], [1, 0, 2]])
def test_max_mc_of_a_level_that_is_played_twice_at_once(semantics, expected, order):
    """All rows are scored by 0.9; in jaxued by 0.7, which was kept, or their own, and the last one counts."""
    teacher = make("plr", score="max_mc", replay=1.0, min_fill=0.0, buffer=SMALL | {"semantics": semantics})
    tell_levels(teacher, [5], episodes=[1.0], max_return=[0.7], mean_value=[0.0])
    replayed = teacher.ask(3)
    assert replayed.tasks.ravel().tolist() == [5, 5, 5]
    signals = {"max_return": np.array([0.9, 0.0, -1.0])[order], "mean_value": 0.2}
    teacher.tell(played(replayed, **signals))
    assert teacher.buffer.scores[0] == pytest.approx(expected)
    assert teacher.buffer.returns.tolist() == [0.9]


def test_learnability_by_hand():
    teacher = make("plr", score="learnability")
    tell_levels(teacher, [1, 2, 3], episodes=[4.0, 4, 4], success=[0.25, 0.5, 1.0])
    assert teacher.buffer.scores.tolist() == [0.1875, 0.25, 0.0]


def test_rows_without_a_complete_episode():
    rows = {"episodes": [0.0, 1.0, 0.0], "value_l1": [3.0, 0.0, 0.0]}
    dcd, jaxued = make("plr"), make("plr", buffer=SMALL | {"semantics": "jaxued"})
    tell_levels(dcd, [1, 2, 3], **rows)
    assert dcd.buffer.levels.ravel().tolist() == [1, 2]
    assert dcd.buffer.returns.tolist() == [-np.inf, 0.0]
    tell_levels(jaxued, [1, 2, 3], **rows)
    assert jaxued.buffer.levels.ravel().tolist() == [2]
    grounded = make("plr", score="max_mc")
    tell_levels(grounded, [1, 2], episodes=[0.0, 1], max_return=[9.0, 1.0], mean_value=[0.0, 0.0])
    assert grounded.buffer.levels.ravel().tolist() == [2]


ALL_SIGNALS = (
    "episodes",
    "success",
    "max_return",
    "mean_value",
    "positive_value_loss",
    "value_l1",
    "td_error",
)


BAD = {
    "shape": (lambda good: np.stack([good, good], axis=1), r"expected .*6.*got .*\(6, 2\)"),
    "nan": (lambda good: np.where(np.arange(6) == 4, np.nan, good), "row 4.*expected a finite"),
}


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("phase", [0, 1, 2])
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("domain-randomization", {}),
        *(
            (name, {"score": score, "min_fill": 0.0})
            for name in REPLAYING
            for score in ("max_mc", "value_l1")
        ),
        ("plr", {"score": "learnability", "min_fill": 0.0}),
        ("sfl", {"candidates": 20, "keep": 5, "attempts": 1, "refresh": 1}),
    ],
)
def test_a_refused_tell_leaves_no_trace(name, options, phase, bad):
    """In an ask of new levels, of replayed ones, of children; the same outcomes can be told in order then."""
    damage, message = BAD[bad]
    replay = {"replay": 1.0} if name in ("plr", "robust-plr", "accel") else {}
    for which in ALL_SIGNALS:
        teacher = make(name, **options | replay)
        signals = {name: np.linspace(0.1, 1.0, 6) for name in ALL_SIGNALS} | {"episodes": np.ones(6)}
        for _ in range(phase):
            teacher.tell(played(teacher.ask(6), **signals))
        asked, before = teacher.ask(6), teacher.state_dict()
        read = which in teacher.needs or (which == "episodes" and bad == "shape")
        read = read or (which == "max_return" and name in REPLAYING)
        wrong = Outcomes(
            ids=asked.ids,
            tasks=asked.tasks,
            score=np.zeros(6),
            cost=np.ones(6),
            signals=signals | {which: damage(signals[which])},
        )
        if not read:
            continue
        with pytest.raises(ValueError, match=message) as refused:
            teacher.tell(wrong)
        assert which in str(refused.value)
        assert difference(before, teacher.state_dict()) is None
        teacher.tell(played(asked, **signals))
        assert not len(teacher.outstanding)


def test_scores_that_are_not_finite_are_refused_whole():
    teacher = make("plr", score="max_mc", replay=1.0, min_fill=0.0)
    tell_levels(teacher, [5], episodes=[1.0], max_return=[0.0], mean_value=[0.0])
    asked, before = teacher.ask(2), teacher.state_dict()
    huge = played(asked, max_return=[1.0, 1e308], mean_value=[0.5, -1e308])
    with pytest.raises(ValueError, match=r"row 1.*expected a .*max_return"):
        teacher.tell(huge)
    assert difference(before, teacher.state_dict()) is None
    with pytest.raises(ValueError, match=r"level score: row 1: expected a finite .*'max_return'.*, got inf"):
        scored(teacher.buffer, score_of("max_mc"), huge)
    with pytest.raises(ValueError, match=r"signal 'success': row 0: expected a share in \[0, 1\], got 60.0"):
        tell_levels(make("plr", score="learnability"), [1], episodes=[5.0], success=[60.0])
    sfl = make("sfl", candidates=20, keep=5)
    with pytest.raises(ValueError, match=r"signal 'success': row 1: expected a share"):
        sfl.tell(played(sfl.ask(2), success=[0.5, -0.1]))


def test_rows_of_new_levels_alone_leave_the_ranks_as_they_are(monkeypatch):
    teacher = make("plr", replay=0.0)
    while teacher.buffer.fill < 1:
        cycle(teacher)
    counted = []

    def counting(*arguments):
        counted.append(arguments)
        return ranked(*arguments)

    monkeypatch.setattr(level_buffer, "ranked", counting)
    for _ in range(5):  # into a full buffer: each level competes with those that are there
        cycle(teacher)
    assert len(counted) <= 1


# Edits


def test_accel_edits_what_it_has_replayed():
    teacher = make("accel", replay=1.0, edits=1000)
    _, kinds = cycle(teacher)
    assert kinds.tolist() == [0] * 8
    replayed, kinds = cycle(teacher)
    assert kinds.tolist() == [1] * 8
    assert replayed.learn.all()
    children = teacher.ask(8)
    assert not children.learn.any()
    assert np.array_equal(children.tasks, replayed.tasks + 1000)
    outcomes = played(children, value_l1=1000.0)
    columns = children.notes
    assert columns["kind"].dtype == np.int8
    assert columns["kind"].tolist() == [2] * 8
    assert columns["parent"].tolist() == SPACE.key(replayed.tasks).tolist()
    assert columns["key"].tolist() == (columns["parent"] + 1000).tolist()
    teacher.tell(outcomes)
    slots = teacher.buffer.find(SPACE.key(children.tasks))
    assert np.array_equal(teacher.buffer.parents[slots], SPACE.key(replayed.tasks))
    assert (teacher.buffer.edits[slots] == 1000).all()
    again, kinds = cycle(teacher, value=1000.0)
    assert kinds.tolist() == [1] * 8  # children are not parents before they were replayed
    ages = teacher.buffer.edits[teacher.buffer.find(SPACE.key(again.tasks))]
    tell = played(teacher.ask(8), value_l1=2000.0)
    teacher.tell(tell)
    slots = teacher.buffer.find(SPACE.key(tell.tasks))
    assert np.array_equal(teacher.buffer.edits[slots], ages + 1000)
    assert ages.max() == 1000
    assert teacher.metrics()["edit_share"] == pytest.approx(16 / 40)


def test_accel_starts_from_simple_levels():
    class Simple(type(SPACE)):
        def draw_simple(self, rng, n):
            return np.zeros((n, *self.shape), self.dtype)

    space = Simple()
    for name in ("accel", "parallel-accel"):
        simple = teachers.make(name, space, seed=0).ask(8)
        assert (simple.tasks == 0).all()
        assert (teachers.make(name, space, seed=0, start="all").ask(8).tasks != 0).any()
        with pytest.raises(ValueError, match=r"start: expected one of .*, got 'none'"):
            teachers.make(name, space, seed=0, start="none")


def test_a_child_that_no_edit_changed_has_its_parents_key():
    teacher = make("accel", replay=1.0, edits=1)
    levels = np.arange(99_990, 100_000)  # edits stop at the last one
    tell_levels(teacher, levels, episodes=np.ones(10), value_l1=levels - 99_000)
    replayed, _ = cycle(teacher)
    children = teacher.ask(8)
    columns = children.notes
    same = (replayed.tasks == children.tasks)[:, 0]
    assert 0 < same.sum() < 8
    assert np.array_equal(columns["key"] == columns["parent"], same)


def take(n, parents, merit, keys, seed=0):
    """Return which rows are parents of ``n`` children, and how many rows still wait."""
    waiting, rows = Replayed((1,), np.int64), np.arange(len(merit))
    waiting.put(rows[:, None], np.asarray(keys), 10 * rows, np.asarray(merit, float))
    chosen, chosen_keys, edits = waiting.take(n, parents, np.random.default_rng(seed))
    assert np.array_equal(chosen_keys, np.asarray(keys)[chosen.ravel()])
    assert np.array_equal(edits, chosen.ravel() * 10)
    return chosen.ravel().tolist(), len(waiting)


@pytest.mark.parametrize(
    ("n", "parents", "expected", "left"),
    [
        (8, "easy", [2, 2, 4, 4, 0, 0, 5, 5], 0),
        (8, "hard", [1, 1, 3, 3, 5, 5, 0, 0], 0),
        (5, "easy", [2, 2, 4, 0, 5], 0),
        (6, "hard", [1, 1, 3, 3, 5, 0], 0),
        (2, "easy", [2, 4], 0),
        (6, "batch", [0, 1, 2, 3, 4, 5], 0),
        (4, "batch", [0, 1, 2, 3], 2),
        (8, "batch", [0, 1, 2, 3, 4, 5, 0, 1], 0),
    ],
)
def test_which_parents_are_edited(n, parents, expected, left):
    assert take(n, parents, [3.0, -1.0, 5.0, 0.0, 4.0, 1.0], np.arange(6) + 100) == (expected, left)


@pytest.mark.parametrize("parents", ["easy", "hard"])
def test_of_parents_of_equal_merit_any_are_edited(parents):
    found = [take(4, parents, np.zeros(10), np.arange(10), seed)[0] for seed in range(500)]
    assert all(len(set(chosen)) == 4 for chosen in found)
    assert np.bincount(np.concatenate(found), minlength=10).min() > 150  # 200 expected


def test_a_level_that_was_replayed_in_several_rows_is_one_parent():
    keys = [7, 8, 7, 9, 7, 5, 6]
    merit = [9.0, 2.0, 0.0, 4.0, 0.0, -5.0, -6.0]  # of the level 7 it is 3
    assert take(4, "easy", merit, keys) == ([3, 0, 1, 5], 0)
    assert take(4, "hard", merit, keys) == ([6, 5, 1, 0], 0)
    assert take(4, "batch", merit, keys) == ([0, 1, 2, 3], 3)
    assert take(3, "easy", [1.0, 1.0], [4, 4]) == ([0, 0, 0], 0)


def test_easy_is_return_less_score():
    buffer = SMALL | {"staleness": 1.0}
    teacher = make("accel", replay=1.0, parents="easy", score="td_error", buffer=buffer)
    asked = teacher.ask(8)
    teacher.tell(played(asked, td_error=1.0))
    replayed = teacher.ask(5)
    assert len(np.unique(replayed.tasks)) == 5
    scores = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    teacher.tell(played(replayed, score=[0.0, 5.0, 4.0, 9.0, 1.0], td_error=scores))  # -1, 3, 1, 5, -4
    expected = replayed.tasks[[3, 1, 2, 0]] + 5
    assert np.array_equal(teacher.ask(4).tasks, expected)


def test_boxes_are_edited_by_steps_and_discrete_tasks_are_not():
    space = Parameters(height=(0, 10), spacing=(0, 1))
    options = {"replay": 1.0, "edits": 1, "step": {"law": "uniform", "size": 0.05}}
    teacher = make("accel", space, **options)
    cycle(teacher)
    replayed, _ = cycle(teacher)
    children, kinds = cycle(teacher)
    moved = np.abs(children.tasks - replayed.tasks)
    assert kinds.tolist() == [2] * 8
    assert ((moved > 0).sum(axis=1) == 1).all()
    assert (moved <= [0.5, 0.05]).all()
    with pytest.raises(ValueError, match="step: expected a size above 0"):
        make("accel", space, step={"size": -1.0})
    with pytest.raises(TypeError, match="expected a space of type Box or Levels"):
        make("accel", Discrete(5))
    for name in ("plr", "robust-plr", "parallel-plr"):
        teacher = make(name, Discrete(50, start=3), buffer={"capacity": 4000})
        assert teacher.buffer.capacity == 50
        kinds = [cycle(teacher)[1] for _ in range(30)]
        assert 1 in np.concatenate(kinds)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("plr", {"buffer": SMALL | {"semantics": "jaxued", "priority": "topk", "top_k": 5}}),
        ("robust-plr", {"score": "max_mc", "buffer": SMALL | {"priority": "proportional", "blend": 0.5}}),
        ("accel", {"parents": "easy", "start": "all", "buffer": SMALL | {"semantics": "jaxued"}}),
        ("parallel-accel", {"score": "learnability", "buffer": SMALL | {"evict": "score"}}),
    ],
)
def test_other_options_keep_the_contract(name, options):
    check_teacher(lambda seed: make(name, seed=seed, **options), episodes=150)


# Side by side


@pytest.mark.parametrize(("name", "kinds"), [("parallel-plr", 2), ("parallel-accel", 3)])
@pytest.mark.parametrize("n", [1, 5, 6, 12])
def test_shares_are_equal_whatever_the_size(name, kinds, n):
    teacher, found = make(name), []
    while teacher.buffer.fill < 0.5:
        assignment, kind = cycle(teacher, n)
        assert (kind == 0).all()
        assert not assignment.learn.any()
    for _ in range(60):
        assignment, kind = cycle(teacher, n)
        assert np.array_equal(assignment.learn, kind == 1)
        assert (np.diff(kind) >= 0).all(), "slices in the order new, replay, edit"
        found.append(np.bincount(kind, minlength=3))
    shares = np.sum(found, axis=0)
    assert shares[:kinds].max() - shares[:kinds].min() <= 1
    if n % kinds == 0:
        assert (np.array(found)[:, :kinds] == n // kinds).all()


def test_children_of_the_replayed_levels_beside_them():
    teacher = make("parallel-accel", edits=7)
    for _ in range(3):
        cycle(teacher, 12)
    assignment = teacher.ask(12)
    columns = assignment.notes
    replayed, children = (assignment.tasks[columns["kind"] == k] for k in (1, 2))
    assert np.array_equal(children, replayed + 7)
    assert np.array_equal(columns["parent"][columns["kind"] == 2], SPACE.key(replayed))


# SFL


def test_sfl_measures_then_trains():
    teacher = make("sfl", refresh=2, candidates=6, attempts=2, keep=2, rho=0.5)
    tasks = []
    # rows are candidates 0 to 5 and again 0 to 5
    rounds = (
        ([1 / 3, 0.0, 0.0, 1.0], [3.0, 1, 1, 1]),
        ([1.0, 0.0, 1.0, 0.0], [3.0, 0, 1, 1]),
        ([1.0, 1.0, 1.0, 1.0], [3.0, 1, 1, 1]),
    )
    for success, episodes in rounds:
        assignment = teacher.ask(4)
        assert not assignment.learn.any()
        tasks.append(assignment.tasks)
        teacher.tell(played(assignment, episodes=episodes, success=success))
    tasks = np.concatenate(tasks)
    assert np.array_equal(tasks[:6], tasks[6:])
    training = teacher.ask(4)
    # candidate 2: 1 failure and 3 successes are one rollout each; 5: its first rollout completed nothing
    p = np.array([(1 / 3 + 1) / 2, 0, (0 + 1) / 2, (1 + 1) / 2, (1 + 1) / 2, 1])
    best = np.argsort(-p * (1 - p), kind="stable")[:2]
    assert best.tolist() == [2, 0]
    np.testing.assert_allclose(teacher.buffer.scores, [0.25, 2 / 9])
    assert np.array_equal(teacher.buffer.levels, tasks[best])
    assert training.learn.all()
    assert training.notes["kind"].tolist() == [1, 1, 0, 0]
    assert np.isin(training.tasks[:2], tasks[best]).all()
    assert teacher.ask(4).learn.all()
    assert not teacher.ask(4).learn.any(), "the next refresh"


def test_sfl_measures_equal_candidates_once():
    space = Discrete(5)
    teacher = make("sfl", space, refresh=3, candidates=40, attempts=2, keep=3)
    measured = []
    while not (asked := teacher.ask(4)).learn.any():
        measured.append(asked.tasks)
        teacher.tell(played(asked, success=asked.tasks / 10))
    measured.append(asked.tasks[~asked.learn])
    assert np.bincount(np.concatenate(measured)).tolist() == [2] * 5
    teacher.tell(played(asked, success=asked.tasks / 10))
    teacher.ask(4)
    assert len(np.unique(teacher.buffer.levels)) == 3


class InOrder(Numbers):
    """Levels that are drawn in order: their place among the candidates says which they are."""

    def draw(self, rng, n):
        return np.arange(n, dtype=np.int32)[:, None]


def test_sfl_keeps_any_of_equal_candidates():
    kept = []
    for seed in range(200):
        teacher = make("sfl", InOrder(), seed=seed, refresh=1, candidates=10, attempts=1, keep=5)
        asked = teacher.ask(10)
        teacher.tell(played(asked, success=np.where(asked.tasks[:, 0] == 7, 0.5, 0.0)))
        teacher.ask(1)
        kept.append(teacher.buffer.levels[:, 0].copy())
    counts = np.bincount(np.concatenate(kept), minlength=10)
    assert counts[7] == 200
    assert np.delete(counts, 7).min() > 60  # 4 / 9 of 200 are 89


def test_sfl_with_odd_asks_and_outcomes_that_do_not_come():
    teacher = make("sfl", refresh=3, candidates=10, attempts=1, keep=4, rho=0.25)
    late, learnt = [], []
    for i in range(120):
        assignment = teacher.ask(7)
        learnt.append(assignment.learn.sum())
        outcomes = played(assignment, success=(assignment.ids % 3) / 2, episodes=assignment.ids % 5 > 0)
        if i % 4 == 0:
            late.append(outcomes)
        else:
            teacher.tell(outcomes)
        if i % 8 == 7:
            teacher.tell(late.pop(0))
    assert sum(learnt) / 7 == pytest.approx(120 * (3 + 4 / 7) / 5, rel=0.05)
    shares = teacher.metrics()
    assert shares["replay_share"] == pytest.approx(0.25 * sum(learnt) / 840, abs=0.02)


@pytest.mark.parametrize(
    ("name", "where", "damage", "message"),
    [
        ("accel", "pending", {"ids": np.array([3, 1])}, "pending rows: ids: expected ascending ids"),
        (
            "accel",
            "pending",
            {"table": np.zeros((3, 8), int)},
            r"rows: table: expected shape \(4, 8\)",
        ),
        ("accel", "replayed", {"merit": np.zeros(3)}, r"replayed levels: merit: expected shape \(0\)"),
        (
            "accel",
            "replayed",
            {"origin": np.zeros((2, 2), int)},
            r"origin: expected shape \(2, 0\)",
        ),
        ("sfl", "trial", {"tally": np.zeros((2, 3))}, r"sfl: tally: expected shape \(2, 20\)"),
        ("sfl", "trial", {"handed": 99}, "sfl: handed: expected a whole number from 0 to 20, got 99"),
        ("sfl", "trial", {"tasks": np.full(20, -7)}, "sfl: state: row 0: expected a task in"),
    ],
)
def test_damaged_states_are_refused(name, where, damage, message):
    options = {"replay": 1.0} if name == "accel" else {"candidates": 20, "keep": 5, "attempts": 1}
    space = Discrete(10**9) if name == "sfl" else SPACE
    teacher = make(name, space, **options)
    for _ in range(2):
        asked = teacher.ask(8)
        teacher.tell(played(asked, value_l1=1.0, success=0.5))
    teacher.ask(8)
    state = teacher.state_dict()
    algorithm = state["algorithm"]
    broken = algorithm | {where: algorithm[where] | damage}
    with pytest.raises(ValueError, match=message):
        make(name, space, **options).load_state_dict(state | {"algorithm": broken})


# The analytic toy: levels of difficulty d, the first 300 can be solved, skill decides how often

SOLVABLE = 300


class Difficulty(Numbers):
    """Levels as hard as their number."""

    def draw(self, rng, n):
        return rng.integers(0, 600, (n, 1), dtype=np.int32)


def success_rate(tasks):
    """Return how often levels are solved: falls with their difficulty, one half at 150, 0 from 300 on."""
    d = tasks[:, 0].astype(float)
    return np.where(d < SOLVABLE, 1 - d / SOLVABLE, 0.0)


def toy(teacher, rounds, rng):
    """Play rounds of 32 levels, 20 episodes each; return the levels of the last quarter that were learnt."""
    learnt = []
    for _ in range(rounds):
        assignment = teacher.ask(32)
        p = success_rate(assignment.tasks)
        best = (assignment.tasks[:, 0] < SOLVABLE).astype(float)
        solved = rng.binomial(20, p) / 20
        teacher.tell(played(assignment, score=solved, episodes=20.0, success=solved, value_l1=best - solved))
        learnt.append(assignment.tasks[assignment.learn, 0])
    return np.concatenate(learnt[-rounds // 4 :])


def test_a_score_that_is_the_regret_finds_the_hardest_levels_that_can_be_solved():
    options = {"capacity": 64, "temperature": 0.3, "staleness": 0.1}
    teacher = make("robust-plr", Difficulty(), score="value_l1", buffer=options)
    levels = toy(teacher, 200, np.random.default_rng(0))
    assert (levels < SOLVABLE).mean() > 0.97  # of those generated it is half
    assert np.median(levels) > 0.95 * SOLVABLE


def test_learnability_finds_the_levels_that_are_solved_half_of_the_time():
    teacher = make("sfl", Difficulty(), refresh=20, candidates=320, attempts=5, keep=20, rho=1.0)
    levels = toy(teacher, 160, np.random.default_rng(0))
    assert abs(np.median(levels) - 150) < 15
    assert (abs(levels - 150) < 60).mean() > 0.97
    plr = make("robust-plr", Difficulty(), score="learnability", buffer={"capacity": 64})
    levels = toy(plr, 200, np.random.default_rng(0))
    assert abs(np.median(levels) - 150) < 25


def test_editing_moves_the_frontier_beyond_what_is_generated():
    class Easy(Difficulty):
        def draw(self, rng, n):
            return rng.integers(0, 20, (n, 1), dtype=np.int32)

    options = {"score": "value_l1", "min_fill": 0.1, "buffer": {"capacity": 64, "temperature": 0.3}}
    accel, plain = make("accel", Easy(), edits=5, **options), make("robust-plr", Easy(), **options)
    rng = np.random.default_rng(0)
    assert np.median(toy(accel, 300, rng)) > 0.8 * SOLVABLE
    assert toy(plain, 100, rng).max() < 20


# Reports


def test_snapshot_by_hand():
    teacher = make("plr", score="value_l1")
    assert teacher.snapshot() == {}
    tell_levels(teacher, [10, 20, 30], episodes=[1.0] * 3, value_l1=[2.0, 6.0, 4.0])
    found = teacher.snapshot()
    assert found["levels"].ravel().tolist() == [20, 30, 10]
    assert found["level_scores"].tolist() == [6.0, 4.0, 2.0]
    assert found["features"]["number"].tolist() == [20.0, 30.0, 10.0]
    assert found["feature_scores"].tolist() == [6.0, 4.0, 2.0]
    assert found["scores"][[0, 16, 32]].tolist() == [2.0, 4.0, 6.0]
    assert found["staleness"][[0, 16, 32]].tolist() == [0.0, 1.0, 2.0]
    metrics = teacher.metrics()
    assert metrics["fill"] == 3 / 16
    assert metrics["score"] == 4.0
    assert metrics["staleness"] == 1.0
    # ranks 3, 1, 2 and temperature 1: 2/11, 6/11, 3/11; staleness 2, 1, 0 of 3
    p = 0.7 * np.array([2, 6, 3]) / 11 + 0.3 * np.array([2, 1, 0]) / 3
    assert metrics["effective_size"] == pytest.approx(1 / (p**2).sum())
    big = make("plr", buffer={"capacity": 1000})
    tell_levels(big, np.arange(600), episodes=[1.0] * 600, value_l1=np.arange(600.0))
    numbers = big.snapshot()["features"]["number"]
    assert len(numbers) == 256
    assert (numbers[0], numbers[-1]) == (599.0, 0.0)


def test_the_share_of_rows_without_a_completed_episode():
    teacher, baseline = make("plr"), make("domain-randomization")
    for episodes in ([0.0, 1, 2, 0], [0.0, 0, 3, 0]):
        for each in (teacher, baseline):
            each.tell(played(each.ask(4), episodes=episodes, value_l1=1.0))
    assert teacher.metrics()["unfinished_share"] == baseline.metrics()["unfinished_share"] == 5 / 8
    resumed = make("plr")
    resumed.load_state_dict(teacher.state_dict())
    assert resumed.metrics()["unfinished_share"] == 5 / 8


def test_bad_options():
    for name, options, message in (
        ("plr", {"replay": 1.5}, r"replay: expected a number in \[0, 1\], got 1.5"),
        ("plr", {"min_fill": -0.1}, "min_fill: expected"),
        ("plr", {"schedule": "linear"}, "schedule: expected one of"),
        ("plr", {"buffer": {"capacity": 0}}, "capacity: expected"),
        ("accel", {"edits": 0}, "edits: expected a whole number of at least 1, got 0"),
        ("accel", {"parents": "all"}, "parents: expected one of"),
        ("accel", {"step": {"size": 0.2}}, r"step: expected none for levels, .* got {'size': 0.2}"),
        ("parallel-accel", {"step": {"size": 0.2}}, "step: expected none for levels"),
        ("sfl", {"keep": 11, "candidates": 10}, "sfl: keep: expected at most candidates = 10, got 11"),
        ("sfl", {"candidates": 99}, "sfl: keep: expected at most candidates = 99, got 100"),
        ("sfl", {"keep": 0}, "keep: expected a whole number of at least 1, got 0"),
        ("sfl", {"rho": 1.1}, r"sfl: rho: expected a share in \[0, 1\], got 1.1"),
    ):
        with pytest.raises(ValueError, match=message):
            make(name, **options)
    with pytest.raises(TypeError, match="capacities"):
        make("plr", buffer={"capacities": 3})


# A run


class RolloutStudent:
    """Plays 9 levels a round for 10 steps each; harder ones have a higher score."""

    offers = {"rollout": {"episodes": Signal(), "value_l1": Signal()}}

    def __init__(self, episodes=1.0):
        self.costs = {"train": 0.0, "measure": 0.0, "updates": 0.0}
        self.episodes = episodes

    def bind(self, demand):
        pass

    def wants(self):
        return 9

    def train(self, assignment):
        self.costs["train"] += 10.0 * assignment.learn.sum()
        add_costs(self.costs, measured_costs(assignment.purpose, 10.0))
        self.costs["updates"] += assignment.learn.any()
        outcomes = played(assignment, value_l1=assignment.tasks[:, 0], episodes=self.episodes)
        return Outcomes.of(assignment, score=outcomes.score, cost=np.full(9, 10.0), signals=outcomes.signals)

    def evaluate(self, tasks, *, seed):
        n = len(tasks)
        return Outcomes(ids=[-1] * n, tasks=tasks, score=np.zeros(n), cost=np.zeros(n))

    def spent(self):
        return dict(self.costs)

    def holds(self):
        return np.zeros(0, np.int64)

    def metrics(self):
        return {}

    def state_dict(self):
        return dict(self.costs)

    def load_state_dict(self, state):
        self.costs = dict(state)

    def close(self):
        pass


def test_a_run_logs_the_lineage_and_charges_edits_apart(tmp_path):
    family = envs.make("cartpole-parameters")
    options = {"score": "value_l1", "replay": 0.7, "buffer": {"capacity": 30}, "edits": 1}
    plan = Plan(budget=3600.0, test_every=1800.0)

    def start(folder, stop=lambda: False, resume=False):
        teacher = teachers.make("accel", family.space, seed=0, **options)
        return run(family, teacher, RolloutStudent(), tmp_path / folder, plan, stop=stop, resume=resume)

    ledger = start("whole")
    table = Run.load(tmp_path / "whole").episodes()
    kind = table["kind"]
    assert set(kind.tolist()) == {0, 1, 2}
    assert np.array_equal(table["purpose"], np.array([Purpose.MEASURE, Purpose.TRAIN, Purpose.EDIT])[kind])
    assert ((table["parent"] != 0) >= (kind == 2)).all()
    for name, k in (("measure", 0), ("train", 1), ("edit", 2)):
        assert ledger.costs[name] == 10.0 * (kind == k).sum()
    assert ledger.spent == 3600.0
    rounds = iter(range(100))
    start("parts", stop=lambda: next(rounds) == 21)
    resumed = start("parts", resume=True)
    assert resumed.costs == ledger.costs
    again = Run.load(tmp_path / "parts").episodes()
    parents = table["parent"][table["parent"] != 0]
    assert np.isin(parents, table["key"]).all()
    for name in ("kind", "key", "parent", "id"):
        assert np.array_equal(again[name], table[name])


@pytest.mark.parametrize("episodes", [0.0, 2.0])
def test_a_run_without_an_update_says_so(tmp_path, caplog, episodes):
    family = envs.make("cartpole-parameters")
    buffer = {"capacity": 30, "semantics": "jaxued"}
    teacher = teachers.make("robust-plr", family.space, seed=0, score="value_l1", buffer=buffer)
    ledger = run(family, teacher, RolloutStudent(episodes), tmp_path, Plan(budget=1800.0, test_every=1800.0))
    note = Run.load(tmp_path).status()["note"]
    if episodes:
        assert ledger.updates > 0
        assert ledger.episodes == 2 * 180, "two in each row, a row is 10 steps"
        assert note is None
        assert not caplog.records
    else:
        assert ledger.updates == ledger.episodes == 0
        assert teacher.metrics()["unfinished_share"] == 1
        assert note.startswith("the student made no update")
        assert [note.count(record.message.split(": ", 1)[1]) for record in caplog.records] == [1, 1]


def test_a_run_whose_rollouts_are_too_short_says_so(tmp_path, caplog):
    family = envs.make("cartpole-parameters")
    teacher = teachers.make("domain-randomization", family.space, seed=0)
    run(family, teacher, RolloutStudent(0.0), tmp_path, Plan(budget=6000.0, test_every=3000.0))
    note = Run.load(tmp_path).status()["note"]
    assert note.startswith("in 100% of the rollouts no episode was completed")
    assert [note.count(record.message.split(": ", 1)[1]) for record in caplog.records] == [1, 1]
