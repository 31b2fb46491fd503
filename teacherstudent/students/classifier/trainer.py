"""Everything one gradient step of a network needs at given knobs: data, sizes, layers, costs."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from teacherstudent.contract import spaces
from teacherstudent.contract.checks import check_names
from teacherstudent.contract.knobs import SIZES, Setting, complete, pixels
from teacherstudent.contract.types import IntArray, Seed, State, seed_sequence
from teacherstudent.contract.weigher import Batch, Weigher, is_differentiable
from teacherstudent.envs.datasets.parts import Part
from teacherstudent.envs.images.data import Images
from teacherstudent.envs.images.family import ExampleFamily, ImageFamily, StageFamily
from teacherstudent.networks.device import Machine
from teacherstudent.networks.knobs.depths import LayerRates
from teacherstudent.networks.knobs.sampling import ExampleTable, IndexSampler
from teacherstudent.networks.knobs.weights import Weights
from teacherstudent.networks.state import PrivateGenerators
from teacherstudent.students.classifier.checks import (
    Touched,
    check_finite,
    check_single,
    check_sizes,
    check_stages,
    read_scores,
)
from teacherstudent.students.classifier.inputs import Inputs, moments
from teacherstudent.students.classifier.learner import Learner, seeded
from teacherstudent.students.classifier.losses import Objective, Reduction, load_loss, loss_state, mean
from teacherstudent.students.classifier.networks.flops import Flops, count
from teacherstudent.students.classifier.options import Training

SCORE_FLOOR = 1e-3
"""Losses below count as this where examples are drawn by 1 / loss."""


class Trainer:
    """Trains one network on one family's data at knobs that change from stage to stage.

    Args:
        family: gives the data and says which knobs will move.
        make: returns the network; called once, under the seed.
        seed: of initial weights, batches and augmentation.
        training: optimiser, learning rate, loss.
        machine: device and arithmetic.

    Attributes:
        device: of the network.
        inputs: the splits, by name.
        learner: network and optimiser.
        sampler: draws batches.
        depths: the depth of each parameter, by name, where lr_spread is among the knobs; else None.
        smoothing: the blur after convolutions where smoothing is among the knobs; else None.
        objective: the losses of examples and the scores of tests.
        reduction: from the losses of a batch to the number that is minimised.
        weigher: weighs the examples of a batch; None for equal weights.

    Raises:
        ValueError: if a knob of the family would touch nothing in this network or these data, listed stages
            of different sizes are one size for it, the network does not take the images, or an option is out
            of range.
        FileNotFoundError: if data files are not there.
    """

    def __init__(
        self,
        family: ImageFamily,
        make: Callable[[], nn.Module],
        *,
        seed: Seed,
        training: Training,
        machine: Machine,
    ) -> None:
        streams = [int(s.generate_state(1)[0]) for s in seed_sequence(seed).spawn(3)]
        self.device = device = machine.resolve()
        self.training = training
        self.machine = machine
        self._reach = family.reach
        data = family.data
        answers = family.answers
        self.objective = Objective(answers, training.label_smoothing)
        self._transform = family.transform
        # Items may be drawn at random when they are read: by the seed, and by no generator of the caller's.
        with PrivateGenerators(streams[2]).active():
            mean_, std = moments(data.train, normalise=family.normalise)
        layout = machine.channels_last
        splits = {name: getattr(data, name) for name in ("train", "probe", "validation", "test")}
        place = machine.place(sum(map(_size, splits.values())))
        self.inputs = {
            name: Inputs(split, mean=mean_, std=std, device=device, place=place, channels_last=layout)
            for name, split in splits.items()
        }
        network = seeded(make, streams[0]).to(device)
        if layout:
            network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        with PrivateGenerators(streams[2]).active():
            self._sizes = check_sizes(network, self.inputs["train"], family.reach, answers)
            check_stages(family, self._sizes[-1], self.size)
            check_single(network, self.inputs["train"], family.reach, training, min(self._sizes))
            knobs = Touched(network, self.inputs["train"], family.reach, training)
        self.depths = knobs.depths
        self.smoothing = knobs.smoothing
        self._augment = knobs.augment
        if machine.compile and self.smoothing is not None:
            raise ValueError("classifier: expected compile=False with smoothing, which changes the network")
        if machine.compile and training.accumulate > 1:
            raise ValueError("classifier: expected compile=False with accumulate: parts have other shapes")
        single = isinstance(family, ExampleFamily)
        self.learner = Learner(network, training, machine, device, self.depths, any_length=single)
        self._rates = LayerRates(self.learner.layers, training.lr_law)
        self.sampler = IndexSampler(len(data.train), seed=streams[1], device=device)
        self.table = ExampleTable(len(data.train), classes=knobs.table_classes(data.classes), device=device)
        self._remembers = not {"data_fraction", "self_distillation"}.isdisjoint(family.reach)
        self._own_scores = read_scores(training.scores, len(data.train))
        self._generators = PrivateGenerators(streams[2])
        self._flops: dict[tuple[int, bool], Flops] = {}
        self._setting: Setting = complete({})  # of the last step
        self.reduction: Reduction = mean
        self.weigher: Weigher | None = None
        self._weights = Weights()
        if machine.compile:
            self.learner.warm_up([self._blank(*shape) for shape in self._shapes(family)])

    def _shapes(self, family: ImageFamily) -> list[tuple[int, int]]:
        """Return side and length of every batch that the family's stages can ask for, the largest first."""
        listed = spaces.numbers(family.space)
        if isinstance(family, StageFamily) and listed is not None:
            settings = [family.setting(number) for number in listed]
            found = {(self.size(own), self.batch_size(own)) for own in settings}
        elif "batch_size" in self._reach:
            raise ValueError("classifier: expected compile=False with a range of batch_size: all are shapes")
        else:
            found = {(size, self.training.batch_size) for size in self.sizes()}
        return sorted(found, reverse=True)

    def _blank(self, size: int, length: int) -> Tensor:
        """Return a batch of the first images, again and again."""
        train = self.inputs["train"]
        return train.batch(torch.arange(length, device=self.device) % len(train), size=size)

    def sizes(self) -> list[int]:
        """Return the sides of input that the family's knobs can ask for, ascending."""
        full = self._sizes[-1]
        for name in SIZES:
            if name in self._reach:
                low, high = (self._nearest(value) for value in self._reach[name])
                return [size for size in self._sizes if low <= size <= high]
        return [full]

    def size(self, setting: Setting) -> int:
        """Return the side of the network's input at a setting: the nearest one that the network takes."""
        full = self._sizes[-1]
        return min(self._nearest(pixels(setting[name], full)) for name in SIZES)

    def _nearest(self, value: float) -> int:
        return min(self._sizes, key=lambda size: (abs(size - value), -size))

    def batch_size(self, setting: Setting) -> int:
        """Return the number of examples in a step at a setting."""
        return round(setting["batch_size"]) or self.training.batch_size

    def flops(self, size: int, *, smoothed: bool = False) -> Flops:
        """Return the operations for an image of a size; counted once for each."""
        key = (size, smoothed)
        if key not in self._flops:
            shape = self.inputs["train"].shape
            # Only square images come in several sizes.
            if len(shape) == 3 and shape[1] == shape[2]:
                shape = (shape[0], size, size)
            self._flops[key] = count(self.learner.network, shape, self.device)
        return self._flops[key]

    def cost(self, setting: Setting) -> float:
        """Return the operations of training on one example at a setting."""
        self._smooth(setting)
        return self.flops(self.size(setting), smoothed=self._smoothed).train

    def forward_cost(self) -> float:
        """Return the operations of measuring one example at full size."""
        return self.flops(self._sizes[-1], smoothed=self._smoothed).forward

    @property
    def _smoothed(self) -> bool:
        return self.smoothing is not None and self.smoothing.active

    def _smooth(self, setting: Setting) -> None:
        if self.smoothing is not None:
            self.smoothing.sigma = setting["smoothing"]

    def at(self, setting: Setting) -> AbstractContextManager[None]:
        """Return the context in which measurements, and their costs, see the blur of a setting."""
        return contextlib.nullcontext() if self.smoothing is None else self.smoothing.at(setting["smoothing"])

    def scoring_cost(self, setting: Setting) -> float:
        """Return the operations of the scoring pass that is due before the next batch; 0 if none is."""
        if self.training.scores != "rescore" or not self._begins(setting):
            return 0.0
        self._smooth(setting)
        return len(self.inputs["train"]) * self.forward_cost()

    def _begins(self, setting: Setting) -> bool:
        """Return whether the next batch begins a pass over a part of the examples."""
        fraction = setting["data_fraction"]
        return fraction < 1 and self.sampler.ends(self.batch_size(setting), fraction)

    def draw(self, setting: Setting, *, rescore: bool = True) -> tuple[Tensor, float]:
        """Return the next batch's indices and what drawing them cost: a scoring pass, where one is due.

        Args:
            setting: the knobs.
            rescore: whether a pass that is due is made; else examples are drawn by their last losses.
        """
        scores = self._own_scores
        cost = self.scoring_cost(setting) if rescore else 0.0
        if scores is None and self._begins(setting):
            if cost > 0:
                self.table.losses = self.measure("train", averaged=False)[0]
            scores = self.table.log_scores(SCORE_FLOOR)
        return self.sampler.next(self.batch_size(setting), setting["data_fraction"], scores), cost

    def step(
        self, indices: Tensor, setting: Setting, *, rate: float, progress: float = 0.0
    ) -> tuple[Tensor, Tensor]:
        """Take one gradient step on the given examples.

        Args:
            indices: ``(n,)`` rows of the training split.
            setting: the knobs.
            rate: learning rate before lr_scale and lr_spread.
            progress: share of the budget that is spent, for the weigher.

        Returns:
            The examples' losses before the step and whether they were classified as labelled, ``(n,)`` each.
            They are still to be checked (`check`).

        Raises:
            ValueError: if the weigher's weights are of another shape, or negative or not finite in an array.
            FloatingPointError: if the weigher raises an error and a loss is not finite.
        """
        self._smooth(setting)
        self._setting = setting
        how = {"rate": rate * setting["lr_scale"], "multipliers": self._multipliers(setting)}
        if self.training.accumulate == 1:
            return self._pass(indices, setting, progress, functools.partial(self.learner.step, **how))
        self.learner.begin(**how)
        parts = torch.tensor_split(indices, min(self.training.accumulate, len(indices)))
        found = []
        for part in parts:
            # The mean over the batch is the mean of its parts by their lengths.
            share = len(part) / len(indices)
            found.append(self._pass(part, setting, progress, self.learner.backward, share))
        self.learner.finish()
        return torch.cat([losses for losses, _ in found]), torch.cat([hits for _, hits in found])

    def _pass(
        self,
        indices: Tensor,
        setting: Setting,
        progress: float,
        backward: Callable[..., Tensor],
        share: float = 1.0,
    ) -> tuple[Tensor, Tensor]:
        """Put examples through the network and back; return their losses and hits, ``(n,)`` each.

        Args:
            indices: the batch, or a part of it.
            setting: the knobs.
            progress: for the weigher.
            backward: from inputs and loss to outputs: a method of the learner.
            share: of the batch.
        """
        train = self.inputs["train"]
        labels = train.labels[indices]
        alpha = setting["self_distillation"]
        targets = self.table.targets(labels, indices, alpha) if alpha > 0 else labels
        by: Any = "resize" if setting["resize"] else "bandwidth"
        images = train.batch(
            indices,
            size=self.size(setting),
            by=by,
            augment=self._augment,
            magnitude=setting["magnitude"],
            transform=self._transform,
        )
        kept: list[Tensor] = []

        def loss(logits: Tensor) -> Tensor:
            losses = self.objective.losses(logits, targets, training=True)
            kept.append(losses.detach())
            if self.weigher is not None:
                batch = Batch(
                    losses=losses,
                    indices=indices,
                    labels=labels,
                    logits=logits,
                    progress=progress,
                    differentiable=is_differentiable(self.weigher),
                )
                losses = losses * self._ask(self.weigher, batch, losses)
            whole = self.reduction(losses, indices)
            if share < 1:
                whole = whole * share
            return whole

        logits = backward(images, loss)
        if self._remembers:
            self.table.remember(indices, kept[0], logits)
        return kept[0], self.objective.hits(logits, labels)

    def _ask(self, weigher: Weigher, batch: Batch, losses: Tensor) -> Tensor:
        """Return the weights of a batch, ``(n,)``; an error is the weigher's only if the losses are sound."""
        step = self.learner.steps
        try:
            return self._weights.ask(weigher, batch, losses, step)
        except Exception:
            where = np.full(len(losses), step)
            check_finite(losses.detach(), where, self._setting, self.learner.rate)
            raise

    def check(self, losses: Tensor, steps: IntArray, setting: Setting) -> None:
        """Check the losses of steps, and the weights in these that are not checked yet.

        Whoever takes steps calls it with losses that are on the host: then the device is waited for already.

        Args:
            losses: ``(n,)`` on the host.
            steps: ``(n,)`` the gradient step, from 0, in which each was found, ascending.
            setting: the knobs of the steps.

        Raises:
            FloatingPointError: if a loss is not finite; the message names the step and the stage.
            ValueError: if a weight is negative or not finite, in a step before the first such loss.
        """
        finite = np.isfinite(losses.numpy())
        # weights that follow from a loss that is not finite are no fault of the weigher
        self._weights.check(before=np.inf if finite.all() else steps[finite.argmin()])
        check_finite(losses, steps, setting, self.learner.rate)

    def _multipliers(self, setting: Setting) -> Any:
        return None if self.depths is None else self._rates.at(setting["lr_spread"])

    def measure(
        self, split: str, rows: Tensor | None = None, *, averaged: bool = True
    ) -> tuple[Tensor, Tensor]:
        """Return losses and correctness of a split's examples, ``(n,)`` each, at full size, without training.

        Args:
            split: a name of ``inputs``.
            rows: of the split; all if None.
            averaged: use averaged weights, if there are any, and renewed statistics; else the network as is.

        Raises:
            FloatingPointError: if a loss is not finite; the message names the last step and its stage.
        """
        losses, hits, _ = self._measured(split, rows, averaged)
        return losses, hits

    def score(self, split: str) -> tuple[Tensor, Tensor, float]:
        """Return losses and correctness of a split's examples, as `measure`, and the metric on all of them.

        Raises:
            FloatingPointError: as `measure`.
            TypeError: if a metric of the user's returns no number.
        """
        losses, hits, outputs = self._measured(split, None, True, keeps=True)
        return losses, hits, self.objective.score(torch.cat(outputs), self.inputs[split].labels)

    def _measured(
        self, split: str, rows: Tensor | None, averaged: bool, *, keeps: bool = False
    ) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Return losses, correctness and, if they are kept, outputs in parts."""
        given = self.inputs[split]
        chosen = torch.arange(len(given), device=self.device) if rows is None else rows
        losses = []
        correct = []
        outputs = []
        with self._renormalised() if averaged else contextlib.nullcontext():
            for part in torch.split(chosen, self.machine.probe_batch):
                logits = self.learner.logits(given.batch(part), averaged=averaged)
                losses.append(self.objective.losses(logits, given.labels[part]))
                correct.append(self.objective.hits(logits, given.labels[part]))
                if keeps:
                    outputs.append(logits)
        whole = torch.cat(losses)
        last = self.learner.steps - 1
        check_finite(whole, np.full(len(whole), last), self._setting, self.learner.rate, split)
        return whole, torch.cat(correct), outputs

    def measure_cost(self, examples: int) -> float:
        """Return the operations of `measure` with averaged weights on so many examples."""
        return (examples + self._renorm()) * self.forward_cost()

    def _renorm(self) -> int:
        return min(self.training.renorm, len(self.inputs["train"])) if self.learner.norms else 0

    def _renormalised(self) -> AbstractContextManager[None]:
        train = self.inputs["train"]
        count = self._renorm()
        if count == 0:
            return contextlib.nullcontext()
        rows = torch.linspace(0, len(train) - 1, count, device=self.device, dtype=torch.float64).long()
        # equal parts, since each counts the same in the mean; one image alone would have no statistics
        parts = max(1, min(-(-count // self.machine.probe_batch), count // 2))
        batches = (train.batch(part) for part in torch.tensor_split(rows, parts))
        return self.learner.renormalised(batches)

    def report(self) -> dict[str, Any]:
        """Return what there is and what the knobs touch, as plain data.

        ``parameters``: their number; ``device``; ``data``: where the images lie; ``flops``: size ->
        operations of training on an image; ``layers``: the parameters of each depth, in order, where
        lr_spread is among the knobs; ``smoothed``: how many convolutions are blurred, where smoothing is.
        """
        found: dict[str, Any] = {
            "parameters": sum(p.numel() for p in self.learner.network.parameters()),
            "device": str(self.device),
            "data": str(self.inputs["train"].place),
            "flops": {str(size): self.flops(size, smoothed=self._smoothed).train for size in self.sizes()},
        }
        if self.depths is not None:
            depths = self.depths
            found["layers"] = [[n for n in depths if depths[n] == d + 1] for d in range(self.learner.layers)]
        if self.smoothing is not None:
            found["smoothed"] = self.smoothing.touched
        return found

    def private(self) -> Any:
        """Return the context in which torch's global generators are this trainer's own."""
        return self._generators.active()

    def state_dict(self) -> State:
        """Return everything that training depends on; a copy."""
        return {
            "learner": self.learner.state_dict(),
            "sampler": self.sampler.state_dict(),
            "table": self.table.state_dict(),
            "generators": self._generators.state_dict(),
            "rates": self._rates.state_dict(),
            "loss": loss_state(self.reduction),
            "setting": dict(self._setting),
            "sigma": 0.0 if self.smoothing is None else self.smoothing.sigma,
        }

    def load_state_dict(self, state: State) -> None:
        """Continue from `state_dict` of a trainer made with the same arguments.

        Raises:
            ValueError: if the state is incomplete or of another network.
        """
        names = ("learner", "sampler", "table", "generators", "rates", "loss", "setting", "sigma")
        check_names("trainer", names, state)
        self.learner.load_state_dict(state["learner"])
        self.sampler.load_state_dict(state["sampler"])
        self.table.load_state_dict(state["table"])
        self._generators.load_state_dict(state["generators"])
        self._rates.load_state_dict(state["rates"])
        load_loss(self.reduction, state["loss"])
        self._setting = complete(state["setting"])
        if self.smoothing is not None:
            self.smoothing.sigma = float(state["sigma"])


def _size(split: Images | Part) -> int:
    """Return the bytes of a split that lie in memory."""
    if isinstance(split, Images):
        return split.images.nbytes
    if not split.source.held:
        return 0
    return len(split) * int(np.prod(split.shape)) * split.dtype.itemsize
