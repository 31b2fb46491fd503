"""Between the policy's actions, floats in columns, and the environments'."""

from __future__ import annotations

import copy
import math
from typing import Any

import gymnasium as gym
import torch
from torch import Tensor


class Actions:
    """Between the policy's actions, ``(n, columns)`` floats, and the environments'.

    Attributes:
        columns: how many numbers an action has.
        outputs: how many outputs the network has.
        choices: sizes of discrete choices, one for each column; None if actions are real numbers.

    Args:
        space: of one action: a ``Box`` of floats, ``Discrete``, ``MultiDiscrete`` or ``MultiBinary``.
        device: where actions are.

    Raises:
        TypeError: if it is another one.
    """

    def __init__(self, space: gym.Space[Any], device: torch.device) -> None:
        self.choices: list[int] | None = None
        self._shape: tuple[int, ...] = space.shape or ()
        start: Any = 0
        if isinstance(space, gym.spaces.Discrete):
            self.choices = [int(space.n)]
            start = int(space.start)
        elif isinstance(space, gym.spaces.MultiDiscrete):
            self.choices = [int(n) for n in space.nvec.ravel()]
            start = torch.from_numpy(space.start.ravel().astype("int64")).to(device)
        elif isinstance(space, gym.spaces.MultiBinary):
            self.choices = [2] * math.prod(self._shape)
        elif isinstance(space, gym.spaces.Box) and space.dtype is not None and space.dtype.kind == "f":
            self.columns = self.outputs = math.prod(space.shape)
            self._low, self._high = (torch.from_numpy(b.copy()).to(device) for b in (space.low, space.high))
            return
        else:
            raise TypeError(
                "rsl-rl: expected actions in a Box of floats, Discrete, MultiDiscrete or MultiBinary, got "
                f"{space}"
            )
        # A discrete space may begin at another number than 0.
        self._start = start
        self.columns = len(self.choices)
        self.outputs = sum(self.choices)

    def on(self, device: torch.device) -> Actions:
        """Return the same on another device."""
        other = copy.copy(self)
        if self.choices is None:
            other._low = self._low.to(device)
            other._high = self._high.to(device)
        elif isinstance(self._start, torch.Tensor):
            other._start = self._start.to(device)
        return other

    def bounded(self, actions: Tensor) -> Tensor:
        """Return the actions ``(n, *space.shape)`` inside the space: clipped, or as whole numbers."""
        if self.choices is not None:
            numbers: Tensor = actions.long() + self._start
            return numbers.view(-1, *self._shape)
        return actions.view(-1, *self._shape).to(self._low.dtype).clamp(self._low, self._high)
