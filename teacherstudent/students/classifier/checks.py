"""What the knobs of a family need of a network and its data: an error for each that would touch nothing."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from teacherstudent.contract import spaces
from teacherstudent.contract.knobs import SIZES, Setting, describe, pixels
from teacherstudent.contract.types import FloatArray, IntArray
from teacherstudent.envs.datasets.answers import Answers
from teacherstudent.envs.images.family import ImageFamily, StageFamily
from teacherstudent.networks.knobs.augmentation import RandomAugmentation
from teacherstudent.networks.knobs.depths import parameter_depths
from teacherstudent.networks.knobs.rates import check_layers
from teacherstudent.networks.knobs.smoothing import Smoothing
from teacherstudent.networks.knobs.touching import check_strengths, nothing
from teacherstudent.recording.disk.arrays import read_npy
from teacherstudent.students.classifier.inputs import Inputs
from teacherstudent.students.classifier.networks import backbones
from teacherstudent.students.classifier.options import Training


class Touched:
    """What the knobs of a family need of a network; raises for each that would touch nothing."""

    def __init__(
        self, network: nn.Module, train: Inputs, reach: Mapping[str, tuple[float, float]], training: Training
    ) -> None:
        self._reach = reach
        n = len(train)
        for name in ("freeze", "sequence_length"):
            if name in reach:
                raise nothing(name, "a loop of your own, with StageController", "the student classifier")
        check_strengths(reach)
        self.augment = None
        if "magnitude" in reach:
            self.augment = RandomAugmentation()
            # The trial must not move torch's global generators.
            with torch.random.fork_rng(devices=[]):
                self.augment(torch.zeros((1, *train.shape), device=train.place), 1.0)
        self.depths = None
        if "lr_spread" in reach:
            with torch.random.fork_rng(devices=[]):
                # In evaluation mode, so that running statistics stay as they are.
                self.depths = parameter_depths(network.eval(), train.batch(slice(0, 2)))
            network.train()
            check_layers(self.depths)
        self.smoothing = None
        if "smoothing" in reach:
            self.smoothing = Smoothing(network)
        # A value of 0 stands for the student's own batch size.
        largest = max(round(batch) or training.batch_size for batch in reach.get("batch_size", (0.0,)))
        share = reach.get("data_fraction", (1.0, 1.0))[0]
        if int(share * n) >= n and "data_fraction" in reach:
            raise nothing("data_fraction", f"a share that leaves out some of {n} examples", share)
        # The small number is for shares such as 0.29 of 100, which is 28.999... in binary.
        if largest > int(share * n + 1e-9):
            raise ValueError(
                f"batch_size: expected at most the {int(share * n)} examples of the shortest pass, got "
                f"{largest}"
            )

    def table_classes(self, classes: int) -> int:
        """Return how many columns the table of predictions needs."""
        if "self_distillation" in self._reach:
            return classes
        return 0


def check_sizes(
    network: nn.Module, train: Inputs, reach: Mapping[str, tuple[float, float]], answers: Answers
) -> list[int]:
    """Return the sides of input that the network takes; try the ends of the range.

    Of inputs that are no images there is one side, and it is 1.

    Raises:
        ValueError: if images are not square where they are made smaller, no smaller size is taken, or the
            network fails on the smallest or the largest.
    """
    if len(train.shape) != 3:
        _check_outputs(network, train.batch(slice(0, 2)), answers, f"inputs of shape {train.shape}")
        return [1]
    _, height, width = train.shape
    used = [name for name in SIZES if name in reach]
    if used and height != width:
        raise ValueError(f"{used[0]}: expected square images, got {height} x {width}")
    taken = backbones.sizes(network, int(width))
    if "bandwidth" in reach:  # a crop has as many rows below 0 as from 0 on
        taken = [size for size in taken if size % 2 == 0 or size == width]
    # Tests use the full size, so it is always tried.
    tried = [taken[-1]]
    if used:
        # The nearest size that is taken; of two that are equally near, the larger one.
        low = min(taken, key=lambda size: (abs(size - reach[used[0]][0]), -size))
        if low == taken[-1]:
            raise ValueError(
                f"{used[0]}: touches nothing: expected a size near one of {taken[:-1]} that the network "
                f"takes, got {reach[used[0]][0]:g} to {reach[used[0]][1]:g}"
            )
        tried.append(low)
    for size in tried:
        images = train.batch(slice(0, 2), size=size if used else None)
        _check_outputs(network, images, answers, f"images of {size} pixels")
    return taken


def _check_outputs(network: nn.Module, inputs: Tensor, answers: Answers, what: str) -> None:
    """Raise ValueError unless a network takes inputs and returns as many numbers an example as are needed."""
    # In evaluation mode, so that running statistics stay as they are.
    network.eval()
    try:
        with torch.no_grad():
            found = network(inputs)
    except (RuntimeError, ValueError, IndexError) as error:
        raise ValueError(f"backbone {type(network).__name__}: expected to take {what}: {error}") from error
    network.train()
    if not isinstance(found, Tensor):
        raise ValueError(
            f"backbone {type(network).__name__}: expected one tensor of outputs, got {type(found).__name__}"
        )
    shape = tuple(found.shape)
    whole = (len(inputs), answers.outputs)
    # One number an example may come without an axis of its own; what a loss of the user's takes is its own.
    fits = shape == whole or (answers.kind == "numbers" and answers.outputs == 1 and shape == whole[:1])
    if not fits and not callable(answers.loss):
        raise ValueError(
            f"backbone {type(network).__name__}: expected outputs of shape {whole} for {what}, got {shape}"
        )


def check_single(
    network: nn.Module, train: Inputs, reach: Mapping[str, tuple[float, float]], training: Training, size: int
) -> None:
    """Check that the network can be trained on a single example where batches may be that small.

    Raises:
        ValueError: if it cannot: batch normalisation of vectors has no statistics then.
    """
    if min(round(batch) or training.batch_size for batch in reach.get("batch_size", (0.0,))) > 1:
        return
    # Training mode moves running statistics, so try a copy.
    twin = copy.deepcopy(network).train()
    images = train.batch(slice(0, 1), size=size if any(name in reach for name in SIZES) else None)
    try:
        with torch.no_grad(), torch.random.fork_rng():
            twin(images)
    except ValueError as error:
        raise ValueError(
            f"batch_size: expected at least 2 for backbone {type(network).__name__}, got 1: {error}"
        ) from error


def check_stages(family: ImageFamily, full: int, size: Callable[[Setting], int]) -> None:
    """Check that listed stages of different sizes have different sizes for the network too.

    Args:
        family: with or without listed stages.
        full: the images' side.
        size: from a setting to the nearest size that the network takes.

    Raises:
        ValueError: if they have not; the message names two stages.
    """
    listed = spaces.numbers(family.space)
    if listed is None or not isinstance(family, StageFamily):
        return
    seen: dict[int, tuple[int, float]] = {}
    for stage in listed:
        setting = family.setting(stage)
        # At most one size knob is in use; the other one stands at the full side.
        asked = min(pixels(setting[name], full) for name in SIZES)
        found = size(setting)
        # Stages that share a size for the network must have asked for the same size.
        other, same = seen.setdefault(found, (stage, asked))
        if asked != same:
            raise ValueError(
                f"stages {other} and {stage}: expected sizes that differ for the network too, got {same:g} "
                f"and {asked:g}, which both become {found} pixels"
            )


def check_finite(losses: Tensor, steps: IntArray, setting: Setting, rate: float, split: str = "") -> None:
    """Raise FloatingPointError if a loss is not finite; the message names step, knobs and learning rate.

    Args:
        losses: ``(n,)``.
        steps: ``(n,)`` the gradient step, from 0, in which each was found or after which it was measured.
        setting: the knobs of the step.
        rate: its learning rate.
        split: where the losses were measured; empty for losses of the steps themselves.
    """
    # All losses are looked at together, as each look waits for the device.
    bad = torch.nonzero(~torch.isfinite(losses))
    if len(bad):
        first = int(bad[0])
        where = "in"
        if split:
            where = f"on the {split} split after"
        raise FloatingPointError(
            f"classifier: expected a finite loss, got {float(losses[first])} {where} step {steps[first]} of "
            f"the stage with {describe(setting)} at learning rate {rate:g}"
        )


def read_numbers(what: str, path: str, n: int) -> FloatArray:
    """Return a file's finite numbers, one an example.

    Raises:
        ValueError: if there is no such npy file, or it holds anything else.
    """
    if not Path(path).is_file():
        raise ValueError(f"{what}: expected an npy file, got {path!r}")
    try:
        found = np.asarray(read_npy(path), np.float64)
    except (ValueError, OSError) as error:
        raise ValueError(f"{what}: expected numbers in {path}: {error}") from error
    if found.shape != (n,) or not np.isfinite(found).all():
        raise ValueError(f"{what}: expected finite numbers of shape ({n},), got shape {found.shape}")
    return found


def read_scores(scores: str, n: int) -> Tensor | None:
    """Return logarithms of the scores in a file, or None for scores that the trainer keeps itself."""
    if scores in ("latest", "rescore"):
        return None
    found = read_numbers("scores: neither 'latest' nor 'rescore'", scores, n)
    if not (found > 0).all():
        raise ValueError(f"scores: expected numbers above 0, got {found.min()}")
    return torch.from_numpy(found).log()
