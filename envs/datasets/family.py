"""Families of a user's own data: tasks are training stages, or the examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from teacherstudent.contract.knobs import SIZES
from teacherstudent.contract.stored.settings import describe
from teacherstudent.contract.types import State
from teacherstudent.envs.datasets.answers import Answers
from teacherstudent.envs.datasets.parts import NAMES, Parts
from teacherstudent.envs.images.data import Images
from teacherstudent.envs.images.family import ExampleFamily, ImageFamily, Source, StageFamily

OF_IMAGES = (*SIZES, "smoothing", "magnitude")
"""Knobs that act on pixels."""


class Supplied(ImageFamily):
    """A family of data that lie ready as `Parts`.

    Args:
        name: of the data, for messages and test sets.
        parts: the splits.
        answers: what the targets are.
        normalise: as `ImageFamily`.
        transform: as `ImageFamily`.
        seed: of the draw of the splits, which is written into manifests.
    """

    def supply(
        self, name: str, parts: Parts, answers: Answers, normalise: bool, transform: Any, seed: int
    ) -> Source:
        """Take over the data and return their measures."""
        self.name = name
        self._splits = parts
        self._answers = answers
        self.normalise = normalise
        self.transform = transform
        self._seed = seed
        self.score_name = answers.metric_name.replace("_", " ")
        shape = parts.train.shape
        side = min(shape[1:]) if len(shape) == 3 else 0
        sizes = {part: len(getattr(parts, part)) for part in NAMES}
        return Source(
            name=name,
            side=side,
            examples=sizes["train"] + sizes["probe"] + sizes["validation"],
            probe=sizes["probe"],
            validation=sizes["validation"],
        )

    def read(self) -> tuple[Images, Images]:
        """Refuse: the data lie ready and are read by row (`data`)."""
        raise TypeError(f"{self.name}: expected its data to be read by row (`data`), not as images")

    @property
    def answers(self) -> Answers:
        """What the targets are, and how they are lost and scored."""
        return self._answers

    def settings(self) -> State:
        """Return what the data and tasks are, as far as a run that is resumed can compare it."""
        parts = {}
        for name in NAMES:
            part = getattr(self.data, name)
            parts[name] = {"rows": describe(part.rows), "labels": describe(part.labels)}
        return {
            "name": self.name,
            "shape": list(self.data.train.shape),
            "parts": parts,
            "answers": self._answers,
            "normalise": self.normalise,
            "transform": self.transform,
            "seed": self._seed,
        }


class DataStages(Supplied, StageFamily):
    """Training stages on a user's data; `teacherstudent.family_from_dataset` makes it.

    Args:
        parts: the splits.
        answers: what the targets are.
        name: of the data.
        knobs, fixed, stages: as `StageFamily`. If neither knobs nor stages are given: ``bandwidth`` from half
            to all of the side of square images, else ``lr_scale`` from 0.1 to 1.
        normalise, transform: as `ImageFamily`.
        seed: of the draw of the splits.

    Raises:
        ValueError, TypeError: as `StageFamily`; if a knob acts on what the data are not.
    """

    def __init__(
        self,
        parts: Parts,
        answers: Answers,
        *,
        name: str,
        knobs: Mapping[str, Sequence[float]] | None = None,
        fixed: Mapping[str, float] | None = None,
        stages: Sequence[Mapping[str, float]] | None = None,
        normalise: bool = True,
        transform: Any = None,
        seed: int = 0,
    ) -> None:
        source = self.supply(name, parts, answers, normalise, transform, seed)
        if knobs is None and stages is None:
            knobs = {"bandwidth": (0.5, 1)} if is_square(parts) else {"lr_scale": (0.1, 1)}
        self._asked = {"knobs": knobs, "fixed": fixed, "stages": stages}
        StageFamily.__init__(self, source, knobs=knobs, fixed=fixed, stages=stages)
        check_knobs(self.reach, parts, answers, name)

    def settings(self) -> State:
        """Return what the data and tasks are."""
        return {**super().settings(), **self._asked}


class DataExamples(Supplied, ExampleFamily):
    """Examples of a user's data; `teacherstudent.family_from_dataset` makes it.

    Args:
        parts: the splits.
        answers: what the targets are. Classes whose metric is the accuracy are tested one by one.
        name: of the data.
        fixed: as `ExampleFamily`.
        normalise, transform: as `ImageFamily`.
        seed: of the draw of the splits.

    Raises:
        ValueError, TypeError: as `ExampleFamily`; if a knob acts on what the data are not.
    """

    def __init__(
        self,
        parts: Parts,
        answers: Answers,
        *,
        name: str,
        fixed: Mapping[str, float] | None = None,
        normalise: bool = True,
        transform: Any = None,
        seed: int = 0,
    ) -> None:
        source = self.supply(name, parts, answers, normalise, transform, seed)
        by_class = answers.kind == "classes" and answers.metric == "accuracy"
        classes = answers.outputs if by_class else 0
        self._fixed_knobs = fixed
        ExampleFamily.__init__(self, source, n=len(parts.train), classes=classes, fixed=fixed)
        if by_class:
            self.score_name = "balanced accuracy"
        else:
            self.test_set = f"{name}-validation-then-test"
        check_knobs(self.reach, parts, answers, name)

    def settings(self) -> State:
        """Return what the data and tasks are."""
        return {**super().settings(), "fixed": self._fixed_knobs}


def is_square(parts: Parts) -> bool:
    """Return whether inputs are square images of at least two sizes."""
    shape = parts.train.shape
    return len(shape) == 3 and shape[1] == shape[2] >= 8


def check_knobs(reach: Mapping[str, Any], parts: Parts, answers: Answers, name: str) -> None:
    """Raise ValueError for a knob that acts on pixels or classes where there are none."""
    shape = parts.train.shape
    for knob in reach:
        expected = ""
        if knob in OF_IMAGES and len(shape) != 3:
            expected = "images (channels, height, width)"
        elif knob == "magnitude" and parts.train.dtype != "uint8":
            expected = "images of bytes, since random augmentation works on pixels from 0 to 255"
        elif knob == "self_distillation" and answers.kind != "classes":
            expected = "targets that are classes"
        if expected:
            raise ValueError(
                f"{name}: {knob}: touches nothing: expected {expected}, got {parts.train.dtype} inputs of "
                f"shape {shape} and {answers.kind}"
            )
