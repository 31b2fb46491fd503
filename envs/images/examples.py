"""Examples as tasks, for teachers that choose what an image classifier is shown."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from teacherstudent.contract.registry import FAMILIES
from teacherstudent.envs.images.data import Images, fashion_folder, read_digits, read_folder
from teacherstudent.envs.images.family import ExampleFamily, Source


@FAMILIES.register("fashion-examples")
class FashionExamples(ExampleFamily):
    """Examples of Fashion-MNIST, or of any folder of IDX or npz files: tasks are their indices.

    Data and splits as in the family fashion-stages.

    Args:
        path: the folder; None is ``fashion-mnist`` in the folder that the environment variable
            ``TEACHERSTUDENT_DATA`` names, or where Debian's package dataset-fashion-mnist puts it.
        probe: examples in the probe split.
        validation: examples in the validation split, for tests before the last.
        train: examples that the training split keeps, evenly drawn; None for all 53 000.
        label_noise: share of wrong labels in the training split; the other splits stay clean.
        imbalance: the first class's examples for one of the last class; 1 leaves the training split alone.
        stratified: whether probe and validation split hold every class by its share, one image at the least.
        fixed: knob -> value for the whole training (see `teacherstudent.contract.knobs.KNOBS`).

    Raises:
        ValueError, TypeError: as `ExampleFamily`; of a given folder, as its files.
        MissingDataError: if the files are not there and the number of examples depends on them: a folder is
            given, or an imbalance. Else they are looked for when a student is made.
    """

    other = "fashion-stages"

    def __init__(
        self,
        *,
        path: str | Path | None = None,
        probe: int = 2000,
        validation: int = 5000,
        train: int | None = None,
        label_noise: float = 0.0,
        imbalance: float = 1.0,
        stratified: bool = False,
        fixed: Mapping[str, float] | None = None,
    ) -> None:
        self._folder = fashion_folder() if path is None else Path(path)
        self._files: tuple[Images, Images] | None = None
        # Fashion-MNIST's measures are known, so that the family can be made before its files are there.
        name = "fashion"
        side = 28
        n = 60_000
        classes = 10
        # Other files have other measures, and an imbalance drops examples by their labels: both must be read.
        if path is not None or imbalance != 1:
            self._files = read_folder(self._folder)
            if path is not None:
                name = self._folder.name
            n = len(self._files[0])
            side = int(self._files[0].images.shape[-1])
        self.source = Source(
            name=name,
            side=side,
            examples=n,
            probe=probe,
            validation=validation,
            train=train,
            label_noise=label_noise,
            imbalance=imbalance,
            stratified=stratified,
        )
        # Without files the number follows from the splits; with files the data says what is left.
        n -= probe + validation
        if train is not None:
            n = train
        if self._files is not None:
            n = len(self.data.train)
            classes = self.data.classes
        super().__init__(self.source, n=n, classes=classes, fixed=fixed)

    def read(self) -> tuple[Images, Images]:
        """Return the files' training and test images (raises as `read_folder`)."""
        return self._files or read_folder(self._folder)


@FAMILIES.register("digits-examples")
class DigitsExamples(ExampleFamily):
    """Examples of scikit-learn's 1 797 digits of 8 x 8 pixels: tasks are their indices.

    Args:
        label_noise: share of wrong labels in the training split; the other splits stay clean.
        imbalance: the first class's examples for one of the last class; 1 leaves the training split alone.
        stratified: whether probe and validation split hold every class by its share, one image at the least.
        fixed: knob -> value for the whole training (see `teacherstudent.contract.knobs.KNOBS`).

    Raises:
        ValueError, TypeError: as `ExampleFamily`.
    """

    other = "digits-stages"

    def __init__(
        self,
        *,
        label_noise: float = 0.0,
        imbalance: float = 1.0,
        stratified: bool = False,
        fixed: Mapping[str, float] | None = None,
    ) -> None:
        self.source = Source(
            name="digits",
            side=8,
            examples=1497,
            probe=200,
            validation=300,
            label_noise=label_noise,
            imbalance=imbalance,
            stratified=stratified,
        )
        super().__init__(self.source, n=len(self.data.train), classes=10, fixed=fixed)

    def read(self) -> tuple[Images, Images]:
        """Return 1 497 training and 300 test images."""
        return read_digits()
