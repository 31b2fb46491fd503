"""LeRaC: layers far from the input start with small learning rates and catch up early in the training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from teacherstudent.contract import spaces
from teacherstudent.contract.registry import TEACHERS
from teacherstudent.contract.spaces import Parameters
from teacherstudent.contract.types import Seed
from teacherstudent.teachers.stages.paths import OpenLoop, check_number


@TEACHERS.register("lerac")
class LeRaC(OpenLoop):
    """Lets the spread of the layers' learning rates fall to 0 over the first share of the budget (LeRaC).

    Croitoru et al. 2022, "Learning rate curriculum", https://arxiv.org/abs/2205.09180, equation 8. The rate
    of layer j at iteration l of k is ``eta_j * c ** (l / k * (log_c(eta) - log_c(eta_j)))``: a geometric
    path from its own rate to the common one, in which c cancels. So the rate's decades below the common one
    shrink by the factor ``1 - l / k``, the same for all layers: that is the knob ``lr_spread``.

    Deviations from the paper: the layers' rates at the start lie at equal distances in decades, from the
    input's, which is the common one, to the last layer's; the authors list rates for each network. k is a
    share of the compute. The authors' code has a staircase instead of the path:
    ``student_options={"training": {"lr_law": "staircase"}}``.

    Args:
        space: knobs with ``lr_spread``.
        seed: an integer of at least 0 or a ``SeedSequence``; nothing is drawn from it.
        spread: decades between the first and the last layer's rates at the start; None for the highest of the
            space. The authors' ResNet-18 on CIFAR-10 has 4.
        share: of the budget over which the spread falls; the authors take 5 to 20 of 200 epochs.
        values: values of other knobs; those that are not named are neutral.

    Raises:
        TypeError: if the space has no named knobs, or the seed is no integer.
        ValueError: if the space lacks a knob or does not reach a value of the path, or an option is out of
            range.
    """

    moves: ClassVar[tuple[str, ...]] = ("lr_spread",)

    def __init__(
        self,
        space: Parameters,
        *,
        seed: Seed,
        spread: float | None = None,
        share: float = 0.1,
        values: Mapping[str, float] | None = None,
    ) -> None:
        who = "lerac"
        if spread is None:
            # The widest spread of the space is the default. A space without the knob is refused by the base
            # class, which names the knob: 1 stands in until then.
            spread = spaces.ranges(space).get("lr_spread", (0.0, 1.0))[1]
        self._spread = check_number(who, "spread", spread, 0, 20, open_low=True)
        self._share = check_number(who, "share", share, 0, 1, open_low=True)
        drives = {"lr_spread": (0.0, self._spread)}
        super().__init__(space, seed=seed, who=who, drives=drives, values=values)

    def path(self, progress: float) -> dict[str, float]:
        """Return the spread in decades."""
        # Equation 8 in decades below the common rate: the factor 1 - l / k, the same for all layers.
        return {"lr_spread": self._spread * max(0.0, 1 - progress / self._share)}
