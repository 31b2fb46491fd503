"""Labelled images: readers of IDX and npz files, checks, and the four splits of a data set."""

from __future__ import annotations

import gzip
import math
import os
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from teacherstudent.contract.checks import is_finite, see
from teacherstudent.contract.types import Array, IntArray, generator
from teacherstudent.recording.disk.arrays import places, read_npz
from teacherstudent.recording.disk.files import memory_limit

DATA = "TEACHERSTUDENT_DATA"
"""The environment variable that names the folder of data sets; Fashion-MNIST is ``fashion-mnist`` in it."""
_SYSTEM = "/usr/share/datasets"
"""Where Debian's and Ubuntu's packages of data sets put them."""
_FASHION = "fashion-mnist"
_IDX: dict[int, np.dtype[Any]] = {
    0x08: np.dtype(np.uint8),
    0x09: np.dtype(np.int8),
    0x0B: np.dtype(">i2"),
    0x0C: np.dtype(">i4"),
    0x0D: np.dtype(">f4"),
    0x0E: np.dtype(">f8"),
}
_SHOWN = 5
"""Missing classes that a message names."""
_PARTS = {"train": "train", "test": "t10k"}


class DataFileError(ValueError):
    """A data file that is damaged or not of the expected kind."""


class MissingDataError(FileNotFoundError):
    """A data set is not there; the message says how to get it."""


@dataclass(frozen=True)
class Images:
    """Images with labels.

    Attributes:
        images: ``(n, channels, height, width)`` uint8, 0 to 255.
        labels: ``(n,)`` int64 from 0.

    Raises:
        TypeError: if the images are not uint8 or the labels not whole numbers.
        ValueError: if shapes do not fit or a label is negative.
    """

    images: Array
    labels: IntArray

    def __post_init__(self) -> None:
        images = np.asarray(self.images)
        labels = np.asarray(self.labels)
        if images.dtype != np.uint8:
            raise TypeError(f"images: expected uint8 pixels from 0 to 255, got {images.dtype}")
        # Grey images may come without an axis of channels.
        if images.ndim == 3:
            images = images[:, None]
        if images.ndim != 4:
            raise ValueError(f"images: expected shape (n, channels, height, width), got {images.shape}")
        if labels.dtype.kind not in "iu":
            raise TypeError(f"labels: expected whole numbers, got {labels.dtype}")
        if labels.shape != (len(images),):
            raise ValueError(f"labels: expected shape ({len(images)},), one an image, got {labels.shape}")
        if labels.size and labels.min() < 0:
            raise ValueError(f"labels: expected numbers from 0, got {labels.min()}")
        # The dataclass is frozen, so its arrays can only be replaced like this.
        object.__setattr__(self, "images", images)
        object.__setattr__(self, "labels", labels.astype(np.int64))

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one image, ``(channels, height, width)``."""
        return tuple(self.images.shape[1:])

    def select(self, rows: Array) -> Images:
        """Return the given rows."""
        return Images(self.images[rows], self.labels[rows])


@dataclass(frozen=True)
class Splits:
    """The four parts of a data set; no example is in two of them.

    Attributes:
        train: what students train on; example i of a family is its row i.
        probe: teachers see losses on it.
        validation: looked at by every test before the last.
        test: looked at once, at the end of a run.
        classes: number of classes.

    Raises:
        ValueError: if a part is empty, images differ in shape, or a label is not below ``classes``.
    """

    train: Images
    probe: Images
    validation: Images
    test: Images
    classes: int

    def __post_init__(self) -> None:
        for name in ("train", "probe", "validation", "test"):
            part: Images = getattr(self, name)
            if len(part) == 0:
                raise ValueError(f"{name}: expected at least one image, got none")
            if part.images.shape[1:] != self.train.images.shape[1:]:
                shapes = (self.train.images.shape[1:], part.images.shape[1:])
                raise ValueError(f"{name}: expected images of shape {shapes[0]} as in train, got {shapes[1]}")
            if part.labels.max() >= self.classes:
                raise ValueError(
                    f"{name}: labels: expected numbers below the {self.classes} classes, got "
                    f"{part.labels.max()}"
                )


def read_idx(path: Path) -> Array:
    """Return the array in an IDX file, gzipped if its name ends in ``.gz``.

    Raises:
        FileNotFoundError: if there is no such file.
        DataFileError: if it is no IDX file, is truncated, or goes on after its end.
    """
    packed = path.suffix == ".gz"
    try:
        with gzip.open(path) if packed else open(path, "rb") as file:
            return _read_idx(file, path)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataFileError(f"{path}: expected a whole gzip file: {error}") from error


def _read_idx(file: Any, path: Path) -> Array:
    """Read no more than the header states, and one byte to see that there is no more."""
    start = file.read(4)
    if len(start) < 4 or start[:2] != b"\0\0" or start[2] not in _IDX:
        raise DataFileError(f"{path}: expected an IDX file, got the bytes {start!r}")
    dtype = _IDX[start[2]]
    axes = start[3]
    sides = file.read(4 * axes)
    # A header that is cut short gives no shape, and is refused below.
    shape: tuple[int, ...] = ()
    if len(sides) == 4 * axes:
        shape = tuple(np.frombuffer(sides, ">u4").tolist())
    expected = math.prod(shape) * dtype.itemsize
    # The header may lie, so never allocate more than there is.
    if len(shape) != axes or expected > memory_limit():
        raise DataFileError(
            f"{path}: expected {axes} axes that fit into memory, got {shape}: is it truncated?"
        )
    raw = file.read(expected)
    more = bool(file.read(1))
    if len(raw) != expected or more:
        # Count the header in, so that the message can be compared with the file's size.
        before = len(start) + len(sides)
        there = "more" if more else before + len(raw)
        raise DataFileError(
            f"{path}: expected {before + expected} bytes for shape {shape}, got {there}: is it truncated?"
        )
    # Files are big-endian; torch takes only the machine's own order.
    return np.frombuffer(raw, dtype).reshape(shape).astype(dtype.newbyteorder("="))


def fashion_folder() -> Path:
    """Return where Fashion-MNIST is looked for: in ``$TEACHERSTUDENT_DATA``, or where Debian puts it."""
    return Path(os.environ.get(DATA) or _SYSTEM) / _FASHION


def read_folder(folder: Path) -> tuple[Images, Images]:
    """Return the training and the test images of a folder.

    It holds either MNIST's four IDX files (``train-images-idx3-ubyte`` and so on, gzipped or not), or
    ``train.npz`` and ``test.npz`` with the arrays ``images`` ``(n, h, w[, channels])`` and ``labels``.

    Raises:
        MissingDataError: if a file is missing; the message names those that are looked for.
        DataFileError: if a file is damaged.
        TypeError, ValueError: as `Images`.
    """
    parts = []
    for name, prefix in _PARTS.items():
        packed = folder / f"{name}.npz"
        if packed.is_file():
            images, labels = _read_npz(packed)
        else:
            images = read_idx(_find(folder, f"{prefix}-images-idx3-ubyte", packed))
            labels = read_idx(_find(folder, f"{prefix}-labels-idx1-ubyte", packed))
        parts.append(Images(images, labels))
    return parts[0], parts[1]


def _find(folder: Path, name: str, packed: Path) -> Path:
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            return path
    hint = ""
    # The hint helps only where a package could put the files.
    if folder == fashion_folder():
        hint = (
            f" Debian and Ubuntu have it: apt-get install dataset-fashion-mnist. Files that lie elsewhere: "
            f"{DATA}=FOLDER, which holds {_FASHION}/, or the family's option path=FOLDER. "
            "The families digits-stages and digits-examples need no file."
        )
    raise MissingDataError(
        f"{folder}: expected {name}[.gz] or {packed.name}, found neither.{hint}"
        f"{see('how-to/set-up.md#data-sets')}"
    )


def _read_npz(path: Path) -> tuple[Array, Array]:
    try:
        found = read_npz(path, ("images", "labels"))
        images = found["images"]
        labels = found["labels"]
    except (OSError, ValueError, KeyError) as error:
        raise DataFileError(f"{path}: expected an npz file with images and labels: {error}") from error
    if images.ndim == 4:
        # Files hold the channels last, networks want them first.
        images = images.transpose(0, 3, 1, 2)
    return images, labels


def read_digits() -> tuple[Images, Images]:
    """Return scikit-learn's 8 x 8 digits: 1 497 for training, 300 for the test, shuffled by a fixed seed."""
    from sklearn.datasets import load_digits

    found: Any = load_digits()
    # Pixels go from 0 to 16: spread them over a byte.
    whole = Images(np.rint(found.images * (255 / 16)).astype(np.uint8), found.target.astype(np.int64))
    # A fixed seed, so that every run is tested on the same images.
    order = generator(1797).permutation(len(whole))
    return whole.select(order[300:]), whole.select(order[:300])


def split(train: Images, test: Images, *, probe: int, validation: int, stratified: bool = False) -> Splits:
    """Take a probe and a validation split out of the training images, by a fixed seed.

    The classes are the numbers from 0 to the training images' highest label.

    Args:
        train: images to be split.
        test: images of the test split.
        probe: size of the probe split.
        validation: size of the validation split.
        stratified: whether both have as many images of each class as its share asks for, one at the least.

    Raises:
        ValueError: if nothing is left to train on, a class occurs nowhere in the training images, a split is
            smaller than the number of classes or a class has fewer than three images where they are
            stratified, or as `Splits`.
    """
    rest = len(train) - probe - validation
    if probe < 1 or validation < 1 or rest < 1:
        raise ValueError(
            f"splits: expected probe and validation of at least 1 and fewer than {len(train)} together, got "
            f"{probe} and {validation}"
        )
    classes = _count_classes(train.labels)
    # A fixed seed, so that every run has the same splits.
    order = generator(len(train)).permutation(len(train))
    if stratified:
        _check_stratified(train.labels, (probe, validation), classes)
        order = stratify(order, train.labels, (probe, validation), classes)
    parts = np.split(order, [probe, probe + validation])
    # Sorted, so that training examples keep the order of the file.
    return Splits(
        train=train.select(np.sort(parts[2])),
        probe=train.select(parts[0]),
        validation=train.select(parts[1]),
        test=test,
        classes=classes,
    )


def _check_stratified(labels: IntArray, sizes: tuple[int, int], classes: int) -> None:
    """Raise ValueError unless each part can hold every class."""
    counts = np.bincount(labels, minlength=classes)
    if min(sizes) < classes or counts.min() < len(sizes) + 1:
        raise ValueError(
            f"stratified: expected probe and validation of at least {classes}, one image a class, and three "
            f"images of every class in all, got {sizes} and {counts.min()} of class {counts.argmin()}"
        )


def stratify(order: IntArray, labels: IntArray, sizes: tuple[int, ...], classes: int) -> IntArray:
    """Return the rows so that the first parts, of these sizes, hold every class by its share.

    Args:
        order: ``(n,)`` the rows in a random order.
        labels: ``(n,)`` the class of each row.
        sizes: of the parts, each at least ``classes``; every class must have more rows than there are parts.
        classes: number of classes.
    """
    rest = order
    parts = []
    for k, size in enumerate(sizes):
        own = labels[rest]
        # Leave one image of every class for each part that is still to come.
        left = np.bincount(own, minlength=classes)
        taken = _quotas(left, size, left - (len(sizes) - k))
        # `places` numbers the images of a class, so this takes the first of each.
        chosen = places(own) < taken[own]
        parts.append(rest[chosen])
        rest = rest[~chosen]
    return np.concatenate([*parts, rest])


def _quotas(counts: IntArray, size: int, most: IntArray) -> IntArray:
    """Return numbers from 1 to ``most`` that add up to ``size``, as near to the counts' shares as can be."""
    # Begin with shares rounded down, then move single images until the sum is right.
    exact = size * counts / counts.sum()
    found: IntArray = np.clip(np.floor(exact).astype(np.int64), 1, most)
    while (missing := size - int(found.sum())) != 0:
        # Correct where the number is furthest from its exact share.
        short = exact - found
        if missing > 0:
            found[np.where(found < most, short, -np.inf).argmax()] += 1
        else:
            found[np.where(found > 1, short, np.inf).argmin()] -= 1
    return found


def _count_classes(labels: IntArray) -> int:
    """Return the number of classes; raise ValueError unless every one of them occurs."""
    count, missing, absent = classes_of(labels)
    if missing:
        raise ValueError(
            f"train: labels: expected every class from 0 to the highest label {count - 1}, got none of "
            f"{missing} of these {count} classes: {absent}"
        )
    return count


def classes_of(labels: IntArray) -> tuple[int, int, str]:
    """Return the classes up to the highest label, how many of them never occur, and the first of these."""
    there = np.unique(labels)
    count = int(there[-1]) + 1
    missing = count - len(there)
    # Name a few only: one wrong label of a million would list them all.
    shown = np.setdiff1d(np.arange(min(count, len(there) + _SHOWN)), there)[:_SHOWN].tolist()
    return count, missing, ", ".join(map(str, shown)) + ", ..." * (missing > len(shown))


def add_label_noise(images: Images, share: float, classes: int, seed: int) -> Images:
    """Return the images with a share of the labels replaced by another class, uniformly drawn.

    The number of wrong labels is ``round(share * n)`` exactly.

    Raises:
        ValueError: if the share is not in [0, 1) or there are fewer than two classes.
    """
    if not (is_finite(share) and 0 <= share < 1):
        raise ValueError(f"label_noise: expected a share in [0, 1), got {share}")
    if classes < 2:
        raise ValueError(f"label_noise: expected at least 2 classes, got {classes}")
    rng = generator(seed)
    labels = images.labels.copy()
    # Rows that differ, so that the number of wrong labels is exact.
    rows = rng.choice(len(labels), round(share * len(labels)), replace=False)
    # A shift by 1 to ``classes - 1`` never gives the old label back.
    labels[rows] = (labels[rows] + rng.integers(1, classes, len(rows))) % classes
    return Images(images.images, labels)


def imbalanced(images: Images, ratio: float, classes: int, seed: int) -> Images:
    """Return a long-tailed part of the images: class c keeps ``ratio ** (-c / (classes - 1))`` of its own.

    So the first class keeps all and the last one ``1 / ratio`` of its examples, at least one.

    Raises:
        ValueError: if the ratio is below 1.
    """
    if not (is_finite(ratio) and ratio >= 1):
        raise ValueError(f"imbalance: expected a ratio of at least 1, got {ratio}")
    rng = generator(seed)
    kept = []
    for c in range(classes):
        own = np.flatnonzero(images.labels == c)
        count = max(1, round(len(own) * ratio ** (-c / max(1, classes - 1))))
        kept.append(rng.choice(own, min(count, len(own)), replace=False))
    # Sorted, so that examples keep the order of the file.
    return images.select(np.sort(np.concatenate(kept)))
