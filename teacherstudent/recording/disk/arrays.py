"""Arrays: reading NumPy's files, and counting rows within their groups.

Sizes that a file states are compared with what it holds before memory is taken.
"""

from __future__ import annotations

import math
import os
import stat
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

from teacherstudent.contract.types import Array, IntArray
from teacherstudent.recording.disk.files import memory_limit

_ERRORS = (
    OSError,
    ValueError,
    KeyError,
    TypeError,
    EOFError,
    # RuntimeError: encrypted or unknown members, and headers that nest without end.
    RuntimeError,
    OverflowError,
    MemoryError,
    struct.error,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)
# Version 3 only adds names of columns in UTF-8, which our arrays do not have.
_HEADERS: Mapping[tuple[int, int], Any] = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def places(group: IntArray) -> IntArray:
    """Return for each row how many rows of its own group stand before it.

    Args:
        group: ``(n,)`` which group each row is in, whole numbers from 0 on.
    """
    sizes = np.bincount(group)
    starts = np.cumsum(sizes) - sizes
    by_group = np.argsort(group, kind="stable")
    found = np.empty(len(group), np.int64)
    # Sorted by groups, a row's place is its distance from the first row of its group.

    found[by_group] = np.arange(len(group)) - np.repeat(starts, sizes)
    return found


def read_npy(path: str | Path) -> Array:
    """Return the array in an npy file.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it holds anything else, or is larger than memory; the message names it.
    """
    path = Path(path)
    try:
        with _open(path) as file:
            return _array(file, os.fstat(file.fileno()).st_size, path.name)
    # A missing file is an OSError too, and must not be called an unreadable one.
    except FileNotFoundError:
        raise
    except _ERRORS as error:
        raise ValueError(f"{path}: expected an npy file, got an unreadable one: {error}") from error


def read_npz(
    path: str | Path, names: Collection[str] | None = None, *, packed: bool = True
) -> dict[str, Array]:
    """Return the arrays in an npz file, by name.

    Args:
        path: the file.
        names: which arrays, if not all; those that are not there are left out.
        packed: whether compressed arrays are read too. Where they are not, no array is larger than the file.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it holds anything else, or more than memory; the message names it.
    """
    path = Path(path)
    try:
        # The archive and its size come from one open file: a
        # file that is replaced meanwhile cannot mix the two.
        with _open(path) as file, zipfile.ZipFile(_archive(file)) as archive:
            size = os.fstat(file.fileno()).st_size
            members = _members(archive.infolist(), size, packed=packed)
            wanted = [name for name in members if names is None or name in names]
            found = {}
            for name in wanted:
                with archive.open(members[name]) as member:
                    found[name] = _array(member, members[name].file_size, name)
            return found
    except FileNotFoundError:
        raise
    except _ERRORS as error:
        raise ValueError(f"{path}: expected an npz file, got an unreadable one: {error}") from error


def _open(path: Path) -> IO[bytes]:
    # A pipe or a device would block the reader for ever, or never end.
    if not stat.S_ISREG(path.stat().st_mode):
        raise ValueError("it is a folder, pipe or device")
    return open(path, "rb")


def _archive(file: IO[bytes]) -> IO[bytes]:
    """Return a file; raise ValueError if it is an npy file."""
    single = file.read(len(np.lib.format.MAGIC_PREFIX)) == np.lib.format.MAGIC_PREFIX
    if single:
        raise ValueError("it holds a single array")
    return file


def _members(infos: list[zipfile.ZipInfo], size: int, *, packed: bool) -> dict[str, zipfile.ZipInfo]:
    """Return the members of an archive by name; raise ValueError if there is no room for all."""
    methods = [zipfile.ZIP_STORED]
    if packed:
        methods.append(zipfile.ZIP_DEFLATED)
    # Repeated names, where the last would win, are a trick of made-up archives, never of ours.
    found: dict[str, zipfile.ZipInfo] = {}
    for info in infos:
        name = info.filename.removesuffix(".npy")
        if name in found:
            raise ValueError(f"{name}: expected one array of this name, got two")
        if info.compress_type not in methods:
            raise ValueError(f"{name}: expected an array that is not compressed so")
        found[name] = info
    if sum(info.compress_size for info in infos) > size:
        raise ValueError(f"expected arrays within the file's {size} bytes, got more")
    # Sizes are checked before anything is unpacked: a small file may state petabytes.
    stated = sum(info.file_size for info in infos)
    if stated > memory_limit():
        raise ValueError(f"expected at most the {memory_limit()} bytes of memory, got arrays of {stated}")
    return found


def _array(file: IO[bytes], size: int, name: str) -> Array:
    """Return the array in ``size`` bytes of an npy file; its header must state exactly these."""
    version = np.lib.format.read_magic(file)
    if version not in _HEADERS:
        raise ValueError(f"{name}: expected version 1 or 2 of the format, got {version}")
    shape, fortran, dtype = _HEADERS[version](file)
    if dtype.hasobject:
        raise ValueError(f"{name}: expected an array of numbers, got dtype {dtype}")
    # A header may state any shape: memory is taken only for what is
    # really there. Two negative lengths could make a right product.
    stated = math.prod(shape) * dtype.itemsize
    there = size - file.tell()
    if stated != there or any(length < 0 for length in shape):
        raise ValueError(f"{name}: expected {stated} bytes for shape {shape}, got {there}")
    if stated > memory_limit():
        raise ValueError(f"{name}: expected at most the {memory_limit()} bytes of memory, got {stated}")
    # np.load would take the header at its word; here the bytes are read into memory of the size just checked.
    data = bytearray(stated)
    rest = memoryview(data)
    while rest:
        count = file.readinto(rest)  # type: ignore[attr-defined]  # both kinds of file have it
        if not count:
            raise EOFError(f"{name}: ends early")
        rest = rest[count:]
    # This last read also makes an archive compare its checksum.
    if file.read(1):
        raise ValueError(f"{name}: goes on after its end")
    if fortran:
        # Fortran order is C order of the reversed shape: the transposed view costs no copy.
        backwards: Array = np.ndarray(shape[::-1], dtype, data)
        return backwards.transpose()
    whole: Array = np.ndarray(shape, dtype, data)
    return whole
