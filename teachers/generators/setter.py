"""The setter's flow and the judge, and how they learn from tasks and their success."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from teacherstudent.contract.checks import check_real, check_whole
from teacherstudent.contract.types import FloatArray
from teacherstudent.teachers.generators.flow import Flow
from teacherstudent.teachers.generators.layers import check_sizes, layers
from teacherstudent.teachers.generators.trained import Trained, tensor_of

_NEAREST = 1e-4
"""How near the ends of the cube solved tasks may be: at the ends the flow's density is infinite."""
_STEEPEST = 1.0
"""Norm of a gradient, at most."""
_LEAST = 1e-6
"""The least feasibility, and the least distance of one from 1."""


@dataclass(frozen=True, kw_only=True)
class SetterOptions:
    """Networks of a setter and a judge, and how they learn.

    Attributes:
        judge: units of the judge's hidden layers.
        hidden: units of the setter's networks. TeachMyAgent tuned them to 64; 32 are the authors' default.
        blocks: of the setter, of three couplings each.
        layers: highway blocks in each of its networks.
        lr: of Adam, for both.
        batch_size: outcomes of a step of the judge, and tasks of one of the setter.
        noise: greatest noise added to a solved task, as a share of the range. TeachMyAgent tuned it to 0.1.

    Raises:
        ValueError: if a number is out of range.
    """

    judge: Sequence[int] = (64, 64)
    hidden: int = 32
    blocks: int = 3
    layers: int = 3
    lr: float = 3e-4
    batch_size: int = 100
    noise: float = 0.1

    def __post_init__(self) -> None:
        # The class is frozen, so the list that a user gives becomes a tuple through the back door.
        object.__setattr__(self, "judge", check_sizes("networks: judge", self.judge))
        for name in ("hidden", "blocks", "layers"):
            check_whole(f"networks: {name}", getattr(self, name), 1, 10**4)
        check_whole("networks: batch_size", self.batch_size, 1, 10**6)
        check_real("networks: lr", self.lr, 0, 1, above=True)
        check_real("networks: noise", self.noise, 0, 1)


class Setter(Trained):
    """Makes points for a wanted feasibility; a judge says how feasible they are.

    Deviations from TeachMyAgent: single precision, and feasibilities from 1e-6 to 1 - 1e-6 for that reason
    (from 1e-8 on there).

    Args:
        d: coordinates of a point.
        options: see `SetterOptions`.
        seed: of the first weights.
    """

    def __init__(self, d: int, options: SetterOptions, *, seed: int) -> None:
        self._options = options
        generator = torch.Generator().manual_seed(seed)
        self._judge: nn.Module = layers([d, *options.judge, 1], nn.ReLU, generator, xavier=False)
        self._flow = Flow(
            d, blocks=options.blocks, layers=options.layers, hidden=options.hidden, generator=generator
        )
        super().__init__(
            {"judge": self._judge, "flow": self._flow},
            lambda parameters: torch.optim.Adam(parameters, lr=options.lr),
        )

    def make(self, noise: FloatArray, feasibility: FloatArray) -> FloatArray:
        """Return points ``(n, d)`` of the cube for normal noise ``(n, d)`` and feasibilities ``(n,)``."""
        with torch.no_grad():
            points, _ = self._flow(tensor_of(noise), _condition(feasibility))
        made: FloatArray = points.double().numpy()
        return made

    def judged(self, points: FloatArray) -> FloatArray:
        """Return the probability ``(n,)`` that each point is solved."""
        with torch.no_grad():
            found: FloatArray = torch.sigmoid(self._judge(tensor_of(points))[:, 0]).double().numpy()
        return found

    def train(
        self, points: FloatArray, success: FloatArray, steps: int, rng: np.random.Generator
    ) -> dict[str, float]:
        """Take steps of judge and setter; return the losses of the last one.

        Args:
            points: ``(n, d)`` tasks that were played, in the unit cube.
            success: ``(n,)`` from 0 to 1.
            steps: how many.
            rng: draws.
        """
        solved = points[success > 0]
        losses: dict[str, float] = {}
        for _ in range(steps):
            rows = rng.integers(len(points), size=self._options.batch_size)
            logits = self._judge(tensor_of(points[rows]))[:, 0]
            found = {"judge_loss": _cross_entropy(logits, tensor_of(success[rows]))}
            self._step("judge", found["judge_loss"], most=_STEEPEST)
            setter_losses = self._setter_losses(solved, points.shape[1], rng)
            self._step("flow", sum(setter_losses.values(), start=torch.zeros(())), most=_STEEPEST)
            found |= setter_losses
            losses = {name: loss.item() for name, loss in found.items()}
        return losses

    def _setter_losses(self, solved: FloatArray, d: int, rng: np.random.Generator) -> dict[str, Tensor]:
        """Return feasibility and coverage, and validity where a task was solved."""
        n = self._options.batch_size
        wanted = _condition(rng.random(n))
        made, log_p = self._flow(tensor_of(rng.standard_normal((n, d))), wanted)
        # The judge is not trained by this loss: only the flow's gradients are computed.
        distance = (self._judge(made) - torch.logit(wanted)).square().mean()
        losses = {"feasibility_loss": distance, "coverage_loss": log_p.mean()}
        if len(solved):
            chosen = solved[rng.integers(len(solved), size=n)]
            moved = np.clip(chosen + self._options.noise * rng.random(chosen.shape), _NEAREST, 1 - _NEAREST)
            _, log_p = self._flow.infer(tensor_of(moved), _condition(rng.random(n)))
            losses["validity_loss"] = -log_p.mean()
        return losses


def _condition(feasibility: FloatArray) -> Tensor:
    """Return feasibilities as a condition ``(n, 1)``, kept from 0 and 1, whose logits are infinite."""
    return tensor_of(np.clip(feasibility, _LEAST, 1 - _LEAST))[:, None]


def _cross_entropy(logits: Tensor, success: Tensor) -> Tensor:
    return functional.binary_cross_entropy_with_logits(logits, success)
