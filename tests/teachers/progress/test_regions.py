"""The tree of regions: progress and cuts by hand, what regions remember, damaged trees."""

import numpy as np
import pytest
from regions import SPACE, VARIANTS, nodes, rows, stream

from teacherstudent.contract.spaces import Parameters
from teacherstudent.contract.types import Outcomes
from teacherstudent.teachers.progress.regions import _cut_progress, _progress
from teacherstudent.teachers.progress.riac import RIAC


def test_learning_progress_by_hand():
    scores = np.array([9.0, 1.0, 2.0, 4.0, 8.0, 0.0, 0.0])
    # the last 5 of 9 1 2 4 8 are all; half = 2: |mean(9, 1, 2) - mean(4, 8)| = |4 - 6|
    assert _progress(scores, 0, 5, 200) == 2.0
    assert _progress(scores, 0, 5, 4) == 4.5  # |mean(1, 2) - mean(4, 8)|
    assert _progress(scores, 0, 2, 200) == 0.0  # two scores say nothing
    ring = np.array([4.0, 8.0, 9.0, 1.0, 2.0])  # the same five scores, the oldest in slot 2
    assert _progress(ring, 2, 5, 200) == 2.0


def test_progress_on_both_sides_of_a_cut_by_hand():
    x = np.array([[0.1], [0.9], [0.2], [0.8], [0.3], [0.7]], np.float32)
    y = np.array([0.0, 5.0, 1.0, 5.0, 4.0, 5.0])
    alp = _cut_progress(x, y, np.array([0]), np.array([0.5]), 200, False)
    assert alp.tolist() == [[3.5, 0.0]]  # |mean(0, 1) - 4| and |mean(5, 5) - 5|
    on_cut = np.array([0.0]), np.array([float(np.float32(0.3))])
    below = _cut_progress(x, y, on_cut[0].astype(int), on_cut[1], 200, False)
    closed = _cut_progress(x, y, on_cut[0].astype(int), on_cut[1], 200, True)
    assert below[0, 0] == 0.0  # 0.1 and 0.2 only
    assert closed[0, 0] == 3.5  # and 0.3


def one_cut(variant, scores, monkeypatch, cuts):
    """Return the state after nine tasks on a line, .05 .15 ... .85, and a split at the best given cut."""
    teacher = RIAC(Parameters(x=(0, 1)), seed=0, variant=variant, region_size=8, split_attempts=2)
    tree = teacher._tree
    x = np.linspace(0.05, 0.85, 9)

    def draw(low, high, points, rng):
        cut = np.array(cuts)
        return np.zeros(len(cut), int), cut, (points[:, :1] < cut).sum(0)

    monkeypatch.setattr(tree, "_draw_cuts", draw)
    teacher.tell(rows(x[:, None], scores))
    return nodes(teacher)


def test_the_fixed_score_of_a_cut_counts_both_sides(monkeypatch):
    # Cut at .30: left 0 0 0 is 0, right 3 0 0 | 0 0 0 is 1: 3 * 6 * 1 = 18.
    # Cut at .40: left 0 0 | 0 3 is 1.5, right is 0: 4 * 5 * 1.5 = 30.
    # Cut at .10: left one score is 0, right 0 0 3 0 | 0 0 0 0 is .75: 1 * 8 * .75 = 6.
    scores = [0, 0, 0, 3, 0, 0, 0, 0, 0]
    state = one_cut("fixed", scores, monkeypatch, [0.3, 0.4, 0.1])
    assert state["cut"][0] == 0.4
    assert state["alp"][1:].tolist() == [1.5, 0.0]
    assert state["count"].tolist() == [9, 4, 5]


def test_sizes_decide_in_fixed_but_not_in_paper(monkeypatch):
    # Cut at .20: left 0 0, right 0 0 0 0 | 6 10 10: 26/3, times 2 * 7 = 121.3.
    # Cut at .50: left all 0, right 0 6 | 10 10: 7, times 5 * 4 = 140.
    scores = [0, 0, 0, 0, 0, 0, 6, 10, 10]
    for cuts in ([0.2, 0.5], [0.5, 0.2]):
        assert one_cut("paper", scores, monkeypatch, cuts)["cut"][0] == 0.2
        assert one_cut("fixed", scores, monkeypatch, cuts)["cut"][0] == 0.5


@pytest.mark.parametrize("variant", VARIANTS)
def test_of_equal_cuts_the_last_is_taken(variant, monkeypatch):
    # Cut at .30: 0 0 | 9 is 9 and 0 0 0 | 6 6 6 is 6: 3, times 18. Cut at .60: 0 0 9 | 0 0 0 is 3 and 6 6 | 6
    # is 0: 3, times 18.
    scores = [0, 0, 9, 0, 0, 0, 6, 6, 6]
    assert one_cut(variant, scores, monkeypatch, [0.6, 0.3])["cut"][0] == 0.3
    assert one_cut(variant, scores, monkeypatch, [0.3, 0.6])["cut"][0] == 0.6


def test_new_regions_carry_their_own_progress_or_that_of_the_last_cut(monkeypatch):
    scores = [0, 0, 9, 0, 0, 0, 0, 0, 0]  # ALP of the sides: cut .30: 9 and 0; cut .20: 0 and 2.25
    assert one_cut("fixed", scores, monkeypatch, [0.3, 0.2])["alp"][1:].tolist() == [9.0, 0.0]
    state = one_cut("paper", scores, monkeypatch, [0.3, 0.2])
    assert state["cut"][0] == 0.3
    assert state["alp"][1:].tolist() == [0.0, 2.25]


class Naive:
    """RIAC's memory in plain Python: every region keeps its rows in a list; splits are copied from a tree."""

    def __init__(self, size, paper):
        self.size, self.paper = size, paper
        self.memory, self.bounded, self.children, self.alp = [[]], [True], {}, [0.0]

    def progress(self, node):
        scores = [score for _, score in self.memory[node]][-self.size :]
        half = len(scores) // 2
        return abs(np.mean(scores[:-half]) - np.mean(scores[-half:])) if len(scores) > 2 else 0.0

    def around(self, task, node=0):
        if node not in self.children:
            return [node]
        dim, cut, left = self.children[node]
        down = self.around(task, left) if task[dim] < cut or (self.paper and task[dim] == cut) else []
        return [node, *down, *(self.around(task, left + 1) if task[dim] >= cut else [])]

    def tell(self, task, score, after):
        around = self.around(task)
        for node in around:
            self.memory[node].append((task, score))
            if self.bounded[node]:
                del self.memory[node][: -self.size - 1]
        for node in around:
            if node not in self.children and len(self.memory[node]) > self.size:
                if after["dim"][node] >= 0:
                    self.split(node, after)
                else:
                    del self.memory[node][: int(self.size * 0.25)]
                    self.bounded[node] = not self.paper
        for node in around:
            self.alp[node] = self.progress(node)

    def split(self, node, after):
        dim, cut, left = (after[key][node] for key in ("dim", "cut", "left"))
        self.children[node] = (dim, cut, left)
        below = [row for row in self.memory[node] if row[0][dim] < cut or (self.paper and row[0][dim] == cut)]
        above = [row for row in self.memory[node] if not any(row is other for other in below)]
        for child, memory in ((left, below), (left + 1, above)):
            assert child == len(self.memory)
            self.memory.append(memory)
            self.bounded.append(True)
            self.alp.append(after["alp"][child])


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_tree_remembers_what_plain_lists_remember(variant):
    teacher = RIAC(SPACE, seed=0, variant=variant, region_size=24, min_share=0.2, split_attempts=2)
    naive = Naive(24, variant == "paper")
    tasks, scores = stream(3000)
    tasks[::7] = np.round(tasks[::7], 1)
    for task, score in zip(tasks, scores, strict=True):
        teacher.tell(rows([task], [score]))
        point = task if variant == "paper" else (task - [0, -3]) / [2, 6]
        naive.tell(point.astype(np.float32), score, nodes(teacher))
    state = nodes(teacher)
    assert len(state["dim"]) == len(naive.memory) > 15
    assert any(not naive.bounded[node] for node in naive.children) == (variant == "paper")
    for node, memory in enumerate(naive.memory):
        kept = memory[-25:]
        order = (state["start"][node] + np.arange(state["count"][node])) % 25
        assert state["scores"][node][order].tolist() == [score for _, score in kept]
        assert np.array_equal(state["points"][node][order], [point for point, _ in kept])
        assert state["alp"][node] == pytest.approx(naive.alp[node], abs=1e-12)
        worst = min(memory, key=lambda row: row[1])[0]
        assert np.array_equal(teacher._tree.worst(np.array([node]))[0], worst)


def test_the_paper_variant_remembers_scores_that_have_left_the_window():
    teacher = RIAC(SPACE, seed=0, variant="paper", region_size=24, min_share=0.2, split_attempts=2)
    tasks, scores = stream(3000)
    teacher.tell(rows(tasks, scores))
    state = nodes(teacher)
    assert np.isfinite(state["worst_score"][state["unbounded"] & (state["dim"] >= 0)]).any()
    fixed = RIAC(SPACE, seed=0, region_size=24, min_share=0.2, split_attempts=2)
    fixed.tell(rows(tasks, scores))
    assert np.isinf(nodes(fixed)["worst_score"]).all()


@pytest.mark.parametrize("variant", VARIANTS)
def test_leaves_are_a_partition_with_sides_of_at_least_a_fifteenth(variant):
    teacher = RIAC(SPACE, seed=0, variant=variant, region_size=40)
    teacher.tell(rows(*stream(20_000)))
    snapshot = teacher.snapshot()
    leaf = snapshot["leaf"]
    sides = (snapshot["high"] - snapshot["low"])[leaf]
    assert sides.prod(axis=1).sum() == pytest.approx(2 * 6)
    assert (sides >= np.array([2, 6]) / 15 - 1e-6).all()
    points = stream(500, seed=9)[0][:, None]
    inside = ((points >= snapshot["low"][leaf]) & (points < snapshot["high"][leaf])).all(axis=2)
    assert (inside.sum(axis=1) == 1).all()
    assert 30 < leaf.sum() < 225
    assert teacher.metrics()["leaves"] == leaf.sum()


@pytest.mark.parametrize(
    ("variant", "before", "after"), [("paper", [3, 6], [4, 7]), ("fixed", [2, 7], [2, 8])]
)
def test_a_task_on_the_cut_belongs_to_both_sides_in_paper_only(variant, before, after, monkeypatch):
    teacher = RIAC(Parameters(x=(0, 1)), seed=0, variant=variant, region_size=8, split_attempts=1)
    cut = np.zeros(1, int), np.array([0.25]), np.array([2])
    monkeypatch.setattr(teacher._tree, "_draw_cuts", lambda *_: cut)
    teacher.tell(rows(np.linspace(0.05, 0.85, 9)[:, None], np.arange(9)))
    assert nodes(teacher)["count"][1:].tolist() == before
    teacher.tell(rows([[0.25]], [1.0]))
    assert nodes(teacher)["count"][1:].tolist() == after


def test_memory_does_not_grow_with_episodes():
    teacher = RIAC(SPACE, seed=0)
    sizes = []
    for seed in range(4):
        teacher.tell(rows(*stream(50_000, seed)))
        sizes.append(len(nodes(teacher)["dim"]))
    assert sizes[-1] < 450  # at most 15 x 15 leaves
    assert sizes[-1] <= sizes[1] * 1.1


@pytest.mark.parametrize("variant", ["paper", "fixed"])
@pytest.mark.parametrize(
    "entry", ["dim", "left", "start", "count", "cut", "alp", "low", "scores", "worst_score"]
)
def test_a_damaged_state_is_refused_before_any_loop_follows_it(variant, entry):
    teacher = RIAC(SPACE, seed=0, variant=variant, region_size=20)
    asked = teacher.ask(300)
    score = asked.tasks.sum(axis=1) * np.arange(300)
    teacher.tell(Outcomes(ids=asked.ids, tasks=asked.tasks, score=score, cost=np.ones(300)))
    state = teacher.state_dict()
    good = state["algorithm"][entry]
    assert len(good) > 5
    for value in (10**9, -(10**9), -2, np.nan):
        for part in (slice(None), slice(0, 1), slice(1, 3), slice(-1, None)):
            if good.dtype.kind == "i" and np.isnan(value):
                continue
            if entry in ("scores", "worst_score") and np.isfinite(value):
                continue  # any finite score is one
            if entry == "alp" and value >= 0:
                continue  # and any progress
            bad = good.copy()
            bad[part] = value
            if np.array_equal(bad, good):
                continue
            with pytest.raises(ValueError, match=f"region tree: .*{entry}"):
                teacher.load_state_dict(state | {"algorithm": state["algorithm"] | {entry: bad}})


@pytest.mark.parametrize("left", [0, 1, 2])
def test_a_circle_of_regions_is_refused(left):
    teacher = RIAC(SPACE, seed=0, region_size=20)
    asked = teacher.ask(200)
    score = asked.tasks.sum(axis=1) * np.arange(200)
    teacher.tell(Outcomes(ids=asked.ids, tasks=asked.tasks, score=score, cost=np.ones(200)))
    state = teacher.state_dict()
    bad = state["algorithm"]["left"]
    bad[bad >= 0] = left
    with pytest.raises(
        ValueError, match="left: expected each node but the first as a child of one before it"
    ):
        teacher.load_state_dict(state)
