"""The door for own data: `family_from_dataset`, and how each form of data becomes rows and targets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from teacherstudent.contract.checks import check_flag, check_whole, see
from teacherstudent.contract.types import Array
from teacherstudent.envs.datasets.answers import Answers, answers_of, encoded
from teacherstudent.envs.datasets.family import DataExamples, DataStages
from teacherstudent.envs.datasets.folders import ImageFolder
from teacherstudent.envs.datasets.parts import Part, Parts, Whole, drawn, shares
from teacherstudent.envs.datasets.rows import ArrayRows, ItemRows, Items, Rows, item, name_of, part, plain
from teacherstudent.envs.images.data import DataFileError, MissingDataError
from teacherstudent.recording.disk.arrays import read_npz

CACHE = 2**30
"""Bytes up to which images of a folder are kept in memory if nothing is said."""
INPUT_NAMES = ("inputs", "images", "x", "X")
TARGET_NAMES = ("targets", "labels", "y")
"""What arrays in an npz file, and columns of a data set of mappings, are called if nothing is said."""
_MORE_INPUTS = (*INPUT_NAMES, "image", "img")
_MORE_TARGETS = (*TARGET_NAMES, "label", "target")


@runtime_checkable
class HasTargets(Protocol):
    """A data set that knows its targets without reading the inputs, as torchvision's do."""

    targets: Any


@runtime_checkable
class HasClasses(Protocol):
    """A data set that knows what its classes are called, in the order of their numbers."""

    classes: Sequence[str]


@runtime_checkable
class HasTensors(Protocol):
    """torch's TensorDataset: inputs and targets as they are."""

    tensors: Sequence[Any]


@runtime_checkable
class HasColumns(Protocol):
    """Hugging Face's data set: ``data[name]`` is a whole column."""

    column_names: Any

    def __getitem__(self, index: Any) -> Any: ...


def family_from_dataset(
    train: Any,
    *,
    validation: Any = 0.1,
    test: Any = 0.1,
    probe: Any = 0.05,
    columns: tuple[str, str] | None = None,
    loss: str | Callable[..., Any] | None = None,
    metric: str | Callable[..., Any] | None = None,
    knobs: Mapping[str, Sequence[float]] | None = None,
    stages: Sequence[Mapping[str, float]] | None = None,
    examples: bool = False,
    fixed: Mapping[str, float] | None = None,
    transform: Callable[..., Any] | None = None,
    normalise: bool | None = None,
    cache: bool | None = None,
    name: str | None = None,
    seed: int = 0,
) -> DataStages | DataExamples:
    """Return the family of a labelled data set: its tasks are training stages, or with ``examples`` examples.

    Data are given as

    - a pair of inputs ``(n, ...)`` and targets: arrays, tensors, or arrays that lie in a file
      (``np.load(path, mmap_mode="r")``), which may be larger than memory and are read as they are used;
    - a map-style data set: of torch, torchvision, Hugging Face or of one's own, whose items are pairs, or
      mappings with ``columns``;
    - the path of a folder with a subfolder of images for each class
      (`teacherstudent.envs.datasets.folders.ImageFolder`, which takes a size), or with such folders ``train``
      and, where they are there, ``validation`` (or ``val``) and ``test`` in it;
    - the path of an npz file with ``inputs`` (or ``images``, ``x``) and ``targets`` (or ``labels``, ``y``).

    Inputs as bytes are images; all else is handed on as float32. Whole numbers and texts as targets are
    classes, floating-point numbers ``(n,)`` or ``(n, k)`` are regressed on, rows of 0 and 1 are labels of
    which several may hold.

    Args:
        train: what is trained on, and what the splits that are not given are taken from.
        validation: data for tests before the last; or how many examples of ``train``, or which share.
        test: the same for the last test.
        probe: the same for what teachers see losses on.
        columns: where input and target are, in items that are mappings.
        loss: what is lost on an example: ``"cross_entropy"``, ``"binary_cross_entropy"``, ``"mse"``,
            ``"l1"``, ``"huber"``, or a callable from outputs and targets to losses ``(n,)``. None for what
            the targets are.
        metric: the score of tests, higher is better: ``"accuracy"``, ``"label_accuracy"``,
            ``"exact_match"``, ``"r2"``, ``"negative_mae"``, or a callable from outputs and targets to a
            number. None for what the targets are.
        knobs: free knob -> (low, high): tasks are points in their box.
        stages: listed stages as knob -> value: tasks are their numbers.
        examples: whether tasks are the training examples.
        fixed: values of other knobs in all stages, or for all examples.
        transform: from a batch of training inputs, a tensor, to such a batch, in every step: torchvision's v2
            or kornia's, say. Images as bytes come as numbers from 0 to 1. It draws from torch's global
            generators, which are the student's own then.
        normalise: whether inputs get mean 0 and deviation 1 in the training split: each channel of images,
            each column of tables. None: images as bytes, and tables.
        cache: whether all inputs are read once and kept. None: images of a folder, up to a gibibyte.
        name: of the data, for messages and test sets; ``"data"``, or what the path is called.
        seed: of the draw of splits.

    Raises:
        TypeError: if the data are of no such form.
        ValueError: if inputs and targets differ in number, a split lacks what it needs, an option does not
            fit the targets, or a knob would touch nothing.
        DataFileError: if an example or file cannot be read; the message names it.
        MissingDataError: if there is no such file or folder.
    """
    check_whole("seed", seed, 0)
    check_flag("examples", examples)
    if examples and (knobs is not None or stages is not None):
        raise ValueError("family_from_dataset: expected knobs, stages or examples=True, got two of them")
    if name is not None and not isinstance(name, str):
        raise TypeError(f"name: expected a name or None, got {name!r}")
    given = {"probe": probe, "validation": validation, "test": test}
    if isinstance(train, str | Path):
        name = name or Path(train).stem
        train, given = _inside(Path(train), given)
    whole = _whole(train, columns, cache, "train")
    for split, data in given.items():
        _check_alike(train, data, split)
    answers = answers_of(whole.targets, loss, metric)
    parts = _parts(whole, given, answers, columns, cache, seed)
    common: dict[str, Any] = {
        "name": name or "data",
        "fixed": fixed,
        "transform": transform,
        "normalise": _normalised(normalise, parts.train),
        "seed": seed,
    }
    if examples:
        return DataExamples(parts, answers, **common)
    return DataStages(parts, answers, knobs=knobs, stages=stages, **common)


def _normalised(normalise: bool | None, train: Part) -> bool:
    if normalise is None:
        return train.dtype == np.uint8 or len(train.shape) == 1
    return check_flag("normalise", normalise)


def _inside(path: Path, given: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Return the training data of a path, and the splits with those that lie beside it."""
    if path.is_dir() and (path / "train").is_dir():
        for split, folders in {"validation": ("validation", "val"), "test": ("test",)}.items():
            found = [path / folder for folder in folders if (path / folder).is_dir()]
            if found:
                given[split] = ImageFolder(found[0])
        return ImageFolder(path / "train"), given
    return path, given


def _parts(
    whole: Whole, given: dict[str, Any], answers: Answers, columns: Any, cache: Any, seed: int
) -> Parts:
    """Return the four parts: those that are given as data, and those taken from the training data."""
    labels = encoded(whole.targets, answers, "train")
    sizes = {name: size for name, size in given.items() if _is_size(size)}
    least = answers.outputs if answers.kind == "classes" else 1
    rows = drawn(labels, shares(len(labels), sizes, "splits", least), answers, seed)
    found = {name: Part(whole.source, own, labels[own]) for name, own in rows.items()}
    for name, data in given.items():
        if name in found:
            continue
        other = _whole(data, columns, cache, name)
        if other.source.shape != whole.source.shape or other.source.dtype != whole.source.dtype:
            raise ValueError(
                f"{name}: expected inputs as in train, {whole.source.dtype} of shape {whole.source.shape}, "
                f"got {other.source.dtype} of shape {other.source.shape}"
            )
        own = encoded(other.targets, answers, name)
        found[name] = Part(other.source, np.arange(len(own)), own)
    classes = answers.outputs if answers.kind == "classes" else 0
    return Parts(classes=classes, **found)


def _check_alike(train: Any, data: Any, split: str) -> None:
    """Raise ValueError if a split counts its classes otherwise than the training data do.

    Our own folders are known by the names of their classes, so that they may lack some.
    """
    if isinstance(train, ImageFolder) or not (isinstance(train, HasClasses) and isinstance(data, HasClasses)):
        return
    if list(train.classes) != list(data.classes):
        raise ValueError(
            f"{split}: expected the classes of train in the same order, {list(train.classes)}, got "
            f"{list(data.classes)}"
        )


def _is_size(size: Any) -> bool:
    """Return whether a split is given as a number; what is nothing is refused where sizes are."""
    return size is None or isinstance(size, bool | int | float | np.number)


def _whole(data: Any, columns: Any, cache: bool | None, where: str) -> Whole:
    """Return inputs by row and targets of data in any form.

    Raises:
        TypeError: if the form is not known.
        ValueError: if there is no example, or not a target for each.
    """
    if cache is not None:
        check_flag("cache", cache)
    if isinstance(data, str | Path):
        data = _read(Path(data))
    if isinstance(data, HasTensors) and len(data.tensors) == 2:
        data = tuple(data.tensors)
    source: Rows
    if isinstance(data, tuple) and len(data) == 2:
        if columns is not None and where == "train":
            raise TypeError(f"{where}: columns: expected items that are mappings, got arrays")
        source = ArrayRows(data[0], where)
        targets = plain(data[1])
    elif isinstance(data, Items) and not isinstance(data, list | tuple | np.ndarray | Mapping):
        if len(data) == 0:
            raise ValueError(f"{where}: expected at least one example, got none")
        source, targets = _items(data, columns, where)
    else:
        raise TypeError(
            f"{where}: expected a pair (inputs, targets), a map-style data set, a folder or an npz file, got "
            f"{type(data).__name__}{see('how-to/own-data.md')}"
        )
    if len(source) != len(targets) or targets.ndim == 0 or len(source) == 0:
        raise ValueError(
            f"{where}: expected a target for each of at least one input, got {len(source)} inputs and "
            f"targets of shape {targets.shape}"
        )
    return Whole(_kept(source, data, cache, where), targets)


def _kept(source: Rows, data: Any, cache: bool | None, where: str) -> Rows:
    """Return the inputs in memory where they are to be kept there."""
    size = len(source) * int(np.prod(source.shape)) * source.dtype.itemsize
    # A user's data set may draw at random whenever it is read, so only our own folders are kept unasked.
    wanted = isinstance(data, ImageFolder) and size <= CACHE if cache is None else cache
    if wanted and not source.held:
        return ArrayRows(source.read(np.arange(len(source))), where)
    return source


def _read(path: Path) -> Any:
    """Return the data in a folder of images or an npz file."""
    if path.is_dir():
        return ImageFolder(path)
    if path.suffix != ".npz":
        raise MissingDataError(f"{path}: expected a folder of images or an npz file, found neither")
    if not path.is_file():
        raise MissingDataError(f"{path}: expected an npz file, found none")
    try:
        arrays = read_npz(path)
    except (OSError, ValueError, KeyError) as error:
        raise DataFileError(f"{path}: expected an npz file of inputs and targets: {error}") from error
    inputs, targets = _columns(list(arrays), None, str(path), INPUT_NAMES, TARGET_NAMES)
    return arrays[inputs], arrays[targets]


def _items(data: Items, columns: Any, where: str) -> tuple[Rows, Array]:
    """Return inputs and targets of a map-style data set; the inputs are read when they are used."""
    first = item(data, 0, where)
    places: tuple[Any, Any] = (0, 1)
    if isinstance(first, Mapping):
        places = _columns(list(map(str, first)), columns, where, _MORE_INPUTS, _MORE_TARGETS)
    elif columns is not None:
        raise TypeError(f"{where}: columns: expected items that are mappings, got {type(first).__name__}")
    source = ItemRows(data, places[0], where)
    # Reading all items takes long, so targets that are known without are taken as they are.
    if isinstance(data, HasColumns) and isinstance(places[1], str):
        targets = np.asarray(data[places[1]])
    elif isinstance(data, ImageFolder):
        # By name, as two folders may number their classes differently.
        targets = np.array(data.classes)[data.targets]
    elif isinstance(data, HasTargets) and places == (0, 1) and len(data.targets) == len(data):
        targets = plain(data.targets)
    else:
        names = (name_of(data, row, where) for row in range(len(data)))
        found = [plain(part(item(data, row, where), places[1], own)) for row, own in enumerate(names)]
        targets = _stacked(found, where)
    return source, targets


def _stacked(found: list[Array], where: str) -> Array:
    shapes = [one.shape for one in found]
    for row, shape in enumerate(shapes):
        if shape != shapes[0]:
            raise ValueError(
                f"{where}: example {row}: expected a target of shape {shapes[0]} like the first one's, got "
                f"{shape}"
            )
    return np.stack(found)


def _columns(
    there: list[str], columns: Any, where: str, inputs: Sequence[str], targets: Sequence[str]
) -> tuple[str, str]:
    """Return the names of input and target among those that are there.

    Raises:
        TypeError: if ``columns`` are no two names.
        ValueError: if there is none of a name; or, where none are given, not one of the usual ones.
    """
    if columns is not None:
        two = isinstance(columns, list | tuple) and len(columns) == 2
        if not two or not all(isinstance(each, str) for each in columns):
            raise TypeError(f"{where}: columns: expected the names of input and target, got {columns!r}")
        for each in columns:
            if each not in there:
                raise ValueError(f"{where}: columns: expected one of {there}, got {each!r}")
        return columns[0], columns[1]
    found = [[each for each in known if each in there] for known in (inputs, targets)]
    if not all(found):
        raise ValueError(
            f"{where}: expected one of {list(inputs)} and one of {list(targets)}, or "
            f"columns=(input, target); got {there}"
        )
    return found[0][0], found[1][0]
