"""Writing files so that a reader, or a kill at any moment, finds the old one or the new one, never half."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any


class WriteError(OSError):
    """A file of a run could not be written; the run folder is as it was before."""


@contextmanager
def atomic_write(path: Path) -> Iterator[IO[bytes]]:
    """Open a temporary file beside ``path`` for binary writing; on success flush it to disk and rename it.

    Raises:
        WriteError: if the system refuses (no space, no permission); the temporary file is removed.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise write_error(path, error) from error
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_error(path: Path, error: OSError) -> WriteError:
    """Return an error that names the file, the reason and what to do."""
    return WriteError(
        error.errno,
        f"cannot write {path}: {error.strerror or error}. What was written before is whole; "
        "make room or choose another folder, then resume the run",
    )


def _sync_folder(folder: Path) -> None:
    """Flush the rename itself to disk where the system has folders that can be opened."""
    flags: Any = getattr(os, "O_DIRECTORY", None)
    if flags is None:  # Windows
        return
    handle = os.open(folder, os.O_RDONLY | flags)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
