"""PS-KD: the network's own earlier predictions get a growing weight in its targets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from teacherstudent.contract.checks import check_whole
from teacherstudent.contract.registry import TEACHERS
from teacherstudent.contract.spaces import Parameters
from teacherstudent.contract.types import Seed
from teacherstudent.teachers.stages.paths import EDGE, OpenLoop, check_number


@TEACHERS.register("ps-kd")
class ProgressiveSelfDistillation(OpenLoop):
    """Lets the weight of the network's last predictions in the targets grow linearly (PS-KD).

    Kim et al. 2021, "Self-knowledge distillation with progressive refinement of targets",
    https://arxiv.org/abs/2006.12000, equations 5 and 6: in epoch t of T, from 1 on, the target of an example
    is ``(1 - alpha_t) one-hot + alpha_t P``, where P is the prediction for it in the epoch before, and
    ``alpha_t = alpha t / T`` with alpha = 0.8. The table of predictions is the student's.

    Deviation: epochs are shares of the compute; without ``epochs`` the weight grows all the time.

    Args:
        space: knobs with ``self_distillation``.
        seed: an integer of at least 0 or a ``SeedSequence``; nothing is drawn from it.
        alpha: the weight in the last epoch.
        epochs: T; None for the limit of many.
        values: values of other knobs; those that are not named are neutral.

    Raises:
        TypeError: if the space has no named knobs, or the seed is no integer.
        ValueError: if the space lacks a knob or does not reach a value of the path, or an option is out of
            range.
    """

    moves: ClassVar[tuple[str, ...]] = ("self_distillation",)

    def __init__(
        self,
        space: Parameters,
        *,
        seed: Seed,
        alpha: float = 0.8,
        epochs: int | None = None,
        values: Mapping[str, float] | None = None,
    ) -> None:
        who = "ps-kd"
        self._alpha = check_number(who, "alpha", alpha, 0, 1, open_low=True)
        # Without epochs the weight grows from 0; with them it starts at the first epoch's.
        self._epochs: int | None = None
        lowest = 0.0
        if epochs is not None:
            self._epochs = check_whole(f"{who}: epochs", epochs)
            lowest = self._alpha / self._epochs
        drives = {"self_distillation": (lowest, self._alpha)}
        super().__init__(space, seed=seed, who=who, drives=drives, values=values)

    def path(self, progress: float) -> dict[str, float]:
        """Return the weight of the past predictions."""
        if self._epochs is not None:
            # Epochs count from 1, and the end of the budget still belongs to the last one.
            progress = (min(int(progress * self._epochs + EDGE), self._epochs - 1) + 1) / self._epochs
        return {"self_distillation": self._alpha * progress}
