"""The greedy policy of rsl_rl as one module, for programs without this package."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import torch
from torch import Tensor, nn

from teacherstudent.networks.pixels import Part
from teacherstudent.students.rsl_rl.policy.actions import Actions
from teacherstudent.students.rsl_rl.policy.models import PixelModel


class GreedyPolicy(nn.Module):
    """An actor that takes observations as the environment gives them, ``(n, ...)``, and acts at its best.

    It is a copy on the CPU; the normaliser of observations is a part of it.

    Args:
        actor: of rsl_rl, without a memory.
        parts: of its observations.
        actions: what its outputs are for.

    Raises:
        ValueError: if observations are no single array of numbers.
    """

    def __init__(self, actor: Any, parts: Sequence[Part], actions: Actions) -> None:
        super().__init__()
        whole = parts[0]
        if whole.name or not isinstance(whole.space, gym.spaces.Box):
            raise ValueError(
                f"export: expected observations in one array of numbers, got parts {[p.space for p in parts]}"
            )
        actor = copy.deepcopy(actor).cpu()
        actor.eval()
        # The parts and not the whole: a trace looks at properties that exist after a draw only.
        self.encoder: nn.Module | None = None
        if isinstance(actor, PixelModel):
            # One array is one image, beside which there are no numbers to be normalised.
            self.encoder = actor.encoder
        else:
            self.normalizer = actor.obs_normalizer
        self.mlp = actor.mlp
        self._best = actor.distribution.deterministic_output
        self._actions = actions.on(torch.device("cpu"))

    def forward(self, obs: Tensor) -> Tensor:
        """Return actions ``(n, ...)`` for observations ``(n, ...)``."""
        flat = obs.reshape(obs.shape[0], -1)
        features = self.normalizer(flat) if self.encoder is None else self.encoder(flat)
        return self._actions.bounded(self._best(self.mlp(features)))
