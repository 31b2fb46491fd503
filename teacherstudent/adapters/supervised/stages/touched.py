"""What each knob of a stage acts on, in what a user has; an error for each that would act on nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from teacherstudent.adapters.supervised.measuring import evaluating
from teacherstudent.adapters.supervised.stages.shares import ShareBatchSampler
from teacherstudent.contract.knobs import SIZES, Setting, pixels
from teacherstudent.contract.types import State
from teacherstudent.networks.knobs.batches import batches_of
from teacherstudent.networks.knobs.depths import LayerRates, depths_in_order, parameter_depths
from teacherstudent.networks.knobs.freezing import Freezing, freezing_of
from teacherstudent.networks.knobs.rates import StepRates, check_layers, rates_of, split
from teacherstudent.networks.knobs.smoothing import Smoothing, smoothing_of
from teacherstudent.networks.knobs.touching import check_strengths, nothing
from teacherstudent.students.classifier.networks import backbones

CALLS: Mapping[str, tuple[str, ...]] = {
    "bandwidth": ("images(images)",),
    "resize": ("images(images)",),
    "magnitude": ("images(images)",),
    "sequence_length": ("sequences(batch)",),
    "self_distillation": ("targets(labels, indices)", "remember(losses, indices, logits)"),
}
"""Knobs that act on what passes through calls in each step."""


class Touched:
    """Model, optimiser and loader as far as knobs act on them.

    Args:
        reach: knob -> (lowest, highest) value.
        model: for smoothing, freeze and lr_spread.
        optimizer: for lr_scale and lr_spread.
        loader: for batch_size and data_fraction.
        example: a small batch for the model; None takes layers in the order of the model's parameters.

    Raises:
        ValueError: if a knob would act on nothing.
    """

    def __init__(
        self,
        reach: Mapping[str, tuple[float, float]],
        model: nn.Module | None,
        optimizer: Optimizer | None,
        loader: Any,
        example: Any,
    ) -> None:
        check_strengths(reach)
        self._model = model
        self._smoothing: Smoothing | None = None
        self._freezing: Freezing | None = None
        self._rates: StepRates | None = None
        self._spread: LayerRates | None = None
        self._batches: Any = None
        self._shares: ShareBatchSampler | None = None
        if "smoothing" in reach:
            self._smoothing = smoothing_of(_there("smoothing", "model", model))
        if "freeze" in reach or "lr_spread" in reach:
            self._layers(reach, _there("freeze or lr_spread", "model", model), optimizer, example)
        if "lr_scale" in reach or "lr_spread" in reach:
            self._rates = rates_of(_there("lr_scale or lr_spread", "optimizer", optimizer))
        if "batch_size" in reach:
            self._batches = batches_of(_there("batch_size", "loader", loader))
            self._usual: int = self._batches.batch_size
        if "data_fraction" in reach:
            made = getattr(_there("data_fraction", "loader", loader), "batch_sampler", loader)
            if not isinstance(made, ShareBatchSampler):
                raise nothing("data_fraction", "a loader with batch_sampler=ShareBatchSampler(...)", made)
            self._shares = made
        if example is not None and model is not None:
            self._try_size(reach, model, example)

    def _layers(
        self,
        reach: Mapping[str, tuple[float, float]],
        model: nn.Module,
        optimizer: Optimizer | None,
        example: Any,
    ) -> None:
        if example is None:
            depths = depths_in_order(model)
        else:
            # In evaluation mode, so that running statistics stay as they are; and no number is drawn.
            with torch.random.fork_rng(devices=[]), evaluating(model):
                depths = parameter_depths(model, example)
        if "freeze" in reach:
            self._freezing = freezing_of(model, depths)
        if "lr_spread" in reach:
            layers = check_layers(depths)
            split(_there("lr_spread", "optimizer", optimizer), model, depths)
            self._spread = LayerRates(layers, "geometric")

    def _try_size(self, reach: Mapping[str, tuple[float, float]], model: nn.Module, example: Any) -> None:
        """Put the smallest image of the range through the model."""
        for name in SIZES:
            if name in reach and isinstance(example, Tensor):
                side = int(example.shape[-1])
                size = self.size(name, reach[name][0], side)
                small = example[..., :size, :size]
                try:
                    with torch.no_grad(), torch.random.fork_rng(devices=[]), evaluating(model):
                        model(small)
                except (RuntimeError, ValueError, IndexError) as error:
                    raise ValueError(
                        f"{name}: expected a model that takes images of {size} pixels: {error}"
                    ) from error

    def size(self, knob: str, value: float, side: int) -> int:
        """Return the side of images that is nearest to a knob's value, of those that the model takes.

        A model may say by its attributes ``size_step`` and ``smallest`` which it takes; else all even ones
        from 4 on.
        """
        taken = backbones.sizes(self._model or nn.Identity(), side)
        # A crop has as many rows of frequencies below 0 as from 0 on.
        if knob == "bandwidth":
            taken = [size for size in taken if size % 2 == 0 or size == side]
        wanted = pixels(value, side)
        return min(taken, key=lambda size: (abs(size - wanted), -size))

    def apply(self, setting: Setting) -> None:
        """Do what a stage says from now on."""
        if self._smoothing is not None:
            self._smoothing.sigma = setting["smoothing"]
        if self._freezing is not None:
            self._freezing.at(setting["freeze"])
        if self._rates is not None:
            self._rates.scale = setting["lr_scale"]
        if self._rates is not None and self._spread is not None:
            self._rates.multipliers = self._spread.at(setting["lr_spread"]).tolist()
        if self._batches is not None:
            self._batches.batch_size = round(setting["batch_size"]) or self._usual
        if self._shares is not None:
            self._shares.fraction = setting["data_fraction"]

    def score_by(self, log_scores: Callable[[], Tensor | None]) -> None:
        """Let passes over a share of the data draw by what a function returns when they begin."""
        if self._shares is not None:
            self._shares.log_scores = log_scores

    def state_dict(self) -> State:
        """Return what a stage does not say: where a spread of learning rates has begun."""
        return {"spread": None if self._spread is None else self._spread.state_dict()}

    def load_state_dict(self, state: State) -> None:
        """Go on from `state_dict`."""
        if self._spread is not None:
            self._spread.load_state_dict(state["spread"])

    @property
    def shares(self) -> bool:
        """Whether passes go over a share of the data."""
        return self._shares is not None


def _there(knob: str, name: str, given: Any) -> Any:
    if given is None:
        raise nothing(knob, f"{name}=...", "none")
    return given
