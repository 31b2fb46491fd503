"""An image classifier as a student: tasks are training stages of equal compute, or single examples."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from teacherstudent import spaces
from teacherstudent.family import Family
from teacherstudent.registry import STUDENTS
from teacherstudent.types import (
    UNASKED,
    Array,
    Assignment,
    FloatArray,
    Granularity,
    IntArray,
    Outcomes,
    Seed,
    State,
    check_names,
)
from teacherstudent.vision import backbones
from teacherstudent.vision.checks import read_numbers
from teacherstudent.vision.compute import Compute
from teacherstudent.vision.family import ExampleFamily, ImageFamily
from teacherstudent.vision.knobs import Setting, describe
from teacherstudent.vision.losses import Reduction, reduction
from teacherstudent.vision.options import Machine, Training, parse
from teacherstudent.vision.trainer import Trainer
from teacherstudent.vision.weigher import Weigher

STAGE_SIGNALS = ("train_loss", "seconds", "steps", "size")
PROBE_SIGNALS = ("probe_loss", "score_se")
EXAMPLE_SIGNALS = ("loss", "correct")
REFERENCE = "reference_loss"
SCORES = ("rate", "decrease", "level", "train")
CHUNKS, PROBES, FEWEST = 50, 10, 8
"""If nothing is said: chunks in a budget; a chunk's least cost in probes; chunks in a small budget."""


@STUDENTS.register("classifier")
class ClassifierStudent:
    """Trains any torch network on images, a chunk of compute for each task; costs are FLOPs.

    **Stages** (families such as fashion-stages): a task is trained at its knobs for one chunk of compute, so
    a stage of small images takes more steps; what is left of a step is carried over. Then the loss is
    measured on the probe split: always the same examples, at full size, without augmentation, with averaged
    weights if there are any. The score is the decrease of the mean probe loss since the last measurement:
    ``"decrease"`` as it is, ``"rate"`` times chunk / cost, ``"level"`` minus the loss itself. ``"train"`` is
    for teachers that need no score, fixed schedules say: minus the mean training loss, and nothing is
    measured or charged. Signals: ``train_loss``, the mean over the chunk; ``seconds`` of training; ``steps``;
    ``size``, the side of the network's input; with a probe ``probe_loss`` and ``score_se``, the score's
    standard error, paired over the probe's examples. Rows with ``learn`` False are measured on the probe:
    their decrease is 0, their level minus the loss, their ``train_loss`` NaN.

    **Examples** (fashion-examples): the tasks of a round are trained on in batches, in the order given; the
    score is minus an example's loss before the step. Signals: ``loss``, ``correct``, and ``reference_loss``
    where ``training`` names a file of another network's losses (`example_losses` returns them). Rows with
    ``learn`` False are put through the network in evaluation mode and never trained on.

    Costs are counted by `teacherstudent.vision.flops`; measuring is charged as ``measure``. The learning rate
    follows the share of the budget that is spent; without a budget it is constant.

    **Tests** look at the validation split until the budget is spent and at the test split from then on; in a
    run that is exactly once, after the last chunk, whatever the teacher.

    Args:
        family: a family of image stages or examples.
        seed: of initial weights, batches and augmentation.
        backbone: a name of `teacherstudent.vision.backbones.BACKBONES`, or ``"module:function"``.
        backbone_options: its keywords.
        training: fields of `teacherstudent.vision.options.Training`.
        machine: fields of `teacherstudent.vision.options.Machine`.
        chunk: FLOPs of training for a task (stages) or a round (examples). None: a fiftieth of the budget,
            or ten times what a probe costs if that is more, but no more than an eighth; without a budget a
            pass over the data. For examples a batch.
        score: see above; for stages only.
        loss: what is minimised: ``"mean"`` of the examples' cross-entropies, ``"module:function"`` or a
            callable from losses ``(n,)`` and indices ``(n,)`` to a scalar.
        budget: FLOPs of the whole run.

    Attributes:
        compute: what was spent.
        weigher: weighs the examples of a batch by their losses (`teacherstudent.vision.weigher.Weigher`);
            None for equal weights. May be set before training.

    Raises:
        TypeError: if the family has no images or an option is unknown.
        ValueError: if an option is out of range, a knob would touch nothing, or the network does not take the
            images.
        FileNotFoundError: if the family's files are not there.
    """

    def __init__(
        self,
        family: Family,
        *,
        seed: Seed,
        backbone: str = "cnn",
        backbone_options: Mapping[str, Any] | None = None,
        training: Mapping[str, Any] | Training | None = None,
        machine: Mapping[str, Any] | Machine | None = None,
        chunk: float | None = None,
        score: str = "rate",
        loss: str | Reduction = "mean",
        budget: float | None = None,
    ) -> None:
        if not isinstance(family, ImageFamily):
            raise TypeError(
                f"classifier: expected a family of images, like fashion-stages, got {type(family).__name__}"
            )
        if score not in SCORES:
            raise ValueError(f"classifier: score: expected one of {list(SCORES)}, got {score!r}")
        if score != "rate" and isinstance(family, ExampleFamily):
            raise ValueError("classifier: score: touches nothing: an example's score is minus its loss")
        for name, value in (("chunk", chunk), ("budget", budget)):
            if value is not None and not 0 < value < np.inf:
                raise ValueError(f"classifier: {name}: expected FLOPs above 0, got {value}")
        self.family, self._score = family, score
        data = family.data

        def make() -> torch.nn.Module:
            channels, side = data.train.images.shape[1], data.train.images.shape[-1]
            options = dict(backbone_options or {})
            return backbones.make(
                backbone, classes=data.classes, channels=channels, size=side, options=options
            )

        self.trainer = Trainer(
            family,
            make,
            seed=seed,
            training=parse(Training, "training", training),
            machine=parse(Machine, "machine", machine),
        )
        self.trainer.reduction = reduction(loss)
        self.compute = Compute(budget)
        self._examples = isinstance(family, ExampleFamily)
        self._chunk = chunk or self._standard_chunk()
        self._train_loss = np.nan
        self._probed: Tensor | None = None  # losses of the probe with the present weights
        self._reference = self._read_reference()
        self.provides: frozenset[str] = frozenset(self._signals())
        kinds: set[Granularity] = {"episode", "step"} if self._examples else {"episode", "chunk"}
        self.granularities: frozenset[Granularity] = frozenset(kinds)

    def _standard_chunk(self) -> float:
        full = self.trainer.flops(self.trainer.sizes()[-1]).train
        if self._examples:
            return full * self.trainer.training.batch_size
        budget = self.compute.budget
        if budget is None:
            return full * len(self.trainer.inputs["train"])
        probes = 0.0 if self._score == "train" else PROBES * self._probe_cost()
        return min(max(budget / CHUNKS, probes), budget / FEWEST)

    def _read_reference(self) -> FloatArray | None:
        path = self.trainer.training.reference
        if not path:
            return None
        if not self._examples:
            raise ValueError("classifier: reference: touches nothing: expected a family of examples")
        return read_numbers("reference", path, len(self.trainer.inputs["train"]))

    def _signals(self) -> tuple[str, ...]:
        if self._examples:
            return EXAMPLE_SIGNALS if self._reference is None else (*EXAMPLE_SIGNALS, REFERENCE)
        return STAGE_SIGNALS if self._score == "train" else (*STAGE_SIGNALS, *PROBE_SIGNALS)

    def _probe_cost(self) -> float:
        return self.trainer.measure_cost(len(self.trainer.inputs["probe"]))

    @property
    def weigher(self) -> Weigher | None:
        """What weighs the examples of a batch."""
        return self.trainer.weigher

    @weigher.setter
    def weigher(self, weigher: Weigher | None) -> None:
        if weigher is not None and not isinstance(weigher, Weigher):
            raise TypeError(f"classifier: weigher: expected a Weigher or None, got {weigher!r}")
        self.trainer.weigher = weigher

    def wants(self) -> int:
        """Return 1 stage, or as many examples as a chunk pays for, a batch at least."""
        if not self._examples:
            return 1
        cost = self.trainer.cost(self.family.setting(0))
        return max(self.trainer.training.batch_size, int(self._chunk / cost + 1e-9))

    def train(self, assignment: Assignment) -> Outcomes:
        """Train on the rows (or measure them) in the order given, and return all of them.

        Raises:
            ValueError: if a task lies outside the space.
            FloatingPointError: if the loss is no longer finite; the message names the stage and the step.
        """
        tasks = spaces.check_tasks(self.family.space, assignment.tasks, "classifier.train")
        with self.trainer.private():
            if self._examples:
                score, cost, signals = self._train_examples(tasks, assignment.learn)
            else:
                score, cost, signals = self._train_stages(tasks, assignment.learn)
        return Outcomes(ids=assignment.ids, tasks=tasks, score=score, cost=cost, signals=signals)

    # Stages

    def _train_stages(self, tasks: Array, learn: Array) -> tuple[FloatArray, FloatArray, dict[str, Array]]:
        names = self._signals()
        rows = np.zeros((len(tasks), 2 + len(names)))
        for row, (task, learns) in enumerate(zip(tasks, learn, strict=True)):
            setting = self.family.setting(task)
            found = self._chunk_of(setting) if learns else self._measured(setting)
            rows[row] = found[: rows.shape[1]]
        signals = {name: rows[:, 2 + k] for k, name in enumerate(names)}
        return rows[:, 0], rows[:, 1], signals

    def _chunk_of(self, setting: Setting) -> list[float]:
        """Train for a chunk; return score, cost and signals."""
        before = None if self._score in ("train", "level") else self._probe()[0]
        start = time.perf_counter()
        losses, cost = self._steps(setting)
        seconds = time.perf_counter() - start
        self._probed = None
        self._train_loss = float(losses.mean())
        signals = [self._train_loss, seconds, float(len(losses)), float(self.trainer.size(setting))]
        if self._score == "train":
            return [-self._train_loss, cost, *signals]
        after, _ = self._probe()
        gain = -after if before is None else before - after
        scale = self._chunk / cost if self._score == "rate" else 1.0
        return [scale * float(gain.mean()), cost, *signals, float(after.mean()), scale * _error(gain)]

    def _steps(self, setting: Setting) -> tuple[Tensor, float]:
        """Take as many steps as a chunk pays for; return their mean losses and what they cost."""
        trainer, compute = self.trainer, self.compute
        step_cost = trainer.batch_size(setting) * trainer.cost(setting)
        count = compute.steps(self._chunk, step_cost, 0.0 if self._score == "train" else self._probe_cost())
        losses = []
        for _ in range(count):
            indices, scoring = trainer.draw(setting)
            compute.measure(scoring)
            compute.train(step_cost)
            found, _ = trainer.step(indices, setting, rate=self._rate(), progress=compute.progress)
            losses.append(found.mean())
        whole = torch.stack(losses).double().cpu()
        self._check_finite(whole, setting, int(compute.counts["updates"]) - count)
        return whole, count * step_cost

    def _probe(self) -> tuple[FloatArray, float]:
        """Return the probe's losses with the present weights, and what measuring them has cost now."""
        cost = 0.0
        if self._probed is None:
            self._probed, _ = self.trainer.measure("probe")
            cost = self._probe_cost()
            self.compute.measure(cost)
        return self._probed.double().cpu().numpy(), cost

    def _measured(self, setting: Setting) -> list[float]:
        losses, cost = self._probe()
        level = float(losses.mean())
        levels = self._score in ("level", "train")
        score, error = (-level, _error(losses)) if levels else (0.0, 0.0)
        return [score, cost, np.nan, 0.0, 0.0, float(self.trainer.size(setting)), level, error]

    # Examples

    def _train_examples(self, tasks: Array, learn: Array) -> tuple[FloatArray, FloatArray, dict[str, Array]]:
        setting = self.family.setting(0)
        indices = torch.from_numpy(tasks).to(self.trainer.inputs["train"].images.device)
        losses, correct = np.zeros(len(tasks)), np.zeros(len(tasks))
        measured = np.flatnonzero(~learn)
        costs = np.where(learn, self.trainer.cost(setting), self.trainer.forward_cost())
        if measured.size:
            found, hits = self.trainer.measure("train", indices[torch.from_numpy(measured)], averaged=False)
            losses[measured], correct[measured] = found.double().cpu(), hits.double().cpu()
            self.compute.measure(float(costs[measured].sum()))
        rows = np.flatnonzero(learn)
        parts = np.array_split(rows, -(-len(rows) // self.trainer.training.batch_size)) if rows.size else []
        for part in parts:
            self.compute.train(float(costs[part].sum()))
            found, hits = self.trainer.step(
                indices[torch.from_numpy(part)], setting, rate=self._rate(), progress=self.compute.progress
            )
            losses[part], correct[part] = found.double().cpu(), hits.double().cpu()
            self._check_finite(found, setting, int(self.compute.counts["updates"]) - 1)
        if rows.size:
            self._train_loss, self._probed = float(losses[rows].mean()), None
        signals: dict[str, Array] = {"loss": losses, "correct": correct}
        if self._reference is not None:
            signals[REFERENCE] = self._reference[tasks]
        return -losses, costs, signals

    def example_losses(self) -> FloatArray:
        """Return the loss of every training example ``(n,)`` with the averaged weights, charged as measured.

        Saved by ``np.save``, they are the reference of another student, or (as 1 / loss) its scores.
        """
        losses, _ = self.trainer.measure("train")
        self.compute.measure(self.trainer.measure_cost(len(losses)))
        found: FloatArray = losses.double().cpu().numpy()
        return found

    # Both

    def _check_finite(self, losses: Tensor, setting: Setting, first: int) -> None:
        bad = torch.nonzero(~torch.isfinite(losses))
        if len(bad):
            step = first if self._examples else first + int(bad[0])
            raise FloatingPointError(
                f"classifier: expected a finite loss, got {float(losses[bad[0]])} in step {step} of the "
                f"stage with {describe(setting)} at learning rate {self.trainer.learner.rate:g}"
            )

    def _rate(self) -> float:
        training = self.trainer.training
        return training.lr if self.compute.budget is None else training.rate(self.compute.progress)

    def evaluate(self, tasks: Array, *, seed: int) -> Outcomes:
        """Return the accuracy on held-out images at full size: validation, or test once the budget is spent.

        A stage's score is the accuracy on all of them, whatever its knobs; an example's number is read as a
        class and its score is the accuracy on that class. Nothing is random, so the seed changes nothing.
        Signals: ``loss``, and ``test``, 1 for the test split and 0 for validation.

        Raises:
            ValueError: if a task lies outside the space or is no class.
        """
        tasks = spaces.check_tasks(self.family.space, tasks, "classifier.evaluate")
        final = self.compute.over
        split = self.trainer.inputs["test" if final else "validation"]
        found, hits = self.trainer.measure("test" if final else "validation")
        labels = split.labels.cpu().numpy()
        losses, correct = found.double().cpu().numpy(), hits.double().cpu().numpy()
        score, loss = np.full(len(tasks), correct.mean()), np.full(len(tasks), losses.mean())
        if self._examples:
            for row, number in enumerate(tasks.tolist()):
                own = labels == number
                if not own.any():
                    raise ValueError(f"classifier.evaluate: expected a class that is tested, got {number}")
                score[row], loss[row] = correct[own].mean(), losses[own].mean()
        cost = self.trainer.measure_cost(len(split)) / max(1, len(tasks))
        return Outcomes(
            ids=np.full(len(tasks), UNASKED, np.int64),
            tasks=tasks,
            score=score,
            cost=np.full(len(tasks), cost),
            signals={"loss": loss, "test": np.full(len(tasks), float(final))},
        )

    def report(self) -> dict[str, Any]:
        """Return what the knobs touch: sizes with their operations, layers by depth, blurred convolutions."""
        return self.trainer.report()

    def spent(self) -> Mapping[str, float]:
        """Return FLOPs of training and of measuring, and gradient steps."""
        return dict(self.compute.counts)

    def holds(self) -> IntArray:
        """Return no id: every task is finished within the `train` that took it."""
        return np.zeros(0, np.int64)

    def metrics(self) -> Mapping[str, float]:
        """Return learning rate, training loss, probe loss (where there is one) and passes over the data."""
        found = {"learning_rate": self.trainer.learner.rate, "passes": float(self.trainer.sampler.passes)}
        if np.isfinite(self._train_loss):
            found["train_loss"] = self._train_loss
        if self._probed is not None:
            found["probe_loss"] = float(self._probed.double().mean())
        return found

    def state_dict(self) -> State:
        """Return everything that training depends on; on the CPU it continues bit for bit."""
        return {
            "trainer": self.trainer.state_dict(),
            "compute": self.compute.state_dict(),
            "train_loss": self._train_loss,
            "probed": None if self._probed is None else self._probed.cpu().numpy().copy(),
        }

    def load_state_dict(self, state: State) -> None:
        """Continue from `state_dict` of a student made with the same arguments.

        Raises:
            ValueError: if the state is incomplete or of another network.
        """
        check_names("classifier: state", ("trainer", "compute", "train_loss", "probed"), state)
        self.trainer.load_state_dict(state["trainer"])
        self.compute.load_state_dict(state["compute"])
        self._train_loss = float(state["train_loss"])
        probed = state["probed"]
        device = self.trainer.inputs["probe"].images.device
        self._probed = None if probed is None else torch.from_numpy(np.array(probed)).to(device)

    def close(self) -> None:
        """Nothing to free."""


def _error(values: FloatArray) -> float:
    """Return the standard error of the mean, 0 of a single value."""
    return float(values.std(ddof=1)) / np.sqrt(len(values)) if len(values) > 1 else 0.0


__all__ = ["ClassifierStudent"]
