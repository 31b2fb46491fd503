"""A teacher of stages in the Trainer of transformers, and in trainers that are made from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from teacherstudent.adapters.supervised.stages.controller import StageController
from teacherstudent.contract.knobs import SIZES
from teacherstudent.recording.disk import checkpoint

try:
    from transformers import TrainerCallback
except ImportError as error:
    raise ImportError(
        "CurriculumCallback: expected the package transformers; install it with pip install "
        f"'teacherstudent[trainer]' ({error})"
    ) from error

MakeStages: TypeAlias = Callable[[nn.Module, Optimizer], StageController]
"""From model and optimiser to a controller."""
NAME = "curriculum.npz"
"""The file beside each of the trainer's checkpoints."""


class CurriculumCallback(TrainerCallback):
    """Carries out the stages of a controller while a Trainer trains.

    Nothing of the model or the data has to change: what passes into the model while it trains is cut to the
    stage's ``sequence_length`` (every keyword that is as long as the tokens), or its ``pixel_values`` to the
    stage's ``bandwidth`` or ``resize``. The loss is the one that the model returns. A file beside each of
    the trainer's checkpoints holds the stages; a training that is resumed reads it.

    Knobs that need the loop's help are refused: magnitude (pixels are normalised here already),
    data_fraction and self_distillation. The batches of accumulated gradients are one step.

    Args:
        stages: a function from model and optimiser to a `StageController`, called when the training begins.
            For ``lr_spread`` give the trainer ``optimizers=(optimizer, None)`` and a `StageController` that
            was made with that optimiser before.

    Attributes:
        stages: the controller; None before the training.
    """

    def __init__(self, stages: StageController | MakeStages) -> None:
        self.stages: StageController | None = None
        self._make: MakeStages | None = None
        if isinstance(stages, StageController):
            self.stages = stages
        else:
            self._make = stages
        self._losses: list[Tensor] = []
        self._hooks: list[Any] = []

    def on_train_begin(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Make the controller, read its file where the training is resumed, and look at the model's calls.

        Raises:
            ValueError: if a knob of the stages cannot be moved here.
        """
        model = given["model"]
        optimizer = given["optimizer"]
        if self._make is not None:
            # Accelerate wraps the optimiser, and hooks belong to the one inside.
            self.stages = self._make(model, getattr(optimizer, "optimizer", optimizer))
        assert self.stages is not None
        for name in ("magnitude", "data_fraction", "self_distillation"):
            if name in self.stages.reach:
                raise ValueError(
                    f"CurriculumCallback: expected knobs other than {name}, which needs a loop of your own"
                )
        if state.global_step > 0:
            self.stages.load_state_dict(checkpoint.load(_file(args, state)))
        self._hooks = [
            model.register_forward_pre_hook(self._before, with_kwargs=True),
            model.register_forward_hook(self._after),
        ]

    def _before(self, model: nn.Module, args: Any, given: dict[str, Any]) -> Any:
        if not model.training or self.stages is None:
            return None
        if "sequence_length" in self.stages.reach:
            given = self.stages.sequences(given)
        if any(name in self.stages.reach for name in SIZES):
            given = {**given, "pixel_values": self.stages.images(given["pixel_values"])}
        return args, given

    def _after(self, model: nn.Module, args: Any, output: Any) -> None:
        if model.training:
            loss = output.get("loss") if isinstance(output, Mapping) else output[0]
            if not isinstance(loss, Tensor) or loss.ndim > 0:
                raise ValueError(
                    f"CurriculumCallback: expected a model that returns a loss, got {type(output).__name__} "
                    "without any; give it labels"
                )
            self._losses.append(loss.detach())

    def on_step_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Tell the controller of a step."""
        losses = torch.stack(self._losses)
        self._losses = []
        if self.stages is not None:
            self.stages.step(losses)

    def on_save(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Write the controller beside the trainer's checkpoint."""
        if self.stages is not None and state.is_world_process_zero:
            checkpoint.save(_file(args, state), self.stages.state_dict())

    def on_train_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Leave the model as it was."""
        for hook in self._hooks:
            hook.remove()
        self._hooks = []


def _file(args: Any, state: Any) -> Path:
    """Return the file beside the trainer's checkpoint of this step."""
    return Path(args.output_dir) / f"checkpoint-{state.global_step}" / NAME
