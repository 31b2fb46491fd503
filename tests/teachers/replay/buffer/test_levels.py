"""The level buffer: insertions by hand, a slow reference, limits, and states."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from level_buffers import SPACE, make

from teacherstudent import LevelBuffer
from teacherstudent.contract.spaces import Box, Discrete, Parameters, choice, whole
from teacherstudent.teachers.replay.buffer.tables import tie_numbers

# Levels of equal score


@pytest.mark.parametrize("semantics", ["dcd", "jaxued"])
@pytest.mark.parametrize("value", [0.0, 0.25, -1.0])
@pytest.mark.parametrize("priority", ["rank", "topk", "proportional"])
def test_levels_of_equal_score_are_equally_likely(semantics, value, priority):
    options = {"semantics": semantics, "priority": priority, "temperature": 0.1}
    buffer = make(np.full(1000, value), **options)
    np.testing.assert_allclose(buffer.probabilities(), 1 / 1000)
    assert buffer.effective_size() == pytest.approx(1000)
    drawn = buffer.sample(np.random.default_rng(0), 20_000)
    assert np.bincount(drawn, minlength=1000).max() < 60  # 20 expected
    half = make(np.repeat([value, value + 2.0], 500), **options, top_k=500 if priority == "topk" else None)
    p = half.probabilities()
    np.testing.assert_allclose(p[:500], p[0], rtol=1e-12)
    np.testing.assert_allclose(p[500:], p[-1], rtol=1e-12)
    assert p[-1] > p[0]


@pytest.mark.parametrize("evict", ["replay", "score"])
def test_of_levels_that_could_give_way_equally_well_any_does(evict):
    gone = []
    for level in range(100, 1300):
        buffer = make(np.zeros(6), evict=evict, temperature=0.5)
        gone.append(int(buffer.insert([level], [1.0])[0]))
    assert np.bincount(gone, minlength=6).min() > 150  # 200 expected
    other = make([0.0, 0.0, 1.0, 0.0], evict=evict)
    assert 2 not in [int(other.insert([level], [0.0])[0]) for level in range(100, 150)]


# Insertion by hand


def slots(buffer, offers):
    return [int(buffer.insert([level], [score])[0]) for level, score in offers]


def test_insertion_trace_of_dcd():
    buffer = make([2.0, 1.0, 2.0], levels=[10, 11, 12], ties="slot")
    # 12 ranks above 10, 11 is the least likely
    assert slots(buffer, [(13, 0.5)]) == [-1]
    assert slots(buffer, [(14, 1.0)]) == [1]  # an equal score is accepted
    assert slots(buffer, [(15, 3.0)]) == [1]  # 14 gives way
    assert slots(buffer, [(16, 2.0)]) == [0]  # of the equal 10 and 12 the earlier one
    assert slots(buffer, [(12, 0.0)]) == [2]  # known: gets its new score
    assert buffer.levels.tolist() == [16, 15, 12]
    assert buffer.scores.tolist() == [2.0, 3.0, 0.0]


def test_insertion_trace_of_jaxued():
    buffer = make([2.0, 1.0, 2.0], levels=[10, 11, 12], semantics="jaxued", ties="slot")
    assert slots(buffer, [(13, 0.5)]) == [-1]
    assert slots(buffer, [(14, 1.0)]) == [-1]  # an equal score is refused
    assert slots(buffer, [(15, 3.0)]) == [1]
    assert slots(buffer, [(16, 2.0)]) == [-1]  # 12, the later of the equals, is not below
    assert slots(buffer, [(16, 2.5)]) == [2]
    assert slots(buffer, [(10, 0.0)]) == [0]
    assert buffer.levels.tolist() == [10, 15, 16]


def test_clock_of_jaxued():
    buffer = LevelBuffer(SPACE, capacity=2, staleness=0.5, semantics="jaxued")
    buffer.insert([10], [1.0])
    assert buffer.staleness.tolist() == [0]
    buffer.insert([11], [2.0])
    assert buffer.staleness.tolist() == [1, 0]
    buffer.insert([12], [-1.0])  # refused, and ages the others
    assert buffer.staleness.tolist() == [2, 1]
    buffer.insert([10], [5.0])
    assert buffer.staleness.tolist() == [0, 2]


def test_clock_of_dcd():
    buffer = LevelBuffer(SPACE, capacity=3, staleness=1.0)
    buffer.insert([10, 11], [1.0, 2.0])
    assert buffer.staleness.tolist() == [1, 0]  # one level was seen after the first
    buffer.insert([12], [0.0])
    assert buffer.staleness.tolist() == [1, 0, 0]  # others do not age
    assert buffer.sample(np.random.default_rng(0), 1).tolist() == [0]  # the only one that is stale
    assert buffer.staleness.tolist() == [0, 1, 1]
    buffer.insert([11], [2.0])  # seen again: as if drawn
    assert buffer.staleness.tolist() == [1, 0, 2]
    late = LevelBuffer(SPACE, capacity=3)
    numbers = late.meet(1)
    late.insert([1, 2], [0.0, 0.0])
    late.insert([3], [0.0], met=numbers)
    assert late.staleness.tolist() == [1, 0, 2]


def test_the_lowest_score_can_give_way():
    # temperature inf: every level is as likely, so by weight the first slot gives way
    options = {"temperature": np.inf, "capacity": 3, "ties": "slot"}
    assert slots(make([3.0, 1.0, 2.0], **options), [(9, 4.0)]) == [0]
    assert slots(make([3.0, 1.0, 2.0], **options), [(9, 2.5)]) == [-1]
    assert slots(make([3.0, 1.0, 2.0], evict="score", **options), [(9, 2.5)]) == [1]


def test_known_levels_blend_and_remember_their_highest_return():
    buffer = make(capacity=4, blend=0.25)
    buffer.insert([5, 6], [4.0, 1.0], returns=[-3.0, -np.inf], parents=[0, 77], edits=[0, 3])
    assert buffer.update(np.array([5, 99]), [8.0, 8.0], [-5.0, 0.0]).tolist() == [True, False]
    assert buffer.scores.tolist() == [5.0, 1.0]
    assert buffer.returns.tolist() == [-3.0, -np.inf]  # a maximum, below 0
    buffer.insert([5], [1.0], returns=[-1.0], parents=[123])
    assert buffer.scores.tolist() == [4.0, 1.0]
    assert buffer.returns.tolist() == [-1.0, -np.inf]
    assert buffer.parents.tolist() == [0, 77]
    assert buffer.edits.tolist() == [0, 3]


def test_the_capacity_is_at_most_the_number_of_tasks():
    assert LevelBuffer(Discrete(7), capacity=100).capacity == 7
    assert LevelBuffer(Box(-2, 1, (2,), np.int8), capacity=100).capacity == 16
    assert LevelBuffer(Box(np.zeros(3, bool), np.ones(3, bool), dtype=bool), capacity=100).capacity == 8
    assert LevelBuffer(Parameters(a=whole(1, 4), b=choice("x", "y")), capacity=100).capacity == 8
    assert LevelBuffer(Box(0, 255, (9, 9), np.uint8), capacity=100).capacity == 100
    assert LevelBuffer(Box(0.0, 1.0, (2,)), capacity=100).capacity == 100
    with np.errstate(all="raise"):  # 256 ** 900 images
        assert LevelBuffer(Box(0, 255, (30, 30), np.uint8), capacity=100).capacity == 100


def test_find_and_read_only_views():
    buffer = make([0.0, 1.0, 2.0], levels=[7, 9, 8], capacity=5)
    assert buffer.find(np.array([8, 3, 7])).tolist() == [2, -1, 0]
    assert (len(buffer), buffer.capacity, buffer.fill) == (3, 5, 0.6)
    with pytest.raises(ValueError, match="read-only"):
        buffer.scores[0] = 3.0
    buffer.clear()
    assert buffer.find(np.array([8])).tolist() == [-1]
    assert buffer.effective_size() == 0


# Against a slow reference


class Slow:
    """The same buffer, one level after the other, everything counted anew at each step."""

    def __init__(self, capacity, priority, beta, rho, evict, semantics, top_k, ties):
        self.capacity, self.priority, self.beta, self.rho, self.top_k = capacity, priority, beta, rho, top_k
        self.evict, self.jaxued, self.shared = evict, semantics == "jaxued", ties == "shared"
        self.rows = []  # [level, score, age, best]
        self.seen = 0

    def priorities(self):
        n, scores = len(self.rows), np.array([row[1] for row in self.rows])
        order = sorted(range(n), key=lambda i: (-scores[i], i if self.jaxued else -i))
        ranks = np.array([order.index(i) + 1 for i in range(n)])
        if self.priority == "rank":
            h = (1 / ranks) ** (1 / self.beta)
        elif self.priority == "proportional":
            h = (np.maximum(scores, 0) + (0 if self.rho > 0 else 1e-3)) ** (1 / self.beta)
        else:
            h = np.where(ranks <= self.top_k, np.exp(scores - scores.max()), 0)
        return np.array([h[scores == s].mean() for s in scores]) if self.shared else h

    def probabilities(self):
        n, h = len(self.rows), self.priorities()
        p = h / h.sum() if h.sum() > 0 else np.full(n, 1 / n)
        ages = np.array([row[2] for row in self.rows])
        fresh = 1 / n if self.jaxued else 1 / self.capacity
        p = (1 - self.rho) * p + self.rho * (ages / ages.sum() if ages.sum() else np.full(n, fresh))
        return p

    def worst(self, uniform):
        of = np.array([row[1] for row in self.rows]) if self.evict == "score" else self.probabilities()
        equal = np.flatnonzero(np.isclose(of, of.min(), rtol=1e-10, atol=0))
        return int(equal[int(uniform * len(equal))] if self.shared else equal[0])

    def touch(self, i):
        for row in self.rows:
            row[2] += 1
        self.rows[i][2] = 0

    def insert(self, levels, scores, best):
        numbers = self.seen + 1 + np.arange(len(levels))
        self.seen += len(levels)
        ages, uniforms = self.seen - numbers, tie_numbers(levels, numbers)
        return [self.offer(*row) for row in zip(levels, scores, best, ages, uniforms, strict=True)]

    def offer(self, level, score, best, age, uniform):
        known = [i for i, row in enumerate(self.rows) if row[0] == level]
        if known:
            self.touch(known[0])
            self.rows[known[0]][1], self.rows[known[0]][3] = score, max(best, self.rows[known[0]][3])
            return known[0]
        new = [level, score, 0 if self.jaxued else age, best]
        if len(self.rows) < self.capacity:
            self.older()
            self.rows.append(new)
            return len(self.rows) - 1
        slot = self.worst(uniform)
        old = self.rows[slot][1]
        self.older()
        if old < score or (old == score and not self.jaxued):
            self.rows[slot] = new
            return slot
        return -1

    def older(self):
        for row in self.rows:
            row[2] += int(self.jaxued)


CASES = [
    (priority, rho, evict, semantics, ties)
    for priority in ("rank", "proportional", "topk")
    for rho in (0.0, 0.3)
    for evict in ("replay", "score")
    for semantics in ("dcd", "jaxued")
    for ties in ("shared", "slot")
]


@pytest.mark.parametrize(("priority", "rho", "evict", "semantics", "ties"), CASES)
def test_a_batch_is_its_rows_one_after_the_other(priority, rho, evict, semantics, ties):
    rng = np.random.default_rng(3)
    options = {"priority": priority, "staleness": rho, "evict": evict, "semantics": semantics, "ties": ties}
    options |= {"top_k": 3} if priority == "topk" else {}
    fast = make(capacity=12, temperature=0.7, **options)
    slow = Slow(12, priority, 0.7, rho, evict, semantics, 3, ties)
    for _ in range(40):
        n = int(rng.integers(1, 9))
        levels = rng.integers(1, 60, n)
        scores = rng.integers(-3, 9, n) / 2  # many ties
        best = rng.integers(-5, 5, n).astype(float)
        assert fast.insert(levels, scores, returns=best).tolist() == slow.insert(levels, scores, best)
        for i in fast.sample(rng, 3):
            slow.touch(i)
        if rng.random() < 0.3:  # ranks that were kept are counted anew
            i = int(rng.integers(len(fast)))
            fast.update(fast.keys[[i]], [1.5])
            slow.rows[i][1] = 1.5
        rows = np.array(slow.rows)
        assert fast.levels.tolist() == rows[:, 0].tolist()
        assert fast.scores.tolist() == rows[:, 1].tolist()
        assert fast.staleness.tolist() == rows[:, 2].tolist()
        assert fast.returns.tolist() == rows[:, 3].tolist()
        expected = slow.probabilities()
        np.testing.assert_allclose(fast.probabilities(), expected / expected.sum(), rtol=1e-12, atol=0)


# A trace of jaxued 0.0.1's LevelSampler: capacity 8, rank, temperature 1, staleness 0.3, duplicates checked


TRACE = """
34 1 32 29 22 1 5 27 15 27 33 19 10 13 33 4 32 37 35 20 8 25 16 4 37 29 4 15 35 26 8 30 33 6 10 34 18 32
10 2
1.5 -0.5 2.75 0 -1 1 -1 2 0.5 1.75 1 -0.75 0.25 2.5 0.5 -1 1.75 -0.75 -0.25 1.5 0.75 1.25 0.75 0.5 2.5
1.5 2.75 2.5 2 0.75 1.25 -0.5 1.25 1 -0.25 1 0 1.75 1.25 2.5
0 1 2 3 4 1 5 6 7 6 3 -1 -1 7 3 -1 2 -1 -1 4 -1 -1 -1 -1 7 -1 4 -1 -1 2 2 -1 3 -1 -1 0 -1 0 -1 3
0 -1 -1 3 -1 2 -1 -1 -1 3 3 7 -1 5 6 4 1 -1 -1 -1 7 7 -1 -1 1 7 -1 -1 -1 -1 7 -1 0 2 1 -1 3 7 -1 4
0 -1 -1 -1 0 2 -1 -1 -1 -1 -1 -1 6 4 -1 1 7 7 5 3 -1 -1 -1 -1 -1 -1 4 2 3 6 5 4 6 -1 6 -1 -1 -1 6 6
-0.75 0 0 0 2.25 -1 0 0 0 0 0 0 0.5 0.5 0 2.5 -0.25 1.5 -0.75 2.75 0 0 0 0 0 0 2.75 -0.25 1 1.75 -0.75
0.75 2.75 0 1.25 0 0 0 0.5 2.25
"""
"""Levels offered, their scores, where they went; slots drawn; slots with a new score, and which (-1 none)."""


def test_a_trace_of_jaxued():
    options = {"temperature": 1.0, "staleness": 0.3, "semantics": "jaxued", "ties": "slot"}
    buffer = LevelBuffer(SPACE, capacity=8, **options)
    for level, score, slot, drawn, updated, new in np.array(TRACE.split(), float).reshape(6, 40).T:
        assert buffer.insert([level], [score]).tolist() == [slot]
        if drawn >= 0:
            state = buffer.state_dict()
            state["clock"] += 1
            state["stamp"][int(drawn)] = state["clock"]
            buffer.load_state_dict(state)
        if updated >= 0:
            buffer.update(buffer.keys[[int(updated)]], [new])
    assert buffer.levels.tolist() == [32, 1, 8, 2, 4, 5, 27, 37]
    assert buffer.scores.tolist() == [1.75, 2.5, 1.25, 2.5, 0.75, -0.75, 2.25, 2.5]
    assert buffer.staleness.tolist() == [4, 8, 10, 1, 0, 40, 38, 3]
    expected = [
        0.063049631,
        0.280632771,
        0.071772128,
        0.131662539,
        0.036793693,
        0.147579096,
        0.174004347,
        0.094505795,
    ]
    np.testing.assert_allclose(buffer.probabilities(), expected, atol=1e-8)


# Limits


def test_an_infinite_temperature_is_uniform_over_what_is_there():
    for priority in ("rank", "proportional"):
        buffer = make([5.0, -1.0, 0.5], capacity=9, temperature=np.inf, priority=priority)
        np.testing.assert_allclose(buffer.probabilities(), 1 / 3)
    assert buffer.effective_size() == pytest.approx(3)


def test_staleness_alone_goes_round():
    pair = make([9.0, 0.0], staleness=1.0)
    drawn = pair.sample(np.random.default_rng(0), 100)
    assert (drawn[1:] != drawn[:-1]).all()
    many = make(np.arange(20.0), staleness=1.0)
    drawn = many.sample(np.random.default_rng(0), 4000)
    assert (drawn[1:] != drawn[:-1]).all()
    assert np.bincount(drawn).std() < 0.6 * np.sqrt(200)  # 0.97 sqrt(200) if draws were independent


def test_a_buffer_of_one_level():
    for semantics in ("dcd", "jaxued"):
        buffer = make([2.0], staleness=0.5, semantics=semantics)
        assert buffer.probabilities().tolist() == [1.0]
        assert buffer.sample(np.random.default_rng(0), 5).tolist() == [0] * 5
        assert slots(buffer, [(8, 1.0), (9, 3.0)]) == [-1, 0]


# Properties


OFFERS = st.lists(st.tuples(st.integers(1, 30), st.integers(-4, 4)), min_size=1, max_size=40)


OPTIONS = st.fixed_dictionaries(
    {
        "priority": st.sampled_from(["rank", "proportional", "topk"]),
        "temperature": st.sampled_from([0.1, 0.5, 1.0, 5.0]),
        "staleness": st.sampled_from([0.0, 0.3, 1.0]),
        "semantics": st.sampled_from(["dcd", "jaxued"]),
        "ties": st.sampled_from(["shared", "slot"]),
        "rows": st.sampled_from(["last", "mean"]),
        "capacity": st.integers(1, 12),
    }
)


@settings(max_examples=80, deadline=None)
@given(OFFERS, OPTIONS)
def test_properties(offers, options):
    buffer, best = LevelBuffer(SPACE, **options), -np.inf
    rng = np.random.default_rng(0)
    for level, score in offers:
        known = buffer.find(np.array([level]))[0] >= 0
        buffer.insert([level], [score])
        if not known:
            best = max(best, score)
            assert buffer.scores.max() >= best, "the best level is never dropped for a worse one"
        best = buffer.scores.max()
        p = buffer.probabilities()
        assert len(p) == len(buffer) <= options["capacity"], "what is not there has no weight"
        assert p.sum() == pytest.approx(1, abs=1e-12)
        assert (p >= 0).all()
        assert len(np.unique(buffer.keys)) == len(buffer), "no level twice"
        assert (buffer.staleness >= 0).all()
        if options["staleness"] == 0:
            order = np.argsort(buffer.scores)
            assert (np.diff(p[order]) >= -1e-15).all() or options["ties"] == "slot"
        if options["ties"] == "shared" and options["staleness"] == 0:
            _, level = np.unique(buffer.scores, return_inverse=True)
            np.testing.assert_allclose(p, np.bincount(level, p)[level] / np.bincount(level)[level])
        before = buffer.state_dict()
        assert (p[buffer.sample(rng, 1)] > 0).all()
        buffer.load_state_dict(before)


def test_offering_a_level_again_changes_nothing_but_its_age():
    buffer = make([3.0, 1.0, 2.0])
    before = buffer.state_dict()
    buffer.insert([2], [1.0])
    after = buffer.state_dict()
    for name in ("levels", "score", "key", "best"):
        assert np.array_equal(before[name], after[name])


# Errors and state


def test_bad_calls():
    buffer = make(capacity=3)
    with pytest.raises(ValueError, match="at least 1 level, got 1 of 0"):
        buffer.sample(np.random.default_rng(0), 1)
    for levels, scores, message in (
        ([1, 2], [0.0], r"scores: expected shape \(2,\), got \(1,\)"),
        ([1], [np.nan], "scores: expected finite"),
        ([-1], [0.0], "expected a task in"),
    ):
        with pytest.raises(ValueError, match=message):
            buffer.insert(levels, scores)
    for returns in (np.nan, np.inf):
        with pytest.raises(ValueError, match="returns: expected numbers or minus infinity, got"):
            buffer.insert([1], [0.0], returns=[returns])
    with pytest.raises(ValueError, match=r"parents: expected shape \(1,\)"):
        buffer.insert([1], [0.0], parents=[1, 2])
    state = make([1.0, 2.0, 3.0, 4.0]).state_dict()
    with pytest.raises(ValueError, match="at most 3 levels, got 4"):
        buffer.load_state_dict(state)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ({"score": np.array([1.0, np.nan])}, "score: expected finite numbers"),
        ({"score": np.ones(3)}, r"score: expected shape \(2,\), got \(3,\)"),
        ({"key": np.array([1, 3])}, "key: expected the keys of its levels"),
        ({"levels": np.array([1, 1]), "key": np.array([1, 1])}, "each once, got others"),
        ({"stamp": np.array([0, 99])}, "stamp: expected at most the clock, 0, got 99"),
        ({"best": np.array([np.nan, 0.0])}, "best: expected numbers or minus infinity"),
    ],
)
def test_a_damaged_state_is_refused_and_changes_nothing(damage, message):
    good, buffer = make([1.0, 2.0]).state_dict(), make([5.0, 7.0, 6.0], levels=[7, 8, 9])
    before = buffer.state_dict()
    with pytest.raises(ValueError, match=f"level buffer: state: .*{message}|{message}"):
        buffer.load_state_dict(good | damage)
    for name, value in before.items():
        assert np.array_equal(value, buffer.state_dict()[name]), name


def test_states_of_other_spaces():
    pair, many = LevelBuffer(Box(0.0, 1.0, (2,)), capacity=4), LevelBuffer(Discrete(50), capacity=4)
    few, three = LevelBuffer(Discrete(5), capacity=4), LevelBuffer(Box(0.0, 1.0, (3,)), capacity=4)
    for buffer, levels in ((pair, np.eye(2)), (many, [4, 40])):
        buffer.insert(levels, [1.0, 2.0])
    for buffer, other, message in (
        (three, pair, r"expected tasks of shape \(n, 3\), got \(2, 2\)"),
        (few, pair, r"expected tasks of shape \(n, \), got \(2, 2\)"),
        (few, many, r"row 1: expected a task in Discrete\(5\), got 40"),
    ):
        with pytest.raises(ValueError, match=f"level buffer: state: {message}"):
            buffer.load_state_dict(other.state_dict())
        assert len(buffer) == 0


@pytest.mark.parametrize("semantics", ["dcd", "jaxued"])
def test_state_round_trip(semantics):
    rng = np.random.default_rng(0)
    one, two = (make(capacity=6, staleness=0.3, semantics=semantics) for _ in range(2))
    for buffer in (one, two):
        buffer.insert(np.arange(8), rng.random(8), returns=rng.random(8), parents=np.arange(8))
    two.load_state_dict(one.state_dict())
    for step in range(5):
        levels, scores = rng.integers(0, 20, 4), rng.random(4)
        drawn = [b.sample(np.random.default_rng(step), 3).tolist() for b in (one, two)]
        taken = [b.insert(levels, scores).tolist() for b in (one, two)]
        assert drawn[0] == drawn[1]
        assert taken[0] == taken[1]
    for name, value in one.state_dict().items():
        assert np.array_equal(value, two.state_dict()[name]), name


def test_wrong_columns_and_numbers_are_refused_and_change_nothing():
    from teacherstudent.contract.stored.saved import difference

    buffer = LevelBuffer(Discrete(9), capacity=4)
    buffer.insert([1, 2], [0.5, 0.7], edits=[1, 2])
    before, rng = buffer.state_dict(), np.random.default_rng(0)
    calls = [
        lambda: buffer.insert([3], ["x"]),
        lambda: buffer.insert([3], [[1.0]]),
        lambda: buffer.insert([3], [1.0], parents=[0.5]),
        lambda: buffer.insert([3], [1.0], met=[None]),
        lambda: buffer.insert([[3], [4, 5]], [1.0, 2.0]),
        lambda: buffer.update(None, [1.0]),
        lambda: buffer.update([0.5], [1.0]),
        lambda: buffer.update([1, 2], [1.0]),
        lambda: buffer.find("x"),
        lambda: buffer.meet(-1),
        lambda: buffer.meet(2**70),
        lambda: buffer.sample(rng, 0.5),
        lambda: buffer.sample(rng, 10**18),
    ]
    spoiled = ({"clock": "x"}, {"seen": -1}, {"edits": np.array([-1, 0])}, {"key": np.array([0.5, 1.0])})
    calls += [lambda bad=bad: buffer.load_state_dict({**before, **bad}) for bad in spoiled]
    for call in calls:
        with pytest.raises((ValueError, TypeError), match=r"expected.*got"):
            call()
        assert difference(before, buffer.state_dict()) is None
