"""Families of image classification: tasks are training stages, or single examples."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from gymnasium.spaces import Discrete

from teacherstudent.contract import spaces
from teacherstudent.contract.checks import check_mapping, is_finite
from teacherstudent.contract.facts import takes
from teacherstudent.contract.family import Family, MovesKnobs, Serving
from teacherstudent.contract.knobs import (
    KNOBS,
    SIZES,
    USUAL,
    Setting,
    check_value,
    complete,
    pixels,
    proposal,
    shown,
    words,
)
from teacherstudent.contract.spaces import Parameters
from teacherstudent.contract.teacher import Teacher
from teacherstudent.contract.types import Array, generator
from teacherstudent.envs.datasets.answers import Answers
from teacherstudent.envs.images.data import Images, Splits, add_label_noise, imbalanced, split

if TYPE_CHECKING:
    from teacherstudent.envs.datasets.parts import Parts


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where a family's images come from, and what is done to the training split.

    Attributes:
        name: of the data set, for messages and test sets.
        side: of the square images, in pixels.
        examples: in the training file, the probe and the validation split included.
        probe: examples in the probe split.
        validation: examples in the validation split.
        train: examples that the training split keeps, evenly drawn; None for all that are left.
        label_noise: share of wrong labels in the training split; the other splits stay clean.
        imbalance: the first class's examples for one of the last class; 1 leaves the training split alone.
        stratified: whether probe and validation split hold every class by its share.
        seed: of the draw, noise and imbalance.

    Raises:
        ValueError: if noise or imbalance is out of range, or ``train`` is less than 1 or more than is left.
    """

    name: str
    side: int
    examples: int
    probe: int
    validation: int
    train: int | None = None
    label_noise: float = 0.0
    imbalance: float = 1.0
    stratified: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        if not (is_finite(self.label_noise) and 0 <= self.label_noise < 1):
            raise ValueError(f"label_noise: expected a share in [0, 1), got {self.label_noise!r}")
        if not isinstance(self.stratified, bool):
            raise TypeError(f"stratified: expected True or False, got {self.stratified!r}")
        if not (is_finite(self.imbalance) and self.imbalance >= 1):
            raise ValueError(f"imbalance: expected a ratio of at least 1, got {self.imbalance!r}")
        left = self.examples - self.probe - self.validation
        if self.train is not None and not 1 <= self.train <= left:
            raise ValueError(f"train: expected 1 to {left} examples, got {self.train}")

    @property
    def test_name(self) -> str:
        """Name of the data set and its splits, for test sets."""
        if self.stratified:
            return f"{self.name}-stratified"
        return self.name

    def splits(self, train: Images, test: Images) -> Splits:
        """Return the four splits, with this source's noise and imbalance in the training split.

        Raises:
            ValueError: if there are not as many images as declared, or of another width; as
                `teacherstudent.envs.images.data.split`.
        """
        there = (len(train), train.images.shape[-1])
        if there != (self.examples, self.side):
            raise ValueError(
                f"{self.name}: expected {self.examples} training images of {self.side} pixels a side, got "
                f"{there[0]} of {there[1]}"
            )
        sizes = {"probe": self.probe, "validation": self.validation}
        whole = split(train, test, stratified=self.stratified, **sizes)
        part = whole.train
        # In this order: fewer examples, then the long tail, and noise on what is left.
        if self.train is not None:
            # Sorted, so that examples keep the order of the file.
            part = part.select(np.sort(generator(self.seed).permutation(len(part))[: self.train]))
        if self.imbalance > 1:
            part = imbalanced(part, self.imbalance, whole.classes, self.seed)
        if self.label_noise > 0:
            # A seed of its own, so that noise and imbalance are drawn independently.
            part = add_label_noise(part, self.label_noise, whole.classes, self.seed + 1)
        return Splits(part, whole.probe, whole.validation, whole.test, whole.classes)


class ImageFamily(Family):
    """A family whose tasks say how, or on which examples, a network is trained on labelled data.

    Attributes:
        source: the data set.
        normalise: whether inputs get mean 0 and deviation 1 in the training split, each channel or column.
        transform: what is done to a batch of training inputs in every step, on the device; None for nothing.
        reach: knob -> (lowest, highest) value over all tasks, for knobs that are not neutral everywhere.
        other: the registered family of the same data whose tasks are of the other kind, stages or examples.
    """

    cost_unit = "FLOPs"
    score_name = "accuracy"
    usual_student = "supervised"
    other = ""
    normalise: bool = True
    transform: Any = None
    source: Source
    reach: Mapping[str, tuple[float, float]]

    _splits: Splits | Parts | None = None

    @abstractmethod
    def read(self) -> tuple[Images, Images]:
        """Return training and test images."""

    @property
    def answers(self) -> Answers:
        """What the targets are, and how they are lost and scored: here classes."""
        return Answers(kind="classes", outputs=self.data.classes, loss="cross_entropy", metric="accuracy")

    @property
    def data(self) -> Splits | Parts:
        """The four splits, read when they are first asked for.

        Raises:
            MissingDataError: if the files are not there; the message says where they come from.
            DataFileError: if a file is damaged.
            ValueError: as `Source.splits`.
        """
        # Read as late as this, so that listing families needs no files.
        if self._splits is None:
            self._splits = self.source.splits(*self.read())
        return self._splits

    @abstractmethod
    def setting(self, task: Any) -> Setting:
        """Return the value of every knob for a task."""


class StageFamily(ImageFamily):
    """Tasks are training stages: points in a box of knobs, or the numbers of listed stages.

    Args:
        source: the data set.
        knobs: free knob -> (low, high); the space is a `Parameters` of them, in this order.
        fixed: values of other knobs in all stages; those that are not named are neutral.
        stages: listed stages as knob -> value; the space is then ``Discrete(len(stages))`` and ``knobs`` must
            not be given. The last one is the test task.

    Raises:
        ValueError: if a knob is unknown, out of its bounds, both free and fixed, or both sizes are used; if a
            size's range goes from shares to pixels.
        TypeError: if a value is no number, a range no pair or a stage no mapping.
    """

    def __init__(
        self,
        source: Source,
        *,
        knobs: Mapping[str, Sequence[float]] | None,
        fixed: Mapping[str, float] | None = None,
        stages: Sequence[Mapping[str, float]] | None = None,
    ) -> None:
        self.source = source
        where = f"{source.name} stages"
        given = check_mapping(f"{where}: fixed", fixed)
        if knobs is not None:
            knobs = check_mapping(f"{where}: knobs", knobs)
        self._fixed = {k: check_value(f"{where}: fixed", k, v) for k, v in given.items()}
        self._listed: list[dict[str, float]] | None = None
        if stages is not None:
            if knobs is not None:
                raise ValueError(f"{where}: expected knobs or stages, got both")
            self._listed = _stages(where, stages)
            names = {name for stage in self._listed for name in stage}
            self.space = Discrete(len(stages))
            values: dict[str, list[float]] = {}
            # A stage leaves the knobs that it does not name neutral.
            for name in sorted(names):
                values[name] = [stage.get(name, KNOBS[name].neutral) for stage in self._listed]
        else:
            values = _ranges(where, knobs or {})
            self.space = Parameters(**{name: (low, high) for name, (low, high) in values.items()})
        both = sorted(set(values) & set(self._fixed))
        if both:
            raise ValueError(f"{where}: {both[0]}: expected a knob that is free or fixed, got it as both")
        values |= {name: [value] for name, value in self._fixed.items()}
        self.reach = _reach(where, values, source.side)
        self.test_set = f"{source.test_name}-validation-then-test"

    def setting(self, task: Any) -> Setting:
        """Return the value of every knob for a stage: a point ``(d,)`` or a stage's number."""
        if self._listed is not None:
            return complete({**self._fixed, **self._listed[int(task)]})
        point = np.asarray(task, np.float64)
        names = spaces.dimension_names(self.space)
        return complete({**self._fixed, **dict(zip(names, point.tolist(), strict=True))})

    def advice(self, teacher: Any) -> str:
        """Return which options of this family, or which other family, a teacher of another space needs."""
        if "loss" in teacher.needs:
            return f"a teacher that chooses examples takes --family {self.other}"
        points, lists = (_accepts(teacher, kind) for kind in (Parameters, Discrete))
        ranges = spaces.ranges(self.space)
        if ranges and lists and not points:
            # Propose the two ends of the first knob as stages.
            name, first_and_last = next(iter(ranges.items()))
            stages = words("stages", [{name: shown(value)} for value in first_and_last])
            return (
                f"for listed stages add {stages}; a teacher that chooses examples takes --family {self.other}"
            )
        if spaces.numbers(self.space) is not None and points and not lists:
            return f"instead of stages add {words('knobs', proposal({}, {}, ['bandwidth']))}"
        return ""

    def serving(
        self, teacher: Any, teacher_options: Mapping[str, Any], student_options: Mapping[str, Any]
    ) -> Serving:
        """Return the knobs that a teacher drives, or a list of stages for one that chooses among tasks.

        A bandit is told that scores are gains already, as the usual student's are.
        """
        told: dict[str, Any] = {}
        listed = spaces.numbers(self.space) is not None
        points, lists = (_accepts(teacher, kind) for kind in (Parameters, Discrete))
        # Another score of the student's may be a level, and then the bandit's own default fits.
        unsaid = "reward" not in teacher_options and "score" not in student_options
        if lists and takes(teacher, "reward") and unsaid:
            told["reward"] = "score"
        if isinstance(teacher, MovesKnobs) and (driven := teacher.usual_knobs(teacher_options)):
            there = spaces.ranges(self.space)
            if set(driven) <= set(there):
                return Serving({}, told)
            return Serving({"knobs": {name: USUAL[name] for name in driven}}, told)
        if lists and not points and not listed:
            return Serving({"stages": self.usual_stages()}, told)
        return Serving({}, told)

    def usual_stages(self) -> list[dict[str, float]]:
        """Return three stages along the first knob: its lowest value, the middle, and its highest."""
        name, (low, high) = next(iter(spaces.ranges(self.space).items()))
        return [{name: shown(value)} for value in (low, (low + high) / 2, high)]

    def test_tasks(self) -> Array:
        """Return one task, the last stage: tests are at full size and without augmentation, whatever it is.

        Of a box, the last stage is the point of the largest images and of the other knobs closest to neutral.
        """
        if self._listed is not None:
            return np.array([len(self._listed) - 1], np.int64)
        ranges = spaces.ranges(self.space)
        wanted = [high if name in SIZES else KNOBS[name].neutral for name, (_, high) in ranges.items()]
        low, high = np.array(list(ranges.values())).T
        return np.clip(np.array([wanted], np.float64), low, high)


class ExampleFamily(ImageFamily):
    """Tasks are examples: row i of the training split is task i.

    Test tasks are the numbers 0 to classes - 1, each read as a class: its score is the accuracy on the
    held-out examples of the class, so the mean over the test tasks is the balanced accuracy. Where targets
    are no classes there is one test task, 0, and its score is the metric on all held-out examples.

    Attributes:
        by_class: whether test tasks are classes.

    Args:
        source: the data set.
        n: examples in the training split.
        classes: number of classes; 0 where tests are not by class.
        fixed: knob -> value for the whole training; batches are made of tasks, so ``data_fraction`` and
            ``batch_size`` cannot be among them.

    Raises:
        ValueError: if a knob is unknown, out of its bounds or one of the two.
    """

    score_name = "balanced accuracy"

    def __init__(
        self, source: Source, *, n: int, classes: int, fixed: Mapping[str, float] | None = None
    ) -> None:
        self.source = source
        self.classes = classes
        self.by_class = classes > 0
        where = f"{source.name} examples: fixed"
        given = check_mapping(where, fixed)
        own = {name: check_value(where, name, value) for name, value in given.items()}
        for name in ("data_fraction", "batch_size"):
            if name in own:
                raise ValueError(f"{where}: expected no {name}: tasks are the examples of a batch")
        self._setting = complete(own)
        self.reach = _reach(where, {name: [value] for name, value in own.items()}, source.side)
        self.space = Discrete(n)
        self.test_set = f"{source.test_name}-classes-validation-then-test"

    def setting(self, task: Any) -> Setting:
        """Return the value of every knob; the same for all examples."""
        return self._setting

    def advice(self, teacher: Any) -> str:
        """Return which family a teacher of stages takes."""
        fits = _accepts(teacher, Discrete) and teacher.granularity in ("episode", "step")
        if fits:
            return ""
        return f"a teacher of stages takes --family {self.other}"

    def serving(
        self, teacher: Any, teacher_options: Mapping[str, Any], student_options: Mapping[str, Any]
    ) -> Serving:
        """Return options of a teacher that compares with a reference: without one it takes losses alone."""
        training = student_options.get("training") or {}
        given = {"reference", "score"} & {*teacher_options}
        if takes(teacher, "reference") and not given and "reference" not in training:
            return Serving({}, {"score": "hard"})
        return Serving({}, {})

    def test_tasks(self) -> Array:
        """Return the numbers of the classes; 0 alone where tests are not by class."""
        return np.arange(max(1, self.classes), dtype=np.int64)


def _accepts(teacher: Any, kind: type) -> bool:
    """Return whether a teacher's class takes spaces of a kind; of a factory that is not known."""
    known = isinstance(teacher, Teacher) or (isinstance(teacher, type) and issubclass(teacher, Teacher))
    if not known:
        return False
    return any(issubclass(kind, accepted) for accepted in teacher.accepts)


def _stages(where: str, stages: Sequence[Mapping[str, float]]) -> list[dict[str, float]]:
    if not isinstance(stages, Sequence):
        raise TypeError(f"{where}: stages: expected a list of mappings from knobs to values, got {stages!r}")
    if len(stages) == 0:
        raise ValueError(f"{where}: expected at least one stage, got none")
    for i, stage in enumerate(stages):
        if not isinstance(stage, Mapping):
            raise TypeError(f"{where}: stage {i}: expected a mapping from knobs to values, got {stage!r}")
    checked = []
    for i, stage in enumerate(stages):
        checked.append({k: check_value(f"{where}: stage {i}", k, v) for k, v in stage.items()})
    return checked


def _ranges(where: str, knobs: Mapping[str, Sequence[float]]) -> dict[str, list[float]]:
    values = {}
    for name, pair in knobs.items():
        if not isinstance(pair, Sequence) or len(pair) != 2:
            raise TypeError(f"{where}: {name}: expected a pair [low, high], got {pair!r}")
        values[name] = [check_value(where, name, value) for value in pair]
        # A size of 0 stands for the full side, so it cannot be the smallest.
        if name in SIZES and values[name][0] == 0:
            raise ValueError(f"{where}: {name}: expected a smallest size above 0, got {list(pair)}")
        if name == "batch_size" and values[name][0] < 1:
            raise ValueError(f"{where}: {name}: expected a smallest batch of at least 1, got {list(pair)}")
    return values


def _reach(where: str, values: Mapping[str, Sequence[float]], side: int) -> dict[str, tuple[float, float]]:
    """Return the range of every knob that is not neutral everywhere; check the sizes."""
    # A knob that is neutral in every task touches nothing and is left out.
    found = {name: (min(own), max(own)) for name, own in values.items() if {*own} != {KNOBS[name].neutral}}
    used = [name for name in SIZES if name in found]
    if len(used) > 1:
        raise ValueError(f"{where}: expected bandwidth or resize, got both: an image has one size")
    for name in used:
        # 0 is the full side in either unit, so it says nothing about shares or pixels.
        own = [value for value in values[name] if value != 0]
        low, high = min(own), max(own)
        if low <= 1 < high:
            raise ValueError(f"{where}: {name}: expected shares up to 1 or pixels above, got {low} to {high}")
        if pixels(high, side) > side:
            raise ValueError(f"{where}: {name}: expected at most the image's side {side}, got {high}")
        sizes = [pixels(value, side) for value in values[name]]
        # Pixels from here on, whatever the unit was.
        found[name] = (min(sizes), max(sizes))
    return found


__all__ = ["ExampleFamily", "ImageFamily", "StageFamily"]
