"""Checkpoints: nested plain data in one npz file, written whole or not at all, read without running code."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from teacherstudent.contract.types import Array, State
from teacherstudent.recording.disk import plain
from teacherstudent.recording.disk.arrays import read_npz
from teacherstudent.recording.disk.files import atomic_write, check_file, refuse_links

FORMAT = 1
_TREE = "__tree__"
_NAME = re.compile(r"checkpoint-(\d{8})\.npz")
_TREE_BYTES = 2**28
"""Largest JSON part of a checkpoint that is written or read."""


class CheckpointError(ValueError):
    """A checkpoint that cannot be read."""


def save(path: Path, state: State) -> None:
    """Write ``state`` to ``path``: arrays as npz members, everything else as JSON beside them.

    Raises:
        TypeError: if the state holds anything but plain data; the message names where.
        ValueError: if what is no array in it is larger, or nested deeper, than what is read.
        WriteError: if the file cannot be written; an older file of that name is untouched.
    """
    path = check_file("checkpoint", path)
    arrays: dict[str, Array] = {}
    tree = json.dumps({"format": FORMAT, "state": _flatten(state, "state", arrays)}).encode()
    if len(tree) > _TREE_BYTES:
        raise ValueError(
            f"checkpoint {path}: expected at most {_TREE_BYTES} bytes beside the arrays, got {len(tree)}: "
            "long lists are to be arrays"
        )
    # Counting brackets is cheap, and overestimates (those in texts count): only a suspicious tree is parsed,
    # so that nothing is written that `load` would refuse.
    if plain.brackets(tree) > plain.DEPTH:
        plain.parse(tree, f"checkpoint {path}", strict=False)
    arrays[_TREE] = np.frombuffer(tree, np.uint8)
    with atomic_write(path) as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]  # numpy's stub lets keywords be allow_pickle only


def load(path: Path) -> State:
    """Read what `save` wrote.

    Raises:
        FileNotFoundError: if there is no such file.
        CheckpointError: if it is damaged or of a newer format.
    """
    path = check_file("checkpoint", path)
    # A pipe would block the reader, so the kind is looked at before the file is opened.
    if path.exists() and not path.is_file():
        raise CheckpointError(f"checkpoint {path}: expected a file, got a folder, pipe or device")
    if not path.is_file():
        raise FileNotFoundError(f"no checkpoint at {path}")
    try:
        # Checkpoints are written unpacked: a packed one is not ours, and could unpack to more than memory.
        arrays = read_npz(path, packed=False)
        text = arrays.pop(_TREE)
        if text.nbytes > _TREE_BYTES:
            raise ValueError(f"expected at most {_TREE_BYTES} bytes of JSON, got {text.nbytes}")
        tree = plain.parse(text.tobytes(), _TREE, strict=False)
        version = tree["format"]
        # The layout of another format is unknown, so its tree
        # is left alone; the message below names the format.
        state: State = {}
        if version == FORMAT:
            state = _unflatten(tree["state"], arrays)
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise CheckpointError(
            f"checkpoint {path} is damaged ({type(error).__name__}: {error}). "
            "Delete it to resume from the one before"
        ) from error
    if version != FORMAT:
        raise CheckpointError(
            f"checkpoint {path}: expected format {FORMAT}, got {version}: written by a newer version?"
        )
    if not isinstance(state, dict):
        raise CheckpointError(f"checkpoint {path}: expected names and values, got {type(state).__name__}")
    return state


class Checkpoints:
    """The checkpoints of one run: numbered files in a folder, of which the newest few are kept.

    Args:
        folder: made if it is missing.
        keep: how many to keep, at least 1.

    Raises:
        ValueError: if ``keep`` is less than 1.
    """

    def __init__(self, folder: Path, *, keep: int = 2) -> None:
        if keep < 1:
            raise ValueError(f"checkpoints: expected to keep at least 1, got {keep}")
        self._folder = folder
        self._keep = keep

    def paths(self) -> list[Path]:
        """Return the whole checkpoints, oldest first; temporary files of a killed run don't count."""
        if not self._folder.is_dir():
            return []
        return sorted(p for p in self._folder.iterdir() if _NAME.fullmatch(p.name))

    def save(self, state: State) -> Path:
        """Write the next checkpoint, then delete those beyond ``keep``.

        Raises:
            ValueError: if the folder is a link; otherwise as `save`.
        """
        # The old checkpoints are deleted below: behind a link, those of another run could be.
        refuse_links([self._folder])
        self._folder.mkdir(parents=True, exist_ok=True)
        paths = self.paths()
        number = 0
        if paths:
            number = int(_NAME.fullmatch(paths[-1].name)[1]) + 1  # type: ignore[index]
        path = self._folder / f"checkpoint-{number:08d}.npz"
        # The new file is whole before an old one goes, so a
        # kill at any moment leaves a checkpoint to resume from.
        save(path, state)
        for old in [*paths, path][: -self._keep]:
            old.unlink()
        return path

    def latest(self) -> State | None:
        """Return the newest checkpoint's state, or None if there is none (raises as `load`)."""
        while paths := self.paths():
            try:
                return load(paths[-1])
            # A run that goes on has replaced it by newer ones: look again.
            except FileNotFoundError:
                # A dangling link will not be replaced by anything: looking again would never end.
                if paths[-1].is_symlink():
                    raise
        return None


def _flatten(value: Any, where: str, arrays: dict[str, Array]) -> Any:
    """Return ``value`` as JSON data in which arrays are replaced by references into ``arrays``."""
    if isinstance(value, np.ndarray):
        if value.dtype.hasobject:
            raise TypeError(f"{where}: expected an array of numbers, got dtype {value.dtype}")
        # Names in the archive are numbers: keys of states may hold any characters, which file names may not.
        arrays[f"a{len(arrays)}"] = value
        return {"$array": f"a{len(arrays) - 1}"}
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list):
        return [_flatten(item, f"{where}[{i}]", arrays) for i, item in enumerate(value)]
    if isinstance(value, dict):
        for key in value:
            # Keys with a $ are kept for references to arrays: a state's own one would be read back as such.
            if not isinstance(key, str) or key.startswith("$"):
                raise TypeError(f"{where}: expected string keys that do not start with $, got {key!r}")
        return {key: _flatten(item, f"{where}.{key}", arrays) for key, item in value.items()}
    raise TypeError(f"{where}: expected arrays, numbers, strings, lists or dicts, got {type(value).__name__}")


def _unflatten(value: Any, arrays: dict[str, Array]) -> Any:
    if isinstance(value, dict):
        # A mapping of exactly this one key is what `_flatten` leaves in the place of an array.
        if value.keys() == {"$array"}:
            return arrays[value["$array"]]
        return {key: _unflatten(item, arrays) for key, item in value.items()}
    if isinstance(value, list):
        return [_unflatten(item, arrays) for item in value]
    return value


def is_plain(value: Any) -> bool:
    """Return whether ``value`` could be written to a checkpoint."""
    try:
        _flatten(value, "", {})
    except TypeError:
        return False
    return True


__all__ = ["CheckpointError", "Checkpoints", "is_plain", "load", "save"]
