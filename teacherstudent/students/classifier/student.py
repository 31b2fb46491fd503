"""Supervised training as a student: tasks are training stages of equal compute, or single examples."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from teacherstudent.contract import spaces
from teacherstudent.contract.checks import check_mapping, check_names, is_finite, is_one_of
from teacherstudent.contract.demand import Demand, Offers, Signal, check_demand
from teacherstudent.contract.family import Family
from teacherstudent.contract.registry import STUDENTS
from teacherstudent.contract.types import (
    UNASKED,
    Array,
    Assignment,
    FloatArray,
    IntArray,
    Outcomes,
    Seed,
    State,
)
from teacherstudent.contract.weigher import Weigher
from teacherstudent.envs.datasets.answers import lacking
from teacherstudent.envs.datasets.family import DataExamples
from teacherstudent.envs.images.family import ExampleFamily, ImageFamily
from teacherstudent.networks.device import Machine
from teacherstudent.networks.state import PrivateGenerators, array_of
from teacherstudent.students.classifier.compute import Compute
from teacherstudent.students.classifier.example_rounds import ExampleRounds
from teacherstudent.students.classifier.losses import Reduction, reduction
from teacherstudent.students.classifier.networks import backbones
from teacherstudent.students.classifier.options import Training, parse
from teacherstudent.students.classifier.stage_rounds import SCORES, StageRounds
from teacherstudent.students.classifier.trainer import Trainer

UNITS = {
    "loss": "nats",
    "train_loss": "nats",
    "probe_loss": "nats",
    "seconds": "seconds",
    "steps": "gradient steps",
    "size": "pixels",
}
"""Of its signals."""


@STUDENTS.register("supervised")
@STUDENTS.register("classifier")
class ClassifierStudent:
    """Trains any torch network on labelled data, a chunk of compute for each task; costs are FLOPs.

    Data are images, tables or any arrays: the registered families, or one's own by
    `teacherstudent.family_from_dataset`, which says what the targets are (classes, labels, numbers), what is
    lost and how tests are scored. The names ``supervised`` and ``classifier`` stand for the same student.

    **Stages** (families such as fashion-stages): a task is trained at its knobs for one chunk of compute, so
    a stage of small images takes more steps; what is left of a step is carried over. Then the loss is
    measured on the probe split: always the same examples, at full size, without augmentation, with the test
    task's blur, with averaged weights if there are any. The score is the decrease of the mean probe loss
    since the last measurement: ``"decrease"`` as it is, ``"rate"`` times chunk / cost, ``"level"`` minus the
    loss itself. ``"train"`` is for teachers that need no score, fixed schedules say: minus the mean training
    loss, and nothing is measured or charged. A stage's cost is that of its steps and, where
    ``training.scores`` is ``"rescore"``, of its scoring passes, which its chunk pays for too; probes are
    charged beside it. Signals: ``train_loss``, the mean over the chunk; ``seconds`` of training; ``steps``;
    ``size``, the side of the network's input; with a probe ``probe_loss`` and ``score_se``, the score's
    standard error, paired over the probe's examples. Rows with ``learn`` False are measured on the probe:
    their decrease is 0, their level minus the loss, their ``train_loss`` NaN.

    **Examples** (fashion-examples): the tasks of a round are trained on in batches, in the order given. Fewer
    than half a batch make no step: they are held until a later round brings enough. The score is minus an
    example's loss before the step (with ``label_smoothing`` where it is trained on, without where it is
    measured). Signals: ``loss``; ``correct``, unless targets are numbers; and ``reference_loss`` where
    ``training`` names a file of another network's losses (`example_losses` returns them). Rows with ``learn``
    False are put through the network in evaluation mode and never trained on.

    Costs are counted by `teacherstudent.students.classifier.networks.flops`; measuring is charged as
    ``measure``. The learning rate follows the share of the budget that is spent; without a budget it is
    constant.

    **Tests** look at the validation split until the budget is spent and at the test split from then on; in a
    run that is exactly once, after the last chunk, whatever the teacher.

    Args:
        family: a family of stages or examples of labelled data.
        seed: of initial weights, batches and augmentation.
        backbone: the network: a name of `teacherstudent.students.classifier.networks.backbones.BACKBONES`,
            ``"module:function"`` (called with ``classes``, ``channels`` and ``size``), or a function that is
            called with ``backbone_options`` alone and makes it. None: ``"cnn"`` for images, else ``"mlp"``.
        backbone_options: its keywords.
        training: fields of `teacherstudent.students.classifier.options.Training`.
        machine: fields of `teacherstudent.networks.device.Machine`.
        chunk: FLOPs of training for a task (stages) or a round (examples). None: a fiftieth of the budget,
            or ten times what a probe costs if that is more, but no more than an eighth; without a budget a
            pass over the data. For examples a batch.
        score: see above; for stages only.
        loss: what is minimised: ``"mean"`` of the examples' losses, ``"module:function"`` or a
            callable from losses ``(n,)`` and indices ``(n,)`` to a scalar.
        budget: FLOPs of the whole run.

    Attributes:
        trainer: trains and measures.
        compute: what was spent.
        budget: FLOPs of the whole run; `run` refuses another one.
        gains: whether scores are progress and no levels.
        rounds: what a round trains on: stages or examples.
        weigher: weighs the examples of a batch (`teacherstudent.contract.weigher.Weigher`); None for equal
            weights. May be set before training.

    Raises:
        TypeError: if the family has no labelled data or an option is unknown.
        ValueError: if an option is out of range, a knob would touch nothing, the network does not take the
            inputs, or the validation or test split lacks a class that is tested.
        FileNotFoundError: if the family's files are not there.
    """

    def __init__(
        self,
        family: Family,
        *,
        seed: Seed,
        backbone: str | Callable[..., torch.nn.Module] | None = None,
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
                "classifier: expected a family of labelled data, like fashion-stages or one that "
                f"family_from_dataset makes, got {type(family).__name__}"
            )
        if not is_one_of(score, SCORES):
            raise ValueError(f"classifier: score: expected one of {list(SCORES)}, got {score!r}")
        # An example's score has one meaning only, so another choice would change nothing.
        if score != "rate" and isinstance(family, ExampleFamily):
            raise ValueError("classifier: score: touches nothing: an example's score is minus its loss")
        for name, value in (("chunk", chunk), ("budget", budget)):
            if value is not None and not (is_finite(value) and value > 0):
                raise ValueError(f"classifier: {name}: expected FLOPs above 0, got {value!r}")
        own = check_mapping("classifier: backbone_options", backbone_options)
        self.family = family
        data = family.data
        if isinstance(family, ExampleFamily) and family.by_class:
            # Tests of examples read task numbers as classes, so every class needs images.
            _check_classes(family)

        # A function, since the trainer seeds torch before it builds the network.
        def make() -> torch.nn.Module:
            outputs = family.answers.outputs
            return backbones.build(backbone, outputs=outputs, shape=data.train.shape, options=own)

        self.trainer = Trainer(
            family,
            make,
            seed=seed,
            training=parse(Training, "training", training),
            machine=parse(Machine, "machine", machine),
        )
        self.trainer.reduction = reduction(loss)
        self.compute = Compute(budget)
        self.budget = budget
        self.rounds: StageRounds | ExampleRounds
        if isinstance(family, ExampleFamily):
            self.rounds = ExampleRounds(family, self.trainer, self.compute, chunk=chunk)
        else:
            self.rounds = StageRounds(family, self.trainer, self.compute, score=score, chunk=chunk)
        # A level is no gain: teachers that want progress must difference it.
        self.gains = isinstance(self.rounds, StageRounds) and score in ("rate", "decrease")
        signals = _offered(self.rounds.signals)
        self.offers: Offers = dict.fromkeys(sorted(self.rounds.granularities), signals)

    def bind(self, demand: Demand) -> None:
        """Check that what a run asks for is offered; all of it falls out of training and measuring anyway.

        Raises:
            ValueError: if something is asked for that is not offered.
        """
        check_demand(demand, self.offers, "classifier")

    @property
    def weigher(self) -> Weigher | None:
        """What weighs the examples of a batch."""
        return self.trainer.weigher

    @weigher.setter
    def weigher(self, weigher: Weigher | None) -> None:
        if weigher is not None and not isinstance(weigher, Weigher):
            raise TypeError(f"classifier: weigher: expected a Weigher or None, got {weigher!r}")
        self.trainer.weigher = weigher

    def round_cost(self) -> float:
        """Return the least FLOPs of a round: of stages a step and what is measured, of examples a chunk."""
        return self.rounds.least()

    @property
    def cuts_last_round(self) -> bool:
        """Whether the last round ends with the budget, so that a step at most is spent beyond."""
        return isinstance(self.rounds, StageRounds)

    def wants(self) -> int:
        """Return 1 stage, or as many examples as a chunk pays for, a batch at least, less those held."""
        return self.rounds.wants()

    def train(self, assignment: Assignment) -> Outcomes:
        """Train on the rows (or measure them) in the order given, and return those that are finished.

        All are, but for examples that are held: fewer than half a batch in all.

        Raises:
            ValueError: if a task lies outside the space.
            FloatingPointError: if the loss is no longer finite; the message names the stage and the step.
        """
        tasks = spaces.check_tasks(self.family.space, assignment.tasks, "classifier.train")
        # Batches and augmentation draw from torch's global generators, so lend them private ones.
        with self.trainer.private():
            return self.rounds.train(replace(assignment, tasks=tasks))

    def example_losses(self) -> FloatArray:
        """Return the loss of every training example ``(n,)`` with the averaged weights, charged as measured.

        Saved by ``np.save``, they are the reference of another student, or (as 1 / loss) its scores.
        """
        losses, _ = self.trainer.measure("train")
        # Whoever asks for losses pays for them, or a teacher could look for free.
        self.compute.measure(self.trainer.measure_cost(len(losses)))
        found: FloatArray = losses.double().cpu().numpy()
        return found

    def evaluate(self, tasks: Array, *, seed: int) -> Outcomes:
        """Return the score on held-out examples at full size: validation, or test once the budget is spent.

        A stage's score is the family's metric, the accuracy say, on all of them, whatever its knobs; an
        example's number is read as a class and its score is the accuracy on that class, or, where tests are
        not by class, the metric on all. The seed is that of items which are drawn at random when they are
        read; others do not depend on it.
        Signals: ``loss``, and ``test``, 1 for the test split and 0 for validation.

        Raises:
            ValueError: if a task lies outside the space or is no class.
            TypeError: if a metric of the user's returns no number.
            FloatingPointError: if a loss is not finite; the message names the last stage and step.
        """
        tasks = spaces.check_tasks(self.family.space, tasks, "classifier.evaluate")
        # The test split is looked at only when nothing more can be trained.
        final = self.compute.over
        name = "test" if final else "validation"
        split = self.trainer.inputs[name]
        # A network draws nothing here, but items that are read may: by the seed, and to no one else's cost.
        with PrivateGenerators(seed).active():
            found, hits, whole = self.trainer.score(name)
        labels = split.labels.cpu().numpy()
        losses = found.double().cpu().numpy()
        correct = hits.double().cpu().numpy()
        # The test is the same for all stages, whatever their knobs.
        score = np.full(len(tasks), whole)
        loss = np.full(len(tasks), losses.mean())
        # An example's number is read as a class and scored on that class alone.
        if isinstance(self.family, ExampleFamily) and self.family.by_class:
            for row, number in enumerate(tasks.tolist()):
                own = labels == number
                if not own.any():
                    raise ValueError(f"classifier.evaluate: expected a class that is tested, got {number}")
                score[row] = correct[own].mean()
                loss[row] = losses[own].mean()
        # One pass serves all rows, so they share its cost.
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

    def finish(self) -> None:
        """Look at the test split in the next test: the run ends before its budget is spent."""
        self.compute.ended = True

    def holds(self) -> IntArray:
        """Return the ids of examples that wait for more of them; of stages none."""
        if self.rounds.held is None:
            return np.zeros(0, np.int64)
        return self.rounds.held.ids.copy()

    def metrics(self) -> Mapping[str, float]:
        """Return learning rate, training loss, probe loss (where there is one) and passes over the data."""
        found = {"learning_rate": self.trainer.learner.rate, "passes": float(self.trainer.sampler.passes)}
        if np.isfinite(self.rounds.train_loss):
            found["train_loss"] = self.rounds.train_loss
        if self.rounds.probed is not None:
            found["probe_loss"] = float(self.rounds.probed.double().mean())
        return found

    def state_dict(self) -> State:
        """Return everything that training depends on; on the CPU it continues bit for bit."""
        return {
            "trainer": self.trainer.state_dict(),
            "compute": self.compute.state_dict(),
            "held": self.rounds.state(),
            "train_loss": self.rounds.train_loss,
            "probed": array_of(self.rounds.probed),
        }

    def load_state_dict(self, state: State) -> None:
        """Continue from `state_dict` of a student made with the same arguments.

        Raises:
            ValueError: if the state is incomplete or of another network.
        """
        check_names("classifier: state", ("trainer", "compute", "held", "train_loss", "probed"), state)
        self.trainer.load_state_dict(state["trainer"])
        self.compute.load_state_dict(state["compute"])
        self.rounds.load(state["held"])
        self.rounds.train_loss = float(state["train_loss"])
        self.rounds.probed = None
        if state["probed"] is not None:
            probed = torch.from_numpy(np.array(state["probed"]))
            self.rounds.probed = probed.to(self.trainer.device)

    def close(self) -> None:
        """Nothing to free."""


def _check_classes(family: ExampleFamily) -> None:
    """Raise ValueError unless the held-out splits have images of every class that is tested."""
    # The test split is the data set's own, so the option helps with validation only.
    for name in ("validation", "test"):
        if missing := lacking(getattr(family.data, name).labels, family.answers):
            remedy = ""
            if name == "validation":
                remedy = "; the family's option stratified=true puts some there"
            if isinstance(family, DataExamples):
                remedy = f"; without {name}=... a split is made that holds all classes"
            raise ValueError(
                f"classifier: {name} split: expected examples of every class that is tested, got none of "
                f"class {missing}{remedy}"
            )


__all__ = ["ClassifierStudent"]


def _offered(names: tuple[str, ...]) -> dict[str, Signal]:
    """Return how signals are offered; a chunk that is only measured has no loss of training."""
    return {name: Signal(unit=UNITS.get(name, ""), measured=name != "train_loss") for name in names}
