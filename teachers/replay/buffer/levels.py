"""The level buffer of prioritised level replay: levels with scores, drawn by score and staleness."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from teacherstudent.contract import spaces
from teacherstudent.contract.accounts.outstanding import MOST_ROWS
from teacherstudent.contract.checks import check_names, check_whole
from teacherstudent.contract.stored.saved import saved_array, saved_whole
from teacherstudent.contract.types import Array, BoolArray, FloatArray, IntArray, State
from teacherstudent.teachers.replay import edits as level_spaces
from teacherstudent.teachers.replay.buffer import kernels
from teacherstudent.teachers.replay.buffer import repeats as level_repeats
from teacherstudent.teachers.replay.buffer.rules import (
    MOST_LEVELS,
    Evict,
    Priority,
    RowRule,
    Semantics,
    Ties,
    rule_of,
)
from teacherstudent.teachers.replay.buffer.tables import (
    check_kept,
    column,
    no_ranks,
    rank_table,
    ranked,
    tie_numbers,
)


class LevelBuffer:
    """Keeps levels with a score each, and draws them by score and by staleness.

    Jiang, Grefenstette and Rocktäschel 2021, "Prioritized level replay", https://arxiv.org/abs/2010.03934,
    section 3; with unbounded levels as in Jiang et al. 2021, "Replay-guided adversarial environment design",
    https://arxiv.org/abs/2110.02439. A level is drawn with probability
    ``(1 - staleness) P_S + staleness P_C``: P_S is proportional to ``h ** (1 / temperature)``, h being
    1 / rank or the score, P_C to the draws since the level was drawn last.

    A new level takes a free slot; if there is none, it takes the place of the level that is least likely to
    be drawn, provided its score is not lower. A batch gives what its rows give one after the other. A level
    that is offered again, recognised by the space's key, gets the new score and counts as drawn.

    ``semantics`` says which of two published implementations is followed where they differ:

    - ``"dcd"`` (https://github.com/facebookresearch/dcd, by the authors): a level of the same score is
      accepted; a new level is as old as the number of levels first seen after it, and others do not age by
      it; the weight of staleness while all levels are fresh is multiplied by `fill`.
    - ``"jaxued"`` (https://github.com/DramaCow/jaxued): only a higher score is accepted; a new level is
      fresh, and every offer ages all others by 1, accepted or not.

    Both give the same weights to the same scores and ages, but for the all-fresh buffer.

    **Equal scores** come in no order, under either semantics: levels of equal score share the weights of
    their ranks (with ``"topk"`` the places that are left for them), so that each is drawn as often as if
    ties were broken at random before every draw, and any of those that could give way equally well does. In
    both implementations their slots decide. With low temperatures one level of a buffer of equal scores then
    has most of the replays, and equal scores are the rule where rewards are sparse: hence the deviation.
    ``ties="slot"`` is the published rule: in jaxued the earlier slot ranks higher, in dcd the later one
    (there: unspecified), and of levels that could give way equally well the one in the first slot does.

    **Several rows of one level in one batch** count one after the other, as in both implementations: the last
    one counts, or with ``blend`` each less than the next. ``rows="mean"`` counts their mean, once: less noise
    where they are equally good measurements.

    Deviations: equal scores, see above; a row's score is the mean over the episodes completed in it (dcd:
    that of its last episode, finished or not); equal keys are equal levels, always (jaxued: on request);
    weights are normalised (dcd: while drawing only); free slots have no rank (dcd ranks them as levels of
    score 0, above negative scores); the temperature of staleness is 1; ``"topk"`` is of jaxued,
    ``"proportional"`` and ``blend`` of dcd, with either semantics.

    Args:
        space: what levels are of.
        capacity: most levels kept; of a discrete space or a box of whole numbers at most all tasks, so that
            `fill` can reach 1.
        priority: P_S: ``"rank"``; ``"proportional"`` to scores above 0, to which 0.001 is added if
            ``staleness`` is 0; ``"topk"``, a softmax of the ``top_k`` highest scores.
        temperature: above 0, ``inf`` for a uniform P_S; not used by ``"topk"``.
        staleness: weight of P_C, in [0, 1].
        top_k: at least 1; only of ``"topk"``, 1 if None.
        evict: who gives way: ``"replay"``, the level of the lowest probability, or ``"score"``, that of the
            lowest score.
        semantics: see above.
        blend: weight of a known level's new score against its old one, in (0, 1].
        ties: ``"shared"`` or ``"slot"``, see above.
        rows: ``"last"`` or ``"mean"``, see above.

    Raises:
        ValueError: if an option is out of range.
    """

    def __init__(
        self,
        space: gym.Space[Any],
        *,
        capacity: int = 4000,
        priority: Priority = "rank",
        temperature: float = 0.1,
        staleness: float = 0.3,
        top_k: int | None = None,
        evict: Evict = "replay",
        semantics: Semantics = "dcd",
        blend: float = 1.0,
        ties: Ties = "shared",
        rows: RowRule = "last",
    ) -> None:
        check_whole("level buffer: capacity", capacity, 1, MOST_LEVELS)
        spaces.check_space(space)
        self._rule = rule_of(
            priority=priority,
            temperature=temperature,
            staleness=staleness,
            top_k=top_k,
            evict=evict,
            semantics=semantics,
            blend=blend,
            ties=ties,
            rows=rows,
        )
        # A space with few tasks could never fill a greater buffer, and replay might wait for ever.
        capacity = int(min(capacity, level_spaces.count(space)))
        self.space = space
        self.semantics: Semantics = semantics
        self._means = rows == "mean"
        # Columns are allocated once; the slots from `_size` on are free.
        self._levels = np.zeros((capacity, *(space.shape or ())), space.dtype)
        self._columns = kernels.Columns(
            key=np.zeros(capacity, np.int64),
            score=np.zeros(capacity),
            stamp=np.zeros(capacity, np.int64),
            best=np.zeros(capacity),
            parent=np.zeros(capacity, np.int64),
            edits=np.zeros(capacity, np.int64),
        )
        # The weights of the ranks never change, so their powers are taken once.
        self._table = rank_table(capacity, self._rule.exponent)
        self._size = 0
        # A level's staleness is the clock less its stamp, so ageing all levels is one addition.
        self._clock = 0
        # Levels seen for the first time.
        self._seen = 0
        # Where the levels stand by score; None if they have to be counted anew.
        self._ranks: kernels.Ranks | None = None

    def __len__(self) -> int:
        return self._size

    @property
    def capacity(self) -> int:
        """Most levels kept."""
        return len(self._levels)

    @property
    def fill(self) -> float:
        """The share of the capacity that is in use."""
        return self._size / self.capacity

    @property
    def levels(self) -> Array:
        """``(len, *space.shape)`` the levels by slot; a view that later calls change."""
        return self._view(self._levels)

    @property
    def keys(self) -> IntArray:
        """``(len,)`` the levels' keys; a view."""
        return self._view(self._columns.key)

    @property
    def scores(self) -> FloatArray:
        """``(len,)`` the levels' scores; a view."""
        return self._view(self._columns.score)

    @property
    def returns(self) -> FloatArray:
        """``(len,)`` the highest return ever on each level, -inf if none was told; a view."""
        return self._view(self._columns.best)

    @property
    def parents(self) -> IntArray:
        """``(len,)`` the key of the level that each was edited from, 0 for none; a view."""
        return self._view(self._columns.parent)

    @property
    def edits(self) -> IntArray:
        """``(len,)`` the number of edits between each level and the one that was generated; a view."""
        return self._view(self._columns.edits)

    @property
    def staleness(self) -> IntArray:
        """``(len,)`` how long ago each level was drawn, in the clock of the semantics."""
        return self._clock - self._columns.stamp[: self._size]

    def _view(self, column: Array) -> Array:
        view = column[: self._size]
        # A score that a caller changed would leave the ranks wrong, so views are for reading only.
        view.flags.writeable = False
        return view

    def find(self, keys: IntArray) -> IntArray:
        """Return ``(n,)`` the slot of each key, -1 if it is not there."""
        wanted = saved_array("level buffer: keys", keys, np.int64, (None,))
        return kernels.find(self._columns.key[: self._size], wanted)

    def meet(self, n: int) -> IntArray:
        """Count ``n`` levels as seen for the first time and return their numbers, for `insert`'s ``met``."""
        check_whole("level buffer: meet: n", n, 0, MOST_ROWS)
        self._seen += n
        return np.arange(self._seen - n + 1, self._seen + 1)

    def insert(
        self,
        levels: npt.ArrayLike,
        scores: npt.ArrayLike,
        *,
        returns: npt.ArrayLike | None = None,
        parents: npt.ArrayLike | None = None,
        edits: npt.ArrayLike | None = None,
        met: npt.ArrayLike | None = None,
    ) -> IntArray:
        """Offer levels, one after the other.

        Args:
            levels: ``(n, *space.shape)``.
            scores: ``(n,)``, finite.
            returns: ``(n,)`` the highest return on each; -inf if None.
            parents: ``(n,)`` keys of the levels that they were edited from; 0 if None.
            edits: ``(n,)`` how many edits lie between them and a generated level; 0 if None.
            met: ``(n,)`` what `meet` returned for them; if None they are met now, in order.

        Returns:
            ``(n,)`` the slot of each; -1 if it was refused.

        Raises:
            ValueError: if a level lies outside the space, a shape is wrong, or a score is not finite.
        """
        levels = spaces.check_tasks(self.space, levels, "level buffer")
        n = len(levels)
        given = column("scores", scores, np.float64, n, finite=True)
        best = _highest_returns(returns, n)
        origin = {name: np.zeros(n, np.int64) for name in ("parent", "edits")}
        if parents is not None:
            origin["parent"] = column("parents", parents, np.int64, n)
        if edits is not None:
            origin["edits"] = column("edits", edits, np.int64, n)
        numbers = self.meet(n) if met is None else column("met", met, np.int64, n)
        keys = np.array(level_spaces.keys(self.space, levels), np.int64)
        if not self._means:
            return self._offer(levels, keys, given, best, numbers, origin)
        # Several rows of one level become one offer with their mean, and all of them get its slot.
        level, first = level_repeats.groups(keys)
        slots = self._offer(
            levels[first],
            keys[first],
            level_repeats.means(level, given),
            level_repeats.highest(level, best),
            numbers[first],
            {name: values[first] for name, values in origin.items()},
        )
        return slots[level]

    def _offer(
        self,
        levels: Array,
        keys: IntArray,
        scores: FloatArray,
        best: FloatArray,
        numbers: IntArray,
        origin: dict[str, IntArray],
    ) -> IntArray:
        """Offer levels one after the other and return the slot of each, -1 where it was refused."""
        ranks = no_ranks()
        # Ranks matter only where a level can give way by its weight. Elsewhere they are counted on demand.
        if not self._rule.by_score and self._size + len(keys) > self.capacity:
            ranks = self._ranked()
        else:
            self._ranks = None
        self._size, self._clock, slots, taken = kernels.offer(
            self._columns,
            ranks,
            self._table,
            self._size,
            self._clock,
            keys,
            scores,
            best,
            self._seen - numbers,
            tie_numbers(keys, numbers),
            self._rule,
        )
        to = slots[taken]
        # Of several rows in one slot the last one stays.
        self._levels[to] = levels[taken]
        self._columns.parent[to] = origin["parent"][taken]
        self._columns.edits[to] = origin["edits"][taken]
        return slots

    def update(
        self, keys: IntArray, scores: npt.ArrayLike, returns: npt.ArrayLike | None = None
    ) -> BoolArray:
        """Give levels that are in the buffer new scores, without counting them as drawn.

        Args:
            keys: ``(n,)`` of the levels; several rows may be of one level.
            scores: ``(n,)``, finite.
            returns: ``(n,)`` the highest return on each; the highest ever is kept.

        Returns:
            ``(n,)`` which of them are in the buffer; the others are ignored.

        Raises:
            ValueError: if a shape is wrong or a score is not finite.
        """
        keys = saved_array("level buffer: keys", keys, np.int64, (None,))
        n = len(keys)
        given = column("scores", scores, np.float64, n, finite=True)
        best = _highest_returns(returns, n)
        found = self.find(keys)
        there = found >= 0
        # Slots number the levels here: each level is blended once, whatever the number of its rows.
        level, first = level_repeats.groups(found[there])
        slots = found[there][first]
        old = self._columns.score[found[there][first]]
        if self._means:
            new = level_repeats.means(level, given[there])
            blended = (1 - self._rule.blend) * old + self._rule.blend * new
        else:
            blended = level_repeats.one_after_the_other(level, given[there], old, self._rule.blend)
        self._columns.score[slots] = blended
        # `np.maximum.at`, because several rows may be of one slot.
        np.maximum.at(self._columns.best, found[there], best[there])
        # The scores have moved, so the ranks hold no longer.
        self._ranks = None
        return there

    def probabilities(self) -> FloatArray:
        """Return ``(len,)`` the probability of each slot in the next draw; they sum to 1."""
        if not self._size:
            return np.zeros(0)
        weights = np.empty(self._size)
        prior = self._prior()
        # The kernel's weights may sum to less than 1 (dcd, all levels fresh), hence the quotient below.
        kernels.mix(weights, prior, self._columns.stamp, self._clock, self._size, self._rule)
        return np.asarray(weights / weights.sum())

    def effective_size(self) -> float:
        """Return the effective number of levels in a draw, ``1 / sum(p ** 2)``; 0 if there is none."""
        p = self.probabilities()
        if not p.size:
            return 0.0
        return float(1 / (p @ p))

    def sample(self, rng: np.random.Generator, n: int) -> IntArray:
        """Draw ``n`` slots one after the other; each draw ages all levels by 1 and makes one fresh.

        Raises:
            ValueError: if the buffer is empty, or n below 0.
        """
        check_whole("level buffer: sample: n", n, 0, MOST_ROWS)
        if not self._size:
            raise ValueError(f"level buffer: expected n >= 0 of at least 1 level, got {n} of {self._size}")
        # A Fenwick tree: node i holds the sum of the i & -i stamps
        # that end at i, as a difference of two sums.
        sums = np.concatenate([[0], np.cumsum(self._columns.stamp[: self._size])])
        nodes = np.arange(self._size + 1)
        slots = kernels.draw(
            sums - sums[nodes - (nodes & -nodes)],
            self._columns.stamp,
            self._clock,
            np.cumsum(self._prior()),
            # Two numbers a draw: whether by score or by staleness, and which level.
            rng.random((n, 2)),
            self._rule,
        )
        self._clock += n
        return slots

    def clear(self) -> None:
        """Forget all levels; the clock goes on."""
        self._size = 0
        self._ranks = None

    def _prior(self) -> FloatArray:
        """Return ``(len,)`` the weights by score; uniform where all are 0."""
        prior = np.empty(self._size)
        kernels.priorities(prior, self._columns.score, self._ranked(), self._table, self._size, self._rule)
        if prior.sum() > 0:
            return prior
        # Proportional weights are all 0 where no score is above 0.
        return np.ones(self._size)

    def _ranked(self) -> kernels.Ranks:
        """Return where the levels stand by score, `no_ranks` where nobody asks."""
        if self._rule.mode == kernels.PROPORTIONAL:
            return ranked(np.zeros(0), self.capacity, self._rule)
        if self._ranks is None:
            self._ranks = ranked(self._columns.score[: self._size], self.capacity, self._rule)
        return self._ranks

    def state_dict(self) -> State:
        """Return the levels and all that is known of them as plain data; a copy."""
        kept = {name: column[: self._size].copy() for name, column in self._columns._asdict().items()}
        return {"levels": self.levels.copy(), **kept, "clock": self._clock, "seen": self._seen}

    def load_state_dict(self, state: State) -> None:
        """Continue from `state_dict` of a buffer of the same space and options.

        Raises:
            ValueError: if an entry is missing or damaged, there are more levels than the capacity, or any of
                another space.
        """
        check_names("level buffer: state", ("levels", *self._columns._fields, "clock", "seen"), state)
        levels = spaces.check_tasks(self.space, state["levels"], "level buffer: state")
        size = len(levels)
        if size > self.capacity:
            raise ValueError(f"level buffer: state: expected at most {self.capacity} levels, got {size}")
        kept = {
            name: column(f"state: {name}", state[name], own.dtype.type, size, finite=name == "score")
            for name, own in self._columns._asdict().items()
        }
        clock, seen = (
            saved_whole(f"level buffer: state: {x}", state[x], 0, 2**62) for x in ("clock", "seen")
        )
        # Everything is checked before anything is taken over: a refused state changes nothing.
        check_kept(kept, level_spaces.keys(self.space, levels), clock)
        self._size = size
        self._ranks = None
        self._levels[:size] = levels
        for name, own in self._columns._asdict().items():
            own[:size] = kept[name]
        self._clock = clock
        self._seen = seen


def _highest_returns(returns: npt.ArrayLike | None, n: int) -> FloatArray:
    """Return ``(n,)`` the highest return on each level that is offered; -inf where none was told."""
    if returns is None:
        return np.full(n, -np.inf)
    return column("returns", returns, np.float64, n)
