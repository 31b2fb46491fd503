"""Training stages of image classifiers: Fashion-MNIST or a folder of files, and scikit-learn's digits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from teacherstudent.contract.registry import FAMILIES
from teacherstudent.envs.images.data import Images, fashion_folder, read_digits, read_folder
from teacherstudent.envs.images.family import Source, StageFamily


@FAMILIES.register("fashion-stages")
class FashionStages(StageFamily):
    """Training stages on Fashion-MNIST, or on any folder of IDX or npz files.

    Xiao et al. 2017, "Fashion-MNIST", https://arxiv.org/abs/1708.07747: 60 000 and 10 000 grey images of
    28 x 28 pixels, 10 classes. From the 60 000, a probe of 2 000 and a validation split of 5 000 are taken.

    Args:
        knobs: free knob -> [low, high] (see `teacherstudent.contract.knobs.KNOBS`); ``bandwidth`` from half
            to all of the image's side if neither this nor ``stages`` is given.
        fixed: values of other knobs in all stages.
        stages: listed stages as knob -> value, instead of ``knobs``; tasks are then their numbers.
        path: the folder; None is ``fashion-mnist`` in the folder that the environment variable
            ``TEACHERSTUDENT_DATA`` names, or where Debian's package dataset-fashion-mnist puts it.
        probe: examples in the probe split, which teachers see losses of.
        validation: examples in the validation split, for tests before the last.
        label_noise: share of wrong labels in the training split.
        imbalance: the first class's examples for one of the last class; 1 leaves the training split alone.
        stratified: whether probe and validation split hold every class by its share, one image at the least.

    Raises:
        ValueError, TypeError: as `StageFamily`; of a given folder, as its files.
        MissingDataError: if a folder is given that lacks the files. Without one, they are looked for when
            a student is made.
    """

    other = "fashion-examples"

    def __init__(
        self,
        *,
        knobs: Mapping[str, Sequence[float]] | None = None,
        fixed: Mapping[str, float] | None = None,
        stages: Sequence[Mapping[str, float]] | None = None,
        path: str | Path | None = None,
        probe: int = 2000,
        validation: int = 5000,
        label_noise: float = 0.0,
        imbalance: float = 1.0,
        stratified: bool = False,
    ) -> None:
        self._folder = fashion_folder() if path is None else Path(path)
        # Fashion-MNIST's measures are known: its files are not read before a student is made.
        name = "fashion"
        side = 28
        examples = 60_000
        if path is not None:
            self._files = read_folder(self._folder)
            name = self._folder.name
            examples = len(self._files[0])
            side = int(self._files[0].images.shape[-1])
        source = Source(
            name=name,
            side=side,
            examples=examples,
            probe=probe,
            validation=validation,
            label_noise=label_noise,
            imbalance=imbalance,
            stratified=stratified,
        )
        # Nothing was chosen, so there is one knob: from half of the resolution to all of it.
        if knobs is None and stages is None:
            knobs = {"bandwidth": (side // 2, side)}
        super().__init__(source, knobs=knobs, fixed=fixed, stages=stages)

    # Only a family with a path sets it; all others read their files when they are needed.
    _files: tuple[Images, Images] | None = None

    def read(self) -> tuple[Images, Images]:
        """Return the files' training and test images (raises as `read_folder`)."""
        return self._files or read_folder(self._folder)


@FAMILIES.register("digits-stages")
class DigitsStages(StageFamily):
    """Training stages on scikit-learn's 1 797 digits of 8 x 8 pixels: always there, done in seconds.

    Splits: 997 for training, 200 probe, 300 validation, 300 test.

    Args:
        knobs: free knob -> [low, high]; ``bandwidth`` from 4 to 8 if neither this nor ``stages`` is given.
        fixed: values of other knobs in all stages.
        stages: listed stages as knob -> value, instead of ``knobs``; tasks are then their numbers.
        label_noise: share of wrong labels in the training split.
        imbalance: the first class's examples for one of the last class; 1 leaves the training split alone.
        stratified: whether probe and validation split hold every class by its share, one image at the least.

    Raises:
        ValueError, TypeError: as `StageFamily`.
    """

    other = "digits-examples"

    def __init__(
        self,
        *,
        knobs: Mapping[str, Sequence[float]] | None = None,
        fixed: Mapping[str, float] | None = None,
        stages: Sequence[Mapping[str, float]] | None = None,
        label_noise: float = 0.0,
        imbalance: float = 1.0,
        stratified: bool = False,
    ) -> None:
        source = Source(
            name="digits",
            side=8,
            examples=1497,
            probe=200,
            validation=300,
            label_noise=label_noise,
            imbalance=imbalance,
            stratified=stratified,
        )
        if knobs is None and stages is None:
            knobs = {"bandwidth": (4, 8)}
        super().__init__(source, knobs=knobs, fixed=fixed, stages=stages)

    def read(self) -> tuple[Images, Images]:
        """Return 1 497 training and 300 test images."""
        return read_digits()
