"""PPO for an adversary whose only reward comes when a task is finished."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from teacherstudent.contract.checks import check_mapping, check_names, check_whole, is_number
from teacherstudent.contract.stored.saved import saved_array, saved_number
from teacherstudent.contract.tasks.builder import Builder
from teacherstudent.contract.types import Array, FloatArray, State
from teacherstudent.networks.state import (
    device_of,
    load_module,
    load_optimizer,
    module_state,
    optimizer_state,
)
from teacherstudent.teachers.adversaries.network import AdversaryNetwork

_ABOVE_ZERO = ("lr", "clip", "max_grad_norm")
_SHARES = ("gamma", "lam")
_AT_ONCE = 256
"""Rows whose gradients are computed at once: the activations of an image network stay in tens of MB."""
_COUNTS = ("epochs", "minibatches", "channels")


@dataclass(frozen=True, kw_only=True)
class AdversaryOptions:
    """Networks and PPO of an adversary.

    The defaults are those of the mazes of Jiang et al. 2021, https://arxiv.org/abs/2110.02439. On the walkers
    their code has lr 3e-4, gamma 0.99, lam 0.9, 8 epochs, 4 minibatches, an entropy of 0.01, normalised
    rewards (not under minimax), no clipping of the value, and 10 numbers of noise.

    Attributes:
        lr: of Adam (epsilon 1e-5).
        gamma: discount of each action.
        lam: lambda of the generalised advantage.
        epochs: passes over a batch.
        minibatches: parts of a pass.
        clip: of the probability ratio, and of the value's change if ``clip_value``.
        clip_value: whether the value's change is clipped.
        value: weight of the value loss.
        entropy: weight of the policy's entropy.
        max_grad_norm: to which gradients are clipped.
        normalise: divide rewards by their running standard deviation.
        noise: uniform numbers drawn before each action and seen by the networks; at least 0.
        channels: of the convolution over an image.
        hidden: units of policy's and value's hidden layers; empty for (32,) after an image and (64, 64) else.

    Raises:
        ValueError: if a number is out of range, or not whole where it counts.
    """

    lr: float = 1e-4
    gamma: float = 0.995
    lam: float = 0.95
    epochs: int = 5
    minibatches: int = 1
    clip: float = 0.2
    clip_value: bool = True
    value: float = 0.5
    entropy: float = 0.0
    max_grad_norm: float = 0.5
    normalise: bool = False
    noise: int = 50
    channels: int = 128
    hidden: tuple[int, ...] = field(default=())

    def __post_init__(self) -> None:
        hidden: Any = self.hidden
        if isinstance(hidden, str) or not isinstance(hidden, Sequence):
            raise ValueError(f"adversary: hidden: expected units of each layer, got {self.hidden!r}")
        # The class is frozen, so the list that a user gives becomes a tuple through the back door.
        object.__setattr__(self, "hidden", tuple(self.hidden))
        # Types come first: the comparisons below would fail on a string with a message that names no option.
        for name in (*_ABOVE_ZERO, *_SHARES, "value", "entropy"):
            self._check(name, is_number(getattr(self, name)), "a number")
        for name in _ABOVE_ZERO:
            self._check(name, 0 < getattr(self, name) < np.inf, "a number above 0")
        for name in _SHARES:
            self._check(name, 0 <= getattr(self, name) <= 1, "a number in [0, 1]")
        for name in _COUNTS:
            check_whole(f"adversary: {name}", getattr(self, name))
        for name in ("value", "entropy"):
            self._check(name, 0 <= getattr(self, name) < np.inf, "at least 0")
        check_whole("adversary: noise", self.noise, 0)
        for units in self.hidden:
            check_whole("adversary: hidden", units)

    def _check(self, name: str, fine: bool, expected: str) -> None:
        if not fine:
            raise ValueError(f"adversary: {name}: expected {expected}, got {getattr(self, name)!r}")


class Steps(NamedTuple):
    """What the adversary saw and did, for ``T`` actions on each of ``n`` tasks.

    Attributes:
        seen: ``(T, n, *observation_shape)`` float32.
        noise: ``(T, n, noise)`` float32.
        raw: ``(T, n)``: actions before any squashing; int64 or float32.
        log_prob: ``(T, n)`` float32, when they were taken.
        value: ``(T, n)`` float32, likewise.
    """

    seen: Array
    noise: Array
    raw: Array
    log_prob: Array
    value: Array


def advantages(value: Array, reward: Array, gamma: float, lam: float) -> Array:
    """Return the generalised advantages ``(T, n)`` where ``reward`` ``(n,)`` comes after the last action.

    Schulman et al. 2016, https://arxiv.org/abs/1506.02438, equation 16. Nothing follows the last action.
    """
    # All rewards but the last are 0, so a step is worth the discounted value of the next one.
    after = np.concatenate([gamma * value[1:], reward[None]])
    # These are the residuals delta_t. The loop turns them into A_t = delta_t + gamma lam A_(t+1), in place.
    found = after - value
    for t in range(len(value) - 2, -1, -1):
        found[t] += gamma * lam * found[t + 1]
    return np.asarray(found)


class AdversaryPPO:
    """The adversary's networks, optimiser and update.

    Schulman et al. 2017, "Proximal policy optimization algorithms", https://arxiv.org/abs/1707.06347: clipped
    ratio, advantages normalised over the batch.

    Attributes:
        losses: numbers of the last update, for the log.

    Args:
        builder: what is built.
        options: see `AdversaryOptions`.
        seed: of the first weights.
        device: where networks are, ``"cpu"`` or ``"cuda"``.
    """

    def __init__(self, builder: Builder, options: AdversaryOptions, *, seed: int, device: str) -> None:
        self._options, self._device = options, device_of("device", device)
        hidden = options.hidden or ((32,) if len(builder.observation_shape) == 3 else (64, 64))
        self._network = AdversaryNetwork(
            builder,
            noise=options.noise,
            channels=options.channels,
            hidden=hidden,
            generator=torch.Generator().manual_seed(seed),
        ).to(self._device)
        # Torch's default epsilon of 1e-8 lets single steps grow large while gradients are small.
        self._optimizer = torch.optim.Adam(self._network.parameters(), lr=options.lr, eps=1e-5)
        self._scale = RunningScale()
        self.losses: dict[str, float] = {}

    def act(self, seen: Array, step: int, rng: np.random.Generator) -> tuple[Array, Steps]:
        """Choose an action for each partial task.

        Args:
            seen: ``(n, *observation_shape)``.
            step: how many actions came before.
            rng: for noise and actions.

        Returns:
            What the builder takes, ``(n,)``, and the step without the axis of time.
        """
        n = len(seen)
        # Numpy draws noise and action, so the draws do not depend on the device.
        noise = rng.random((n, self._options.noise)).astype(np.float32)
        uniform = self._tensor(rng.random(n))
        with torch.no_grad():
            steps = torch.full((n,), step, device=self._device)
            policy, value = self._network(self._tensor(seen), steps, self._tensor(noise))
            raw = policy.draw(uniform)
            taken = policy.taken(raw)
            log_prob = policy.log_prob(raw)
        actions = _array(taken)
        # Whole actions stay whole. Others get the precision that tasks of a box are computed in.
        if actions.dtype != np.int64:
            actions = actions.astype(np.float64)
        return actions, Steps(seen, noise, _array(raw), _array(log_prob), _array(value))

    def update(self, steps: Steps, reward: FloatArray, rng: np.random.Generator) -> None:
        """Learn from ``n`` tasks and their rewards ``(n,)``; ``rng`` orders the minibatches."""
        options = self._options
        if options.normalise:
            reward = self._scale.scaled(reward)
        length, n = steps.value.shape
        found = advantages(steps.value, reward.astype(np.float32), options.gamma, options.lam)
        # The small number keeps a batch of equal advantages from a division by 0.
        normal = (found - found.mean()) / (found.std() + 1e-8)
        # Row t n + i is action t of task i, so every t is repeated n times.
        number = np.repeat(np.arange(length), n)
        columns = [
            self._tensor(np.reshape(column, (length * n, *column.shape[2:])))
            for column in (steps.seen, steps.noise, steps.raw, steps.log_prob, steps.value)
        ]
        # Advantage plus value is the return that the value network has to predict.
        rest = [self._tensor(c) for c in (number, normal.ravel(), (found + steps.value).ravel())]
        # Three losses and the number of steps: the log shows their means.
        sums = np.zeros(4)
        for _ in range(options.epochs):
            for rows in np.array_split(rng.permutation(length * n), options.minibatches):
                # There may be more minibatches than rows; then some parts are empty.
                if len(rows):
                    chosen = self._tensor(rows)
                    sums += self._learn(*[column[chosen] for column in (*columns, *rest)])
        names = ("policy_loss", "value_loss", "entropy")
        self.losses = {name: float(total / sums[3]) for name, total in zip(names, sums[:3], strict=True)}

    def _learn(self, *columns: Tensor) -> FloatArray:
        """Take one step on rows of `_losses`' columns and return its numbers and 1."""
        options = self._options
        total = len(columns[0])
        sums = np.zeros(3)
        self._optimizer.zero_grad()
        # Gradients add up over parts of the rows: little memory, and the same step as with all rows at once.
        for start in range(0, total, _AT_ONCE):
            part = [column[start : start + _AT_ONCE] for column in columns]
            # A part counts by its share of the rows, so the parts sum to the mean over the minibatch.
            losses = [len(part[0]) / total * loss for loss in self._losses(*part)]
            torch.autograd.backward(losses[0] + options.value * losses[1] - options.entropy * losses[2])
            sums += [loss.item() for loss in losses]
        nn.utils.clip_grad_norm_(self._network.parameters(), options.max_grad_norm)
        self._optimizer.step()
        return np.append(sums, 1.0)

    def _losses(
        self,
        seen: Tensor,
        noise: Tensor,
        raw: Tensor,
        log_prob: Tensor,
        value: Tensor,
        number: Tensor,
        advantage: Tensor,
        target: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return policy loss, value loss and entropy, means over the rows."""
        options = self._options
        policy, now = self._network(seen, number, noise)
        ratio = (policy.log_prob(raw) - log_prob).exp()
        clipped = ratio.clamp(1 - options.clip, 1 + options.clip)
        # The lesser of the two objectives counts: a step beyond the clip gains nothing more.
        policy_loss = -torch.min(ratio * advantage, clipped * advantage).mean()
        squares = (now - target) ** 2
        if options.clip_value:
            # The greater of the two losses counts, for the same reason: no gain from moving beyond the clip.
            near = value + (now - value).clamp(-options.clip, options.clip)
            squares = torch.max(squares, (near - target) ** 2)
        return policy_loss, 0.5 * squares.mean(), policy.entropy().mean()

    def _tensor(self, array: Array) -> Tensor:
        return torch.tensor(array, device=self._device)

    def state_dict(self) -> State:
        """Return networks, optimiser, scale of rewards and losses as plain data; a copy."""
        return {
            "network": module_state(self._network),
            "optimizer": optimizer_state(self._optimizer),
            "scale": self._scale.state_dict(),
            "losses": dict(self.losses),
        }

    def load_state_dict(self, state: State) -> None:
        """Continue from `state_dict`."""
        check_names("adversary", ("network", "optimizer", "scale", "losses"), state)
        load_module(self._network, state["network"], "adversary.network", finite=True)
        load_optimizer(self._optimizer, state["optimizer"], finite=True)
        self._scale.load_state_dict(state["scale"])
        losses = check_mapping("adversary: losses", state["losses"], optional=False)
        self.losses = {name: saved_number(f"adversary: {name}", value) for name, value in losses.items()}


class RunningScale:
    """Divides numbers by the standard deviation of all that came so far, themselves counted in."""

    def __init__(self) -> None:
        # Count, mean, and sum of squared distances from the mean.
        self._moments = np.zeros(3)

    def scaled(self, values: FloatArray) -> FloatArray:
        """Return ``values`` ``(n,)`` over the square root of (variance + 1e-8); their mean stays."""
        count, mean, squares = self._moments
        n = len(values)
        own = values.mean()
        # Two groups are merged by their moments. Sums of squares alone would cancel where the mean is large.
        squares += ((values - own) ** 2).sum() + (own - mean) ** 2 * count * n / (count + n)
        self._moments = np.array([count + n, mean + (own - mean) * n / (count + n), squares])
        return np.asarray(values / np.sqrt(squares / (count + n) + 1e-8))

    def state_dict(self) -> State:
        """Return the moments; a copy."""
        return {"moments": self._moments.copy()}

    def load_state_dict(self, state: State) -> None:
        """Continue from `state_dict`."""
        self._moments = saved_array("adversary: moments", state["moments"], np.float64, (3,))
        if self._moments[0] < 0 or self._moments[2] < 0:
            raise ValueError(f"adversary: moments: expected a count and squares >= 0, got {self._moments}")


def _array(tensor: Tensor) -> Array:
    return np.array(tensor.cpu().numpy())
