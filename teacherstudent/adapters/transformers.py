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
IGNORED = -100
"""A label that counts for nothing, by the convention of torch and transformers."""
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
        # Whether a step's loss is the sum of its batches' losses, or their mean.
        self._sums = False

    def on_train_begin(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Make the controller, read its file where the training is resumed, and look at the model's calls.

        Raises:
            ValueError: if a knob of the stages cannot be moved here.
        """
        # A training that was interrupted has never come to its end.
        self._clear()
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
        self._sums = given.get("num_items_in_batch") is not None
        if "sequence_length" in self.stages.reach:
            given = _counted(model, given, self.stages.sequences(given))
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
        if self._sums:
            # Each batch's loss was divided by the tokens of all.
            losses = losses.sum()
        self._losses = []
        if self.stages is not None:
            self.stages.step(losses)

    def on_save(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Write the controller beside the trainer's checkpoint."""
        if self.stages is not None and state.is_world_process_zero:
            checkpoint.save(_file(args, state), self.stages.state_dict())

    def on_train_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Leave the model as it was."""
        self._clear()

    def _clear(self) -> None:
        for hook in self._hooks:
            hook.remove()
        self._hooks = []
        self._losses = []


def _counted(model: nn.Module, before: dict[str, Any], cut: dict[str, Any]) -> dict[str, Any]:
    """Return a cut batch whose divisor of the loss is smaller by the share of the labels that are left.

    The trainer counts the labels of whole batches, and models divide the sum of their losses by it.
    """
    items = before.get("num_items_in_batch")
    if cut is before:
        return cut
    name = "labels"
    if before.get("shift_labels") is not None:
        name = "shift_labels"
    if items is None or not isinstance(before.get(name), Tensor):
        return cut
    # Language models predict the next token, so nothing is compared with the first label.
    first = int(name == "labels" and _shifts(model))
    whole = int((before[name][..., first:] != IGNORED).sum())
    kept = int((cut[name][..., first:] != IGNORED).sum())
    # Without any label the loss is 0, whatever it is divided by.
    if kept == 0:
        return cut
    return {**cut, "num_items_in_batch": items * (kept / whole)}


def _shifts(model: nn.Module) -> bool:
    """Return whether a model compares what it says of a token with the label of the next one."""
    both = getattr(getattr(model, "config", None), "is_encoder_decoder", False)
    return not both and getattr(model, "loss_type", None) in ("ForCausalLM", "ForConditionalGeneration")


def _file(args: Any, state: Any) -> Path:
    """Return the file beside the trainer's checkpoint of this step."""
    return Path(args.output_dir) / f"checkpoint-{state.global_step}" / NAME
