"""A teacher in a Lightning trainer: of examples, of stages, or both."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from teacherstudent.adapters.supervised.samplers import TeacherBatchSampler, TeacherSampler
from teacherstudent.adapters.supervised.stages.controller import StageController

try:
    import lightning.pytorch as pl
except ImportError as error:
    raise ImportError(
        "Curriculum: expected the package lightning; install it with pip install 'teacherstudent[lightning]' "
        f"({error})"
    ) from error

MakeStages: TypeAlias = Callable[[nn.Module, Optimizer], StageController]
"""From model and optimiser to a controller."""


class Curriculum(pl.Callback):
    """Tells a sampler's teacher of every batch, and carries out the stages of a controller.

    The module's ``training_step`` returns a dict: ``loss``, the mean; and, for a sampler, ``losses`` and
    ``indices``, ``(n,)`` each. Its loader has the sampler (with several devices give the trainer
    ``use_distributed_sampler=False``). Where stages move batches, ``training_step`` calls the controller's
    `StageController.images` and so on: it is the attribute ``stages`` from the start of the training on.

    Checkpoints of the trainer hold both. A run that goes on within an epoch trains on the rest of the pass.

    Args:
        sampler: a sampler of the training loader.
        stages: a `StageController`, or a function from model and optimiser to one, called when both are
            there. For ``lr_spread`` beside a scheduler make it in ``configure_optimizers``.

    Attributes:
        sampler: as given.
        stages: the controller; None where there is none (yet).

    Raises:
        ValueError: if neither is given.
    """

    def __init__(
        self,
        *,
        sampler: TeacherSampler | TeacherBatchSampler | None = None,
        stages: StageController | MakeStages | None = None,
    ) -> None:
        if sampler is None and stages is None:
            raise ValueError("Curriculum: expected a sampler or stages, got neither")
        self.sampler = sampler
        self.stages: StageController | None = None
        self._make: MakeStages | None = None
        if isinstance(stages, StageController):
            self.stages = stages
        else:
            self._make = stages
        # What a checkpoint says of stages whose controller is not made yet.
        self._loaded: Mapping[str, Any] | None = None
        self._steps = 0
        # Losses of the batches of a step.
        self._losses: list[Tensor] = []

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Make the controller, now that there is an optimiser.

        Raises:
            ValueError: if the module has several optimisers.
        """
        if self._make is not None:
            # Each fit has an optimiser of its own; the stages go on where the last one has left them.
            if self.stages is not None and self._loaded is None:
                self._loaded = self.stages.state_dict()
            if len(trainer.optimizers) != 1:
                raise ValueError(
                    f"Curriculum: expected a module of one optimiser, got {len(trainer.optimizers)}: make "
                    "the StageController in configure_optimizers"
                )
            self.stages = self._make(pl_module, trainer.optimizers[0])
        if self._loaded is not None and self.stages is not None:
            self.stages.load_state_dict(dict(self._loaded))
            self._loaded = None
        self._steps = trainer.global_step
        self._losses = []

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Tell the teachers.

        Raises:
            TypeError: if ``training_step`` has not returned what they need.
        """
        if not isinstance(outputs, Mapping):
            outputs = {"loss": outputs}
        if self.sampler is not None:
            missing = [name for name in ("losses", "indices") if name not in outputs]
            if missing:
                raise TypeError(
                    "Curriculum: expected training_step to return a dict of loss, losses and indices, got "
                    f"no {missing[0]}"
                )
            self.sampler.tell(outputs["losses"], outputs["indices"])
        if self.stages is None:
            return
        # With accumulated gradients a step has several batches, whose losses come divided by their number.
        self._losses.append(outputs["loss"].detach().mean() * trainer.accumulate_grad_batches)
        if trainer.global_step != self._steps:
            self._steps = trainer.global_step
            losses = torch.stack(self._losses)
            self._losses = []
            self.stages.step(losses)

    def state_dict(self) -> dict[str, Any]:
        """Return the states of sampler and controller, for the trainer's checkpoint."""
        found: dict[str, Any] = {}
        if self.sampler is not None:
            found["sampler"] = self.sampler.state_dict()
        if self.stages is not None:
            found["stages"] = self.stages.state_dict()
        return found

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from `state_dict`; the controller does when the training starts."""
        if self.sampler is not None:
            self.sampler.load_state_dict(state_dict["sampler"])
        self._loaded = state_dict.get("stages")
