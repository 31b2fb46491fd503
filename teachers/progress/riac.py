"""RIAC: split the task space where learning progress differs, and sample the regions that progress."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar, Literal

import gymnasium as gym
import numpy as np

from teacherstudent.contract import spaces
from teacherstudent.contract.checks import check_flag, check_whole, is_number, is_one_of
from teacherstudent.contract.registry import TEACHERS
from teacherstudent.contract.spaces import Box
from teacherstudent.contract.teacher import Teacher
from teacherstudent.contract.types import Array, Assignment, FloatArray, IntArray, Outcomes, Seed, State, Wait
from teacherstudent.teachers.progress.mixture_tasks import fit_rate_of
from teacherstudent.teachers.progress.regions import RegionTree, Rules
from teacherstudent.teachers.score_range import ScoreRange

REGION_SIZE = 200
"""The size of the authors' code."""
MUTATE = 0.1
ANYWHERE = 0.2
"""Shares of mode 3 (near a region's worst task) and mode 2 (uniform); the rest is mode 1."""
NOISE = 0.1
INSET = 1e-5
"""Standard deviation of a mutation, and how far it stays away from the region's border."""


@TEACHERS.register("riac")
class RIAC(Teacher[Box]):
    """Splits the space into regions and samples them in proportion to their absolute learning progress.

    Baranes and Oudeyer 2009, "R-IAC: robust intrinsically motivated exploration and active learning",
    https://doi.org/10.1109/TAMD.2009.2037513, in the form of Portelas et al. 2019,
    https://arxiv.org/abs/1910.07224 (appendix), whose code has extra rules for splits.

    Regions are the nodes of a tree of boxes, inner ones included. A region keeps its last ``region_size + 1``
    tasks and scores. Its learning progress (ALP) is |mean of the older half - mean of the newer half| over
    its last ``alp_window`` scores. A leaf that holds more than ``region_size`` tries ``split_attempts``
    random cuts that leave at least ``region_size / 20`` tasks on both sides; of those whose sides keep at
    least ``min_share`` of the space's range, the best makes two new leaves (of equals, the last). If there is
    none, the leaf drops its oldest ``discard`` share. Tasks: 70 % uniform in a region drawn in proportion to
    ALP, 20 % uniform, 10 % Gaussian around the lowest-scoring task of a region so drawn.

    ``variant="paper"`` does what the authors' code does:

    - raw task units; noise of standard deviation 0.1 in these units, whatever the range;
    - the score of a cut is |difference of the sides' ALP|, without their sizes;
    - new regions carry the ALP of the *last* cut tried until a task falls inside;
    - a task exactly on a cut belongs to both sides;
    - with ``leaves_only`` the uniform tasks come from the first leaf, not from the whole space;
    - a leaf that has dropped tasks forgets no more once it is split: its lowest score may be arbitrarily old.

    Deviations from that code, where it would hang or stop: the search for a cut gives up after 100 draws for
    each attempt (identical tasks); tasks asked for before the first tell are uniform; two leaves may split at
    once. Stored tasks are float32 as there, all else is float64, and tasks asked have the space's dtype.

    ``variant="fixed"`` works in the unit cube; a cut's score is the paper's card1 * card2 * |difference|; new
    regions carry the ALP of their own cut; regions are half open; the 20 % cover the whole space; every
    region keeps a bounded past; the noise has 0.1 of the region's side.

    Every outcome counts, asked for or not. A batch told at once gives the state of its rows told one by one.

    Args:
        space: a box.
        seed: an integer of at least 0 or a ``SeedSequence``.
        variant: ``"fixed"`` or ``"paper"``.
        score_range: scores are mapped linearly from it to (0, 1) with saturation; None leaves them alone.
        region_size: tasks that a leaf holds before it is split, at least 4; None for 200, or fewer in a run
            of less than 4 000 rows: a twentieth of them, at least 50 (`fit_to`); always 200 in ``"paper"``.
        alp_window: scores that learning progress looks back on; None is ``region_size``.
        split_attempts: cuts compared for one split.
        min_share: smallest side of a region, as a share of the space's range.
        discard: share of a leaf's tasks dropped when no cut is possible.
        leaves_only: sample leaves only, not the regions that contain them.

    Raises:
        TypeError: if the space is no box, or the seed is no integer.
        ValueError: if an option is out of range.
    """

    accepts: ClassVar[tuple[type[gym.Space[Any]], ...]] = (Box,)
    differences = True

    def __init__(
        self,
        space: Box,
        *,
        seed: Seed,
        variant: Literal["fixed", "paper"] = "fixed",
        score_range: tuple[float, float] | None = None,
        region_size: int | None = None,
        alp_window: int | None = None,
        split_attempts: int = 50,
        min_share: float = 1 / 15,
        discard: float = 0.25,
        leaves_only: bool = False,
    ) -> None:
        super().__init__(space, seed=seed)
        # A window longer than the ring has nothing more to look at,
        # so the region's size is the natural limit.
        self._open = region_size is None and variant != "paper"
        if region_size is None:
            region_size = REGION_SIZE
        window = region_size if alp_window is None else alp_window
        _check_options(variant, region_size, window, split_attempts, min_share, discard)
        self.paper = variant == "paper"
        if self.paper:
            spaces.check_single(space, "riac: variant 'paper'")
        self._range = ScoreRange("riac", score_range)
        self.leaves_only = check_flag("riac: leaves_only", leaves_only)
        low, high = np.stack(spaces.edges(space))
        # The paper's code works in raw units, the fixed variant in the unit cube.
        if not self.paper:
            low, high = np.zeros_like(low), np.ones_like(high)
        self._rules = Rules(
            region_size, window, split_attempts, min_share * (high - low), discard, self.paper
        )
        self._own_window = alp_window is not None
        self._tree = RegionTree(low, high, self._rules)
        self._region_size = region_size
        # Running sums of the ALP of the regions sampled; None if out of date.
        self._cumulative: FloatArray | None = None

    def fit_to(self, rows: int, slots: int) -> dict[str, Any]:
        """Choose ``region_size`` by the rows of the run where it is None; return it then."""
        if not self._open:
            return {}
        rules = self._rules
        # What the user gives must stay possible: a window to look back on, a share that is a task at least.
        least = max(4, int(np.ceil(1 / rules.discard)), rules.window if self._own_window else 0)
        size = max(least, fit_rate_of(rows, REGION_SIZE))
        window = rules.window if self._own_window else size
        self._rules = dataclasses.replace(rules, region_size=size, window=window)
        root = self._tree.nodes[0]
        self._tree = RegionTree(root["low"].copy(), root["high"].copy(), self._rules)
        self._region_size = size
        return {"region_size": size}

    def _ask(self, ids: IntArray, progress: float) -> Assignment:
        tree = self._tree
        n = len(ids)
        mode, pick = self.rng.random((2, n))
        region = self._draw_regions(pick)
        uniform = (mode >= MUTATE) & (mode < MUTATE + ANYWHERE)
        # Node 0 is the whole space. With leaves only, the authors' code takes the first leaf instead.
        region[uniform] = self._regions()[0] if self.paper else 0
        low, high = tree.nodes["low"][region], tree.nodes["high"][region]
        points = low + self.rng.random(low.shape) * (high - low)
        # A region without tasks has no worst one, so its uniform task stays.
        rows = np.flatnonzero((mode < MUTATE) & (tree.nodes["count"][region] > 0))
        if rows.size:
            low, high = low[rows], high[rows]
            unit = 1.0 if self.paper else high - low
            moved = tree.worst(region[rows]) + NOISE * unit * self.rng.standard_normal(low.shape)
            # Mutations stay inside the region, off its border.
            points[rows] = np.clip(moved, low + INSET * unit, high - INSET * unit)
        to_tasks = spaces.from_flat if self.paper else spaces.from_unit
        return Assignment(ids=ids, tasks=to_tasks(self.space, points))

    def _regions(self) -> IntArray:
        """Return the nodes that are sampled."""
        dim: IntArray = self._tree.nodes["dim"]
        if self.leaves_only:
            return np.flatnonzero(dim < 0)
        return np.arange(len(dim))

    def _draw_regions(self, pick: FloatArray) -> IntArray:
        """Return a node for each uniform number, in proportion to ALP; uniformly if no region progresses."""
        if self._cumulative is None:
            self._cumulative = np.cumsum(self._tree.nodes["alp"][self._regions()])
        total = self._cumulative[-1]
        size = self._cumulative.size
        row: IntArray
        # The minimum is for rounding at the last sum.
        if total > 0:
            row = np.minimum(np.searchsorted(self._cumulative, pick * total, side="right"), size - 1)
        else:
            row = (pick * size).astype(np.int64)
        if self.leaves_only:
            return self._regions()[row]
        return row

    def _tell(self, outcomes: Outcomes) -> None:
        self._range.watch(outcomes.score)
        scores = self._range.scaled(outcomes.score)
        tasks = outcomes.tasks.reshape(len(outcomes), -1)
        points = tasks if self.paper else spaces.to_unit(self.space, tasks)
        self._tree.insert(points.astype(np.float32), scores, self.rng)
        # ALP has changed, so the running sums hold no longer.
        self._cumulative = None

    def first_action(self) -> Wait | None:
        """Return how many outcomes the first split waits for, None after it; before, there is one region."""
        if len(self._tree.nodes) > 1:
            return None
        return Wait(self._region_size, "splitting", f"a smaller region_size, here {self._region_size}")

    def metrics(self) -> dict[str, float]:
        """Return the number of leaves, and the mean and largest ALP of the regions sampled.

        With ``score_range`` also ``outside_range_share``, of the scores.
        """
        alp = self._tree.nodes["alp"][self._regions()]
        leaves = np.count_nonzero(self._tree.nodes["dim"] < 0)
        found = {"leaves": float(leaves), "alp_mean": float(alp.mean()), "alp_max": float(alp.max())}
        return found | self._range.metrics()

    def snapshot(self) -> dict[str, Array]:
        """Return the regions sampled, in task units: ``low, high (r, d)``, ``alp (r,)``, ``leaf (r,)``."""
        nodes = self._tree.nodes[self._regions()]
        low, high = nodes["low"], nodes["high"]
        if not self.paper:
            ends = spaces.edges(self.space)
            low, high = (ends[0] + x * (ends[1] - ends[0]) for x in (low, high))
        ends = self.space.low.astype(np.float64).ravel(), self.space.high.astype(np.float64).ravel()
        # The range of whole numbers reaches half a unit beyond them, where there are no tasks.
        low, high = (np.clip(x, *ends) for x in (low, high))
        return {"low": low, "high": high, "alp": nodes["alp"].copy(), "leaf": nodes["dim"] < 0}

    def _state(self) -> State:
        return self._tree.state() | {"range": self._range.state()}

    def _load(self, state: State) -> None:
        self._tree.load({name: column for name, column in state.items() if name != "range"})
        self._range.load(state["range"])
        self._cumulative = None


def _check_options(
    variant: str,
    region_size: int,
    window: int,
    attempts: int,
    min_share: float,
    discard: float,
) -> None:
    """Raise ValueError for the first option out of range."""
    if not is_one_of(variant, ("fixed", "paper")):
        raise ValueError(f"riac: variant: expected 'fixed' or 'paper', got {variant!r}")
    check_whole("riac: region_size", region_size, 4, 10**8)
    check_whole("riac: alp_window", window, 2, region_size)
    check_whole("riac: split_attempts", attempts, 1, 10**6)
    if not (is_number(min_share) and 0 <= min_share < 1):
        raise ValueError(f"riac: min_share: expected a share in [0, 1), got {min_share!r}")
    if not (is_number(discard) and 0 < discard < 1 and int(region_size * discard) >= 1):
        raise ValueError(f"riac: discard: expected a share in (0, 1) of at least one task, got {discard!r}")
