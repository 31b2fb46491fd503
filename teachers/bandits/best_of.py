"""How probable each of several independent random numbers is to be the greatest.

Bandits that draw a number for every arm and play the greatest need it for the log: `best_of_values` where a
number is one of a few that are kept, `best_of_normals` where it is Gaussian. Both are exact but for rounding
and quadrature, cost no more than ``k log k`` for ``k`` arms, and share ties equally among those that tie.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr, ndtri

from teacherstudent.contract.types import Array, FloatArray, IntArray

TOLERANCE = 1e-9
"""By how much the integral over one panel may miss the share that is known to lie in it."""
# Deviations beyond which a Gaussian has no weight: 1e-19.
_TAIL = 9.0
_LOOKS = 33  # places where the product is looked at first
_NOTHING = 1e-18  # what of it counts as 0
_PANELS = 8  # to begin with
_ROUNDS = 60  # how often a panel is halved at most
_CHUNK = 2**20  # numbers worked on at once
# Panels at most: more are no use, as rounding keeps what they miss above the tolerance.
_FINEST = 4096
# Tied arms that 16 nodes integrate exactly: the product is a polynomial of degree 31.
_EXACT = 32


@cache
def _gauss(n: int) -> tuple[FloatArray, FloatArray]:
    """Return nodes and weights of Gauss-Legendre quadrature on [0, 1]."""
    x, w = np.polynomial.legendre.leggauss(n)
    return (x + 1) / 2, w / 2


class _Runs(NamedTuple):
    """Equal numbers of one arm each."""

    arm: IntArray
    value: FloatArray
    before: IntArray  # how many of the arm's numbers are smaller
    mass: IntArray  # how many are equal
    size: IntArray  # of how many


def best_of_values(values: FloatArray) -> FloatArray:
    """Return ``(k,)`` how probable each arm is to have the greatest of one number drawn for every arm.

    With ``c_j(v)`` the share of arm j's numbers below v and ``p_j(v)`` that equal to v, arm a wins with the
    sum over v of ``p_a(v)`` times the integral over s in [0, 1] of the product over j != a of
    ``c_j(v) + s p_j(v)``: s is a uniform number that breaks ties.

    Args:
        values: ``(k, w)``, each row the numbers of an arm, all equally probable; NaN is none, but at least
            one is a number.
    """
    k = len(values)
    # NaN is sorted to the end, so column 0 holds each arm's least number.
    ordered = np.sort(values, axis=1)
    # Below this number some other arm is always greater, so nothing wins there.
    least = ordered[:, 0].max()
    runs = _runs(ordered, least)
    return np.asarray(np.bincount(runs.arm, _shares(runs), minlength=k), np.float64)


def _runs(ordered: FloatArray, least: float) -> _Runs:
    """Return the runs of equal numbers, ``least`` or more, in the rows of ``(k, w)`` ascending numbers."""
    k, w = ordered.shape
    count = (~np.isnan(ordered)).sum(axis=1)
    first = ordered >= least
    # A run starts where a number differs from the one before it, or where that one cannot win.
    first[:, 1:] &= (ordered[:, 1:] != ordered[:, :-1]) | (ordered[:, :-1] < least)
    # Places count through the flat table: place // w is the arm, the rest is the place within it.
    place = np.flatnonzero(first.ravel())
    arm = place // w
    # A run ends where the next one of the same arm begins, or behind the arm's last number.
    end = np.minimum(np.append(place[1:], k * w), arm * w + count[arm])
    return _Runs(arm, ordered.ravel()[place], place - arm * w, end - place, count[arm])


def _shares(runs: _Runs) -> FloatArray:
    """Return what each run adds to its arm's probability, in the runs' order."""
    base = int(runs.size.max()) + 1
    # One integer for three small ones: equal for runs that are alike, so that sorting brings them together.
    kind = (runs.before * base + runs.mass) * base + runs.size
    order = np.lexsort((kind, runs.value))
    value = runs.value[order]
    kind = kind[order]
    new_value = np.append(True, value[1:] != value[:-1])
    new_row = new_value | np.append(True, kind[1:] != kind[:-1])
    # One row stands for all alike runs at one value, so many equal arms cost no more than one.
    row_at = np.flatnonzero(new_row)
    many = np.diff(np.append(row_at, len(order))).astype(np.float64)
    one = order[row_at]
    below = runs.before[one] / runs.size[one]
    mass = runs.mass[one] / runs.size[one]
    group = np.cumsum(new_value[row_at]) - 1
    group_at = np.flatnonzero(new_value[row_at])
    # An arm without smaller numbers gets the logarithm of 1, so that nothing becomes infinite here.
    old = many * np.log(np.where(below > 0, below, 1.0))
    rise = np.add.reduceat(many * np.log(below + mass) - old, group_at)
    # The product over the arms without this value, from the greatest value down, where the product of all is
    # 1: from the least one up, rounding would add up over all arms.
    others = -np.cumsum(rise[::-1])[::-1] - np.add.reduceat(old, group_at)
    share = mass * np.exp(others)[group]
    tied = np.add.reduceat(many, group_at)
    # Values that several arms hold need the integral over s. It is
    # exact for few arms and takes panels for many.
    for low, high in ((2, _EXACT), (_EXACT + 1, np.inf)):
        which = (tied >= low) & (tied <= high)
        rows = which[group]
        if rows.any():
            share[rows] *= _ties(below[rows], mass[rows], many[rows], group[rows], float(tied[which].max()))
    found = np.empty(len(order))
    found[order] = share[np.cumsum(new_row) - 1]
    return found


def _ties(below: FloatArray, mass: FloatArray, many: FloatArray, group: IntArray, most: float) -> FloatArray:
    """Return for each row the integral over s of the product over its group's other arms of ``c + s p``."""
    nodes, weights = _graded(most)
    at = np.flatnonzero(np.append(True, group[1:] != group[:-1]))
    found = np.zeros(len(group))
    per_row = np.repeat(np.arange(len(at)), np.diff(np.append(at, len(group))))
    # Nodes come in parts: the table of rows and nodes stays below `_CHUNK` numbers.
    step = max(1, _CHUNK // len(group))
    for i in range(0, len(nodes), step):
        s = nodes[i : i + step]
        w = weights[i : i + step]
        terms = np.log(below[:, None] + mass[:, None] * s)
        product = np.add.reduceat(many[:, None] * terms, at, axis=0)
        # The product over the others is the product over all, without the own factor.
        found += np.exp(product[per_row] - terms) @ w
    return found


def _graded(most: float) -> tuple[FloatArray, FloatArray]:
    """Return nodes and weights on [0, 1] for products of up to ``most`` linear factors.

    Products of many factors live near 1: panels there are halved until the product hardly changes in one.
    """
    x, w = _gauss(16)
    if most <= _EXACT:
        return x, w
    # A product of m factors changes within about 1 / m of s = 1, so panels are halved towards 1.
    ends = 1 - 0.5 ** np.arange(int(np.ceil(np.log2(most))) + 2)
    ends = np.append(ends, 1.0)
    width = np.diff(ends)
    return (ends[:-1, None] + width[:, None] * x).ravel(), (width[:, None] * w).ravel()


def best_of_normals(
    mean: FloatArray, deviation: FloatArray, *, folded: bool = False, tolerance: float = TOLERANCE
) -> FloatArray:
    """Return ``(b, k)`` how probable each of ``k`` independent Gaussians is to be the greatest.

    Arm a wins with the integral over t of its density times the product of the others' distribution
    functions. All arms share the nodes, so one pass gives the product, and what all arms win within a panel
    is known: the rise of the product. Panels that miss it are halved.

    Args:
        mean: ``(b, k)``: ``b`` problems.
        deviation: ``(k,)``, at least 0; those of deviation 0 that are equal share what they win.
        folded: whether the greatest absolute value wins.
        tolerance: by how much a panel may miss.
    """
    from_here = np.abs(mean)
    if not folded:
        # From the greatest mean on, so that differences keep their digits however great the means are.
        from_here = mean - mean.max(axis=1, keepdims=True)
    problem = _Problem.of(from_here, deviation, folded)
    found = problem.certain()
    edges = np.linspace(0.0, 1.0, _PANELS + 1)
    left, right = edges[:-1], edges[1:]
    for i in range(_ROUNDS):
        won, missed = problem.integrate(left, right)
        # The last round takes what there is: rounding may keep a panel above the tolerance for ever.
        last = i == _ROUNDS - 1 or len(left) * (1 + len(mean) // 64) > _FINEST
        good = (missed <= tolerance) | last
        found += won[:, good].sum(axis=1)
        if good.all():
            break
        # Only panels that missed are halved; what the others win is counted already.
        left, right = left[~good], right[~good]
        middle = (left + right) / 2
        left, right = np.append(left, middle), np.append(middle, right)
    return found


@dataclass(frozen=True, slots=True)
class _Problem:
    """Gaussians ``(b, k)``, and the window of each problem in which the greatest of them lies."""

    mean: FloatArray
    deviation: FloatArray
    folded: bool
    low: FloatArray
    high: FloatArray

    @staticmethod
    def of(mean: FloatArray, deviation: FloatArray, folded: bool) -> _Problem:
        # The greatest number is at least as great as every arm, so it
        # lies above the highest of the lower ends.
        low, high = (mean + side * _TAIL * deviation for side in (-1, 1))
        low, high = low.max(axis=1), high.max(axis=1)
        if folded:
            low = np.maximum(low, 0.0)
        return _Problem(mean, deviation, folded, low, high)._narrowed()

    def _narrowed(self) -> _Problem:
        """Return the problem with the window less what lies below, or above, the greatest for sure."""
        t = np.linspace(self.low, self.high, _LOOKS, axis=1)
        # A coarse look at the product of all distribution functions: where it is 0 or 1, nothing is won.
        product = np.exp(self._log_product(t))
        b = np.arange(len(t))
        # One place further out than the first and the last one that count: the rise may begin between places.
        low = np.maximum((product > _NOTHING).argmax(axis=1) - 1, 0)
        high = _LOOKS - np.maximum((product < 1 - 1e-15)[:, ::-1].argmax(axis=1), 1)
        return _Problem(self.mean, self.deviation, self.folded, t[b, low], np.maximum(t[b, high], t[b, low]))

    def certain(self) -> FloatArray:
        """Return ``(b, k)`` what the arms without deviation win: all that lies below the greatest of them."""
        found = np.zeros(self.mean.shape)
        sure = self.deviation == 0
        if not sure.any():
            return found
        top = self.mean[:, sure].max(axis=1)
        first = sure & (self.mean == top[:, None])
        chance = np.exp(self._log_product(top[:, None])[:, 0])
        # Below the window some other arm is greater for sure.
        chance[top < self.low] = 0.0
        return np.where(first, (chance / first.sum(axis=1))[:, None], found)

    def _arms(self, nodes: int) -> list[IntArray]:
        """Return the arms that are not certain, in parts that are worked on at once."""
        moving = np.flatnonzero(self.deviation > 0)
        parts = int(np.ceil(moving.size * nodes * len(self.mean) / _CHUNK))
        return [part for part in np.array_split(moving, max(1, parts)) if part.size]

    def _below(self, t: FloatArray, arms: IntArray) -> tuple[FloatArray, FloatArray]:
        """Return distribution function and density of some arms at ``t (b, n)``, each ``(b, n, arms)``."""
        m = self.mean[:, None, arms]
        s = self.deviation[arms]
        z = (t[:, :, None] - m) / s
        below = ndtr(z)
        density = np.exp(-0.5 * z * z)
        # Folded, below t means between -t and t: the other tail is taken off, and its density is added.
        if self.folded:
            z = (t[:, :, None] + m) / s
            below -= ndtr(-z)
            density += np.exp(-0.5 * z * z)
        return below, density / (s * np.sqrt(2 * np.pi))

    def _log_product(self, t: FloatArray, kept: tuple[FloatArray, FloatArray] | None = None) -> FloatArray:
        total = np.zeros(t.shape)
        # The logarithm of 0 is minus infinity, and its exponential is 0 again.
        with np.errstate(divide="ignore"):
            for arms in self._arms(t.shape[1]):
                below, _ = kept or self._below(t, arms)
                total += np.log(np.maximum(below, 0.0)).sum(axis=2)
        return total

    def integrate(self, left: FloatArray, right: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return what arms win between shares of the window, ``(b, panels, k)``, and misses ``(panels,)``."""
        x, w = _gauss(10)
        width = right - left
        # The ends of a panel are looked at too: the product's rise between them is what all arms win in it.
        share = np.concatenate([left[:, None], left[:, None] + width[:, None] * x, right[:, None]], axis=1)
        span = self.high - self.low
        t = self.low[:, None] + span[:, None] * share.ravel()
        parts = self._arms(t.shape[1])
        # Of arms that fit into one part, both functions are computed once, at all nodes.
        kept = None
        if len(parts) == 1:
            kept = self._below(t, parts[0])
        product = np.exp(self._log_product(t, kept)).reshape(len(span), *share.shape)
        weight = product * np.pad(w, 1) * width[:, None] * span[:, None, None]  # 0 at the ends
        won = np.zeros((len(span), len(left), self.mean.shape[1]))
        for arms in parts:
            below, density = kept or self._below(t, arms)
            # The arm's own factor is divided out of the product. Where it is 0, the product is 0 too.
            rate = np.divide(density, below, out=np.zeros_like(density), where=below > 0)
            shape = (len(span), *share.shape, arms.size)
            won[:, :, arms] = np.einsum("bpna,bpn->bpa", rate.reshape(shape), weight)
        missed = np.abs(won.sum(axis=2) - (product[:, :, -1] - product[:, :, 0]))
        return won, missed.max(axis=0)


def spread_points(rng: np.random.Generator, n: int, d: int) -> FloatArray:
    """Return ``(n, d)`` standard Gaussians: of every coordinate one in each of ``n`` equal slices."""
    # Every coordinate has one point in each slice, in an order of its own (a Latin hypercube).
    slices = rng.permuted(np.tile(np.arange(n), (d, 1)), axis=1).T
    # Exactly 0 is kept away: its normal quantile is infinite.
    return np.asarray(ndtri((slices + np.maximum(rng.random((n, d)), 1e-12)) / n))


def independent_parts(covariance: Array, points: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Split correlated Gaussians into a common part, at ``points``, and independent ones.

    The covariance is a diagonal one, as great as it can be in proportion to the variances that are left when
    all other arms are known, plus a rest.

    Args:
        covariance: ``(k, k)``.
        points: ``(b, k)`` standard Gaussians.

    Returns:
        The common part at each point, ``(b, k)``, and the deviations of the independent part, ``(k,)``.
    """
    # Correlations instead of covariances: arms of small deviation keep their digits beside large ones.
    scale = np.sqrt(np.maximum(covariance.diagonal(), 0.0))
    safe = np.where(scale > 0, scale, 1.0)
    # A little on the diagonal lets a singular matrix be inverted. An arm without variance gets a 1 here, and
    # the scale of 0 at the end takes it away.
    correlation = covariance / safe[:, None] / safe + np.diag(np.where(scale > 0, 1e-10, 1.0))
    known = np.linalg.inv(correlation)
    # The inverse's diagonal holds 1 / the variance that is left when all other arms are known.
    left = 1 / known.diagonal()
    root = np.sqrt(left)
    # The greatest multiple of these variances that leaves a rest without
    # negative eigenvalues; the factor below 1 covers rounding.
    own = left * (1 - 1e-9) / np.linalg.eigvalsh(root[:, None] * known * root)[-1]
    values, vectors = np.linalg.eigh(correlation - np.diag(own))
    common = points @ (vectors * np.sqrt(np.maximum(values, 0.0))).T
    return common * scale, np.sqrt(np.maximum(own, 0.0)) * scale
