"""Exp3.S: a bandit whose best arm changes, on rewards rescaled by their own history."""

from __future__ import annotations

from bisect import insort

import numpy as np

from teacherstudent.contract.checks import check_names, check_pair, is_finite, is_number
from teacherstudent.contract.registry import TEACHERS
from teacherstudent.contract.spaces import Discrete
from teacherstudent.contract.stored.saved import saved_array, saved_whole
from teacherstudent.contract.types import FloatArray, Outcomes, Seed, State
from teacherstudent.teachers.bandits.arms import Moves, Reward, Rules
from teacherstudent.teachers.bandits.policies import explore, softmax
from teacherstudent.teachers.bandits.teacher import Bandit

HISTORY = 1000
"""Rewards kept for the quantiles: a uniform sample of all so far."""


@TEACHERS.register("exp3s")
class Exp3S(Bandit):
    """Draws arms by exponential weights that follow a changing best arm (Exp3.S, Graves et al. 2017).

    Graves, Bellemare, Menick, Munos and Kavukcuoglu 2017, "Automated curriculum learning for neural
    networks", https://arxiv.org/abs/1704.03003, sections 2.1 and 2.2; Exp3.S is of Auer, Cesa-Bianchi, Freund
    and Schapire 2002, https://doi.org/10.1137/S0097539701398375. `exp3s_update` is the exact update.

    An arm is drawn with probability ``(1 - epsilon) softmax(w) + epsilon / k``. Its reward, the progress for
    each unit of cost, is mapped linearly so that the quantiles of all earlier rewards (a reservoir sample of
    1 000) become -1 and 1, and clipped there; while they coincide, it is 0.

    ``eta=0.001`` is the paper's, for a decision at every minibatch: with rewards of -1 and 1 and five arms it
    takes some thousand decisions to prefer the best. For 10 to 100 decisions (training stages) take 0.1 to
    0.5.

    Deviations from the paper:

    - ``alpha`` of the t-th update is 1 / (t + 1), not 1 / t: a first alpha of 1 would turn the preferences
      over. A constant may be given instead;
    - the paper's beta is 0, as in its experiments;
    - the reward is divided by the probability that the arm had when it was asked for, however late its
      outcome comes; rows that were not asked for (id -1) take the present one;
    - an outcome without a reward (see ``reward``) changes nothing;
    - for ``quantiles=None`` the reward is used as it is, for students whose progress is in [-1, 1].

    The outcomes of a batch count one after the other, in its order.

    Args:
        space: the arms.
        seed: an integer of at least 0 or a ``SeedSequence``.
        reward, per_cost, moves, final: see `teacherstudent.teachers.bandits.arms.Rules`. A stage's gain:
            ``"score"``.
        epsilon: share of uniform draws, in (0, 1].
        eta: step size of the log-weights.
        alpha: share of weight that an update spreads over the other arms, in [0, (k - 1) / k]; None is above.
        quantiles: of the rewards, mapped to -1 and 1.

    Raises:
        TypeError: if the space is not discrete, or the seed is no integer.
        ValueError: if an option is out of range.
    """

    def __init__(
        self,
        space: Discrete,
        *,
        seed: Seed,
        reward: Reward = "progress",
        per_cost: bool = True,
        moves: Moves = "free",
        final: tuple[int, float] | None = None,
        epsilon: float = 0.05,
        eta: float = 1e-3,
        alpha: float | None = None,
        quantiles: tuple[float, float] | None = (0.2, 0.8),
    ) -> None:
        rules = Rules(reward=reward, per_cost=per_cost, moves=moves, final=final)
        super().__init__(space, seed=seed, rules=rules, who="exp3s")
        _check_options(self._arms.k, epsilon, eta, alpha, quantiles)
        self.epsilon = epsilon
        self.eta = eta
        self.alpha = alpha
        self.quantiles = quantiles
        # The logarithms of the weights, which themselves would grow beyond floating point.
        self._weights = np.zeros(self._arms.k)
        self._updates = 0
        # Rewards in ascending order, so that quantiles need no sorting.
        self._history: list[float] = []

    def _probabilities(self, progress: float) -> FloatArray:
        allowed = self._arms.allowed(progress)
        return explore(softmax(self._weights, allowed), self.epsilon, allowed)

    def _values(self) -> FloatArray:
        """Return ``(k,)`` the log-weights, less the greatest."""
        return np.asarray(self._weights - self._weights.max())

    def _tell(self, outcomes: Outcomes) -> None:
        told = self._arms.take(outcomes)
        # Rows without a reward change nothing.
        rows = np.flatnonzero(~np.isnan(told.gain))
        columns = (told.arm[rows].tolist(), told.gain[rows].tolist(), told.propensity[rows].tolist())
        for arm, gain, probability in zip(*columns, strict=True):
            if np.isnan(probability):
                # Nobody asked for this row, so no draw had a probability: the present one stands in.
                every = np.ones(self._arms.k, np.bool_)
                probability = explore(softmax(self._weights, every), self.epsilon, every)[arm]
            reward = gain
            if self.quantiles is not None:
                reward = rescale(gain, self._history, self.quantiles)
            self._updates += 1
            alpha = self.alpha
            if alpha is None:
                # t + 1 instead of t: a first alpha of 1 would turn the preferences over.
                alpha = 1 / (self._updates + 1)
            # Importance weighting: an arm that is rarely drawn counts for more when it is.
            self._weights = exp3s_update(self._weights, arm, reward / probability, self.eta, alpha)
            # Kept after it was rescaled, so that a reward is compared with earlier ones only.
            self._keep(gain)

    def _keep(self, gain: float) -> None:
        """Add a reward to the reservoir, a uniform sample of all so far."""
        if self.quantiles is None:
            return
        if len(self._history) == HISTORY:
            # Reservoir sampling: the t-th reward stays with probability
            # HISTORY / t, in place of a random one.
            slot = int(self.rng.integers(self._updates))
            if slot >= HISTORY:
                return
            del self._history[slot]
        insort(self._history, gain)

    def metrics(self) -> dict[str, float]:
        """Return where the probabilities lie (see `Arms.metrics`), and the quantiles of the rewards."""
        found = self._arms.metrics(self._probabilities(self._arms.progress))
        if self.quantiles is not None and self._history:
            low, high = (quantile(self._history, q) for q in self.quantiles)
            found |= {"reward_low": low, "reward_high": high}
        return found

    def _state(self) -> State:
        return {
            "arms": self._arms.state(),
            "weights": self._weights.copy(),
            "updates": self._updates,
            "history": np.array(self._history),
        }

    def _load(self, state: State) -> None:
        check_names("exp3s: state", ("arms", "weights", "updates", "history"), state)
        self._arms.load(state["arms"])
        self._weights = saved_array("exp3s: weights", state["weights"], np.float64, self._weights.shape)
        self._updates = saved_whole("exp3s: updates", state["updates"])
        history = saved_array("exp3s: history", state["history"], np.float64, (None,))
        if len(history) > HISTORY or (np.diff(history) < 0).any():
            raise ValueError(f"exp3s: history: expected up to {HISTORY} ascending rewards, got {history}")
        self._history = history.tolist()


def exp3s_update(weights: FloatArray, arm: int, estimate: float, eta: float, alpha: float) -> FloatArray:
    """Return the log-weights after one reward; all arms change at once.

    With ``v = w``, but for ``v[arm] = w[arm] + eta * estimate``, the new ``w[i]`` is ``log((1 - alpha)
    exp(v[i]) + alpha / (k - 1) * sum of exp(v[j]) over j != i)``. The sum of all ``exp(v)`` is kept.

    Args:
        weights: ``(k,)`` logarithms.
        arm: the one that was played.
        estimate: its reward, divided by its probability.
        eta: step size.
        alpha: in [0, (k - 1) / k]; 0 is Exp3.
    """
    moved = weights.copy()
    moved[arm] += eta * estimate
    k = len(moved)
    if alpha == 0 or k == 1:
        return moved
    share = alpha / (k - 1)
    # The logarithm of the whole mass, less the greatest weight first, so that nothing overflows.
    mass = moved.max() + np.log(np.exp(moved - moved.max()).sum())
    # The sum over j != i is the whole mass less exp(v[i]), so exp(v[i]) keeps this part. It is not below 0.
    own = 1 - alpha - share
    # With the greatest alpha nothing is left of an arm's own weight: all arms are equal.
    if own <= 0:
        return np.full(k, mass - np.log(k))
    return np.asarray(np.logaddexp(moved + np.log(own), mass + np.log(share)))


def rescale(reward: float, history: list[float], quantiles: tuple[float, float]) -> float:
    """Return the reward mapped so that two quantiles of an ascending history become -1 and 1, clipped there.

    0 if the history is empty or the quantiles are equal.
    """
    if not history:
        return 0.0
    low, high = (quantile(history, q) for q in quantiles)
    # Without a spread the history gives no scale.
    if not low < high:
        return 0.0
    return float(min(max(2 * (reward - low) / (high - low) - 1, -1.0), 1.0))


def quantile(ascending: list[float], q: float) -> float:
    """Return a quantile by linear interpolation, as numpy does by default."""
    place = q * (len(ascending) - 1)
    below = int(place)
    above = min(below + 1, len(ascending) - 1)
    return ascending[below] + (place - below) * (ascending[above] - ascending[below])


def _check_options(
    k: int, epsilon: float, eta: float, alpha: float | None, quantiles: tuple[float, float] | None
) -> None:
    """Raise ValueError for the first option out of range."""
    if not (is_number(epsilon) and 0 < epsilon <= 1):
        raise ValueError(f"exp3s: epsilon: expected a share in (0, 1], got {epsilon!r}")
    if not (is_finite(eta) and eta > 0):
        raise ValueError(f"exp3s: eta: expected a step size above 0, got {eta!r}")
    most = (k - 1) / k
    if alpha is not None and not (is_number(alpha) and 0 <= alpha <= most):
        raise ValueError(f"exp3s: alpha: expected a share in [0, {most:g}] for {k} arms, got {alpha!r}")
    if quantiles is not None:
        expected = "0 <= low < high <= 1"
        low, high = check_pair("exp3s: quantiles", expected, quantiles)
        if not (is_number(low) and is_number(high) and 0 <= low < high <= 1):
            raise ValueError(f"exp3s: quantiles: expected {expected}, got {quantiles}")
