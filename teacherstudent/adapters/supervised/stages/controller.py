"""Stages of training in a user's own loop: a teacher chooses them, and each is carried out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from teacherstudent.adapters.supervised.stages.settings import WHO, Settings
from teacherstudent.adapters.supervised.stages.touched import CALLS, Touched
from teacherstudent.adapters.watching import asked
from teacherstudent.contract.checks import check_names, check_whole
from teacherstudent.contract.knobs import Setting, describe
from teacherstudent.contract.stored.saved import saved_array, saved_number
from teacherstudent.contract.teacher import Teacher
from teacherstudent.contract.types import Assignment, FloatArray, Outcomes, State
from teacherstudent.networks.knobs.augmentation import augment
from teacherstudent.networks.knobs.batches import sequence_length
from teacherstudent.networks.knobs.resampling import low_frequency_crop, resize
from teacherstudent.networks.knobs.sampling import ExampleTable

CHUNKS = 50
"""Stages in a training, if nothing is said."""
SCORE_FLOOR = 1e-3
"""Losses below count as this where examples are drawn by 1 / loss."""


class StageController:
    """Asks a teacher for stages of training and does what they say to model, optimiser, loader and batches.

    The loop calls `step` with its loss after each step of the optimiser. Knobs of batches act where the loop
    passes these through `images`, `sequences` or `targets`; the others act by themselves. A stage lasts for
    ``chunk`` steps. A teacher that learns which stages help needs `measure`: its score is by how much the
    loss that this returns has fallen.

    Args:
        teacher: over `teacherstudent.Parameters` whose names are knobs
            (`teacherstudent.contract.knobs.KNOBS`), or over ``Discrete(n)`` stages.
        knobs: the n stages, each knob -> value; None for a teacher over named knobs.
        model: for smoothing, freeze and lr_spread.
        optimizer: for lr_scale and lr_spread. For lr_spread make schedulers afterwards.
        loader: for batch_size and data_fraction (with a `ShareBatchSampler`).
        example: a small batch, to find the model's layers and try its smallest images; None takes layers in
            the order in which the model names its parameters.
        steps: of the optimiser in the whole training, over which ``progress`` goes from 0 to 1.
        chunk: steps of a stage; None for a fiftieth of all.

    Attributes:
        setting: the value of every knob now.
        steps_done: steps so far.

    Raises:
        TypeError: if ``teacher`` is none, or its tasks are no stages.
        ValueError: if a knob would touch nothing (smoothing on a model without convolutions, say), is
            unknown, or needs what is not given.
    """

    def __init__(
        self,
        teacher: Teacher[Any],
        knobs: Sequence[Mapping[str, float]] | None = None,
        *,
        steps: int,
        chunk: int | None = None,
        model: nn.Module | None = None,
        optimizer: Optimizer | None = None,
        loader: Any = None,
        example: Any = None,
    ) -> None:
        self._settings = Settings(teacher, knobs)
        self.reach = self._settings.reach
        self._check_kind(teacher)
        self.teacher = teacher
        self._steps = check_whole(f"{WHO}: steps", steps)
        if chunk is None:
            chunk = max(1, steps // CHUNKS)
        self._chunk = check_whole(f"{WHO}: chunk", chunk, 1, self._steps)
        self._touched = Touched(self.reach, model, optimizer, loader, example)
        self._touched.score_by(self._log_scores)
        self._loader = loader
        self._probe: Callable[[], float | Tensor] | None = None
        self._level = np.nan
        self._table: ExampleTable | None = None
        self._called: set[str] = set()
        # Means of the losses of this stage's steps: of those before a load, and of later ones, which stay on
        # the device.
        self._loaded: FloatArray = np.zeros(0)
        self._losses: list[Tensor] = []
        self.steps_done = 0
        self._assignment: Assignment = self._next()

    @staticmethod
    def _check_kind(teacher: Teacher[Any]) -> None:
        if teacher.granularity not in ("episode", "chunk"):
            raise ValueError(
                f"{WHO}: expected a teacher of stages, got {type(teacher).__name__}, whose tasks last for a "
                f"{teacher.granularity}"
            )
        missing = sorted(teacher.needs - {"train_loss"})
        if missing:
            raise ValueError(
                f"{WHO}: expected a teacher of stages, got {type(teacher).__name__}, which needs {missing}; "
                "teachers that choose examples are for TeacherBatchSampler"
            )

    def measure(self, loss: Callable[[], float | Tensor]) -> None:
        """Say how the model is measured after each stage, for teachers that learn from scores.

        Args:
            loss: returns the mean loss on held-out examples, the same each time; called now and after every
                stage. Put the model into evaluation mode in it, and back.
        """
        self._probe = loss
        self._level = float(loss())

    def images(self, images: Tensor) -> Tensor:
        """Return a batch of images as the stage wants them: augmented, then smaller.

        Args:
            images: ``(n, channels, h, w)``; in [0, 1] where ``magnitude`` is among the knobs, so before they
                are normalised.
        """
        self._called.add("images")
        if self.setting["magnitude"] > 0:
            images = augment(images, self.setting["magnitude"])
        for name, smaller in (("bandwidth", low_frequency_crop), ("resize", resize)):
            if name in self.reach:
                size = self._touched.size(name, self.setting[name], int(images.shape[-1]))
                images = smaller(images, size)
        return images

    def sequences(self, batch: Any) -> Any:
        """Return a batch whose sequences are cut to the stage's length (`sequence_length`)."""
        self._called.add("sequences")
        return sequence_length(batch, self.setting["sequence_length"])

    def targets(self, labels: Tensor, indices: Tensor) -> Tensor:
        """Return what the cross-entropy compares with: labels, or distributions ``(n, classes)``.

        Args:
            labels: ``(n,)`` int64.
            indices: ``(n,)`` the examples.
        """
        self._called.add("targets")
        weight = self.setting["self_distillation"]
        # Before the first `remember` there are no predictions.
        if weight == 0 or self._table is None:
            return labels
        # After a load the table lies on the CPU.
        self._table.to(labels.device)
        return self._table.targets(labels, indices, weight)

    def remember(self, losses: Tensor, indices: Tensor, logits: Tensor | None = None) -> None:
        """Keep the losses of examples, for data_fraction, and their logits, for self_distillation.

        Args:
            losses: ``(n,)``, without a mean.
            indices: ``(n,)`` the examples.
            logits: ``(n, classes)``.
        """
        self._called.add("remember")
        if self._table is None:
            self._table = self._new_table(losses, logits)
        self._table.to(losses.device)
        if logits is None:
            logits = losses[:, None]
        self._table.remember(indices, losses, logits)

    def _log_scores(self) -> Tensor | None:
        """Return what examples are drawn by: 1 / loss; None before any loss is known."""
        if self._table is None:
            return None
        return self._table.log_scores(SCORE_FLOOR)

    def _new_table(self, losses: Tensor, logits: Tensor | None) -> ExampleTable:
        classes = 0
        if "self_distillation" in self.reach:
            if logits is None:
                raise ValueError("remember: expected logits, as self_distillation is a knob here, got none")
            classes = int(logits.shape[1])
        if self._loader is None:
            raise ValueError(f"remember: expected {WHO}(..., loader=loader), whose data set says how many")
        return ExampleTable(len(self._loader.dataset), classes=classes, device=losses.device)

    def step(self, loss: Tensor) -> None:
        """Count a step of the optimiser; at the end of a stage tell the teacher and begin the next one.

        Args:
            loss: of the step, a scalar or ``(n,)``.

        Raises:
            ValueError: in the first steps, if a knob acts on batches that never pass through the controller,
                or the teacher learns from scores and nothing is measured.
            FloatingPointError: at the end of a stage whose loss is not finite.
        """
        if self.steps_done == 0:
            self._check_used()
        self.steps_done += 1
        # After the last step the last stage stays, and nobody asks for its losses.
        if self.steps_done > self._steps:
            return
        self._losses.append(loss.detach().mean())
        if self.steps_done % self._chunk == 0 or self.steps_done == self._steps:
            self._finish()

    @property
    def progress(self) -> float:
        """The share of the steps that are done, 0 to 1."""
        return min(1.0, self.steps_done / self._steps)

    def _check_used(self) -> None:
        for name, calls in CALLS.items():
            missing = [call for call in calls if call.partition("(")[0] not in self._called]
            if name in self.reach and missing:
                raise ValueError(
                    f"{name}: touches nothing: expected a call of {' and '.join(calls)} in each step, got "
                    f"none of {missing[0]}"
                )
        if self._touched.shares and "remember" not in self._called:
            raise ValueError(
                "data_fraction: expected a call of remember(losses, indices) in each step, as examples are "
                "drawn by their losses, got none"
            )
        if self.teacher.acts and self._probe is None:
            raise ValueError(
                f"{WHO}: {type(self.teacher).__name__} learns from scores: expected a call of measure(loss) "
                "before the first step, got none"
            )

    def _finish(self) -> None:
        losses = self._numbers()
        mean = float(losses.mean())
        if not np.isfinite(mean):
            raise FloatingPointError(
                f"{WHO}: expected a finite loss, got {mean} in the {len(losses)} steps before step "
                f"{self.steps_done}, with {describe(self.setting)}"
            )
        score = -mean
        if self._probe is not None:
            level = float(self._probe())
            score = self._level - level
            # Teachers that difference scores themselves want the level.
            if self.teacher.differences:
                score = -level
            self._level = level
        cost = np.array([float(len(losses))])
        signals = {"train_loss": np.array([mean])}
        self.teacher.tell(Outcomes.of(self._assignment, score=np.array([score]), cost=cost, signals=signals))
        self._losses = []
        self._loaded = np.zeros(0)
        if self.steps_done < self._steps:
            self._assignment = self._next()

    def _numbers(self) -> FloatArray:
        """Return the losses of this stage's steps, ``(n,)``; the host waits for the device once."""
        if not self._losses:
            return self._loaded
        new = torch.stack(self._losses).cpu().double().numpy()
        return np.concatenate([self._loaded, new])

    def _next(self) -> Assignment:
        assignment = asked(self.teacher, 1, self.progress, WHO)
        self.setting: Setting = self._settings.of(assignment.tasks[0])
        self._touched.apply(self.setting)
        return assignment

    def metrics(self) -> dict[str, float]:
        """Return the value of every knob that moves, for a log."""
        return {name: self.setting[name] for name in self.reach}

    def state_dict(self) -> State:
        """Return teacher, stage and place in it; model and optimiser are the loop's to save."""
        return {
            "teacher": self.teacher.state_dict(),
            "id": int(self._assignment.ids[0]),
            "task": self._assignment.tasks[0].copy(),
            "steps": self.steps_done,
            "losses": self._numbers().copy(),
            "level": self._level,
            "touched": self._touched.state_dict(),
            "table": None if self._table is None else self._table.state_dict(),
        }

    def load_state_dict(self, state: State) -> None:
        """Go on from `state_dict` of a controller that was made with the same arguments.

        Raises:
            ValueError: if the state is damaged or of another teacher.
        """
        names = ("teacher", "id", "task", "steps", "losses", "level", "touched", "table")
        check_names(f"{WHO}: state", names, state)
        losses = saved_array(f"{WHO}: losses", state["losses"], np.float64, (None,))
        steps = int(saved_number(f"{WHO}: steps", state["steps"], 0))
        self.teacher.load_state_dict(state["teacher"])
        self._assignment = Assignment(ids=np.array([state["id"]]), tasks=np.array(state["task"])[None])
        self._losses = []
        self._loaded = losses
        self.steps_done = steps
        self._level = float(state["level"])
        self._touched.load_state_dict(state["touched"])
        if state["table"] is not None:
            self._load_table(state["table"])
        self.setting = self._settings.of(self._assignment.tasks[0])
        self._touched.apply(self.setting)

    def _load_table(self, state: State) -> None:
        predictions = state["predictions"]
        classes = 0
        if predictions is not None:
            classes = predictions.shape[1]
        self._table = ExampleTable(len(state["losses"]), classes=classes, device=torch.device("cpu"))
        self._table.load_state_dict(state)
