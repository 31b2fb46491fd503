"""Files and folders: written whole or not at all, never through a link, and read within limits."""

from __future__ import annotations

import os
import re
import shutil
import stat
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from teacherstudent.contract.stored.digests import digest_of

if sys.platform != "win32":
    import resource

NAME_BYTES = 255
"""Longest name of a file or folder on usual file systems, in bytes of UTF-8."""

_NO_LINK: int = getattr(os, "O_NOFOLLOW", 0)
_BINARY: int = getattr(os, "O_BINARY", 0)
_TEMPORARY = re.compile(r"\.(?P<name>.+?)(?:\.(?P<process>\d+))?\.tmp")


class WriteError(OSError):
    """A file of a run could not be written; the run folder is as it was before."""


@contextmanager
def atomic_write(path: Path, *, durable: bool = True) -> Iterator[IO[bytes]]:
    """Open a temporary file beside ``path`` for binary writing; on success rename it.

    A link at ``path`` is replaced by the file; what it leads to stays as it is.

    Args:
        path: the file.
        durable: whether it must survive a power cut. If not, a kill still leaves the old file or the new one,
            but nothing waits for the disk.

    Raises:
        WriteError: if the system refuses (no space, no permission); the temporary file is removed.
    """
    # The name holds the process's number: two processes that write one file do not share a temporary one, and
    # what a killed one left can be told.
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with _open_new(temporary) as file:
            yield file
            # The data must be on the disk before the rename is: otherwise
            # a power cut could leave an empty file under the final name.
            file.flush()
            if durable:
                os.fsync(file.fileno())
        os.replace(temporary, path)
        # The rename itself is an entry of the folder, which has to reach the disk too.
        if durable:
            _sync_folder(path.parent)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise write_error(path, error) from error
    # Ctrl-C in the midst of a write leaves no half file behind either.
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _open_new(path: Path) -> IO[bytes]:
    """Open a file that does not exist; one that a killed process of the same number left is removed."""
    # O_EXCL refuses a file or a link that somebody has put there: nothing is written to where it leads.
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | _NO_LINK | _BINARY
    try:
        descriptor = os.open(path, flags, 0o666)
    except FileExistsError:
        # The number of a killed process was given out again to this one, so the file is nobody's.
        path.unlink()
        descriptor = os.open(path, flags, 0o666)
    return os.fdopen(descriptor, "w+b")


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
    # Windows has no folders that can be opened.
    if flags is None:
        return
    handle = os.open(folder, os.O_RDONLY | flags)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def open_own(path: Path) -> IO[bytes]:
    """Open a file for appending without a buffer; a link is refused, a file with other names is copied first.

    Another name (a hard link, as backups make them) would otherwise see what is cut off or appended here.

    Raises:
        OSError: if it cannot be opened.
    """
    # A hard link is another name of the same data: a backup by hard links would grow and shrink with the log.
    take_over(path)
    return open(path, "ab", buffering=0, opener=lambda name, flags: os.open(name, flags | _NO_LINK, 0o666))


def take_over(path: Path) -> None:
    """Make a file one that has no other name, by copying it if it has; nothing if there is none."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    # Writing through a temporary file and a rename gives the
    # name to a new file; the other names keep the old one.
    if stat.S_ISREG(found.st_mode) and found.st_nlink > 1:
        with open(path, "rb") as source, atomic_write(path) as copy:
            shutil.copyfileobj(source, copy)


def refuse_links(paths: Iterable[Path]) -> None:
    """Raise ValueError that names the first path which is a link, or neither a file nor a folder."""
    for path in paths:
        try:
            # lstat looks at the link itself, where stat would look at what it leads to.
            mode = path.lstat().st_mode
        except (FileNotFoundError, NotADirectoryError):
            continue
        if stat.S_ISLNK(mode):
            raise ValueError(
                f"{path}: expected a file or folder of the run itself, got a link to {os.readlink(path)}; "
                "put what it leads to in its place: nothing is written through links"
            )
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise ValueError(f"{path}: expected a file or folder, got a pipe, socket or device")


def remove_temporaries(folder: Path, names: Iterable[str] | None = None) -> None:
    """Remove the temporary files that killed processes left in a folder; those of live ones stay.

    No file of this process may be under way in the folder.

    Args:
        folder: which may not exist.
        names: of files whose temporary ones are removed; None for all.
    """
    wanted = None if names is None else set(names)
    try:
        # Another process may write at this moment: only names of the
        # right form are candidates, and living owners keep theirs.
        found = [match for path in folder.iterdir() if (match := _TEMPORARY.fullmatch(path.name))]
    except (FileNotFoundError, NotADirectoryError):
        return
    for match in found:
        # Files of older versions have no number in their names: nobody living writes such.
        process = int(match["process"] or 0)
        if (wanted is None or match["name"] in wanted) and not _lives(process):
            (folder / match[0]).unlink(missing_ok=True)


def _lives(process: int) -> bool:
    """Return whether another process of this number is there."""
    # On Windows os.kill would end the process instead of asking for it. This process has no write under
    # way in the folder, so its own number is that of a dead one.
    if process in (0, os.getpid()) or sys.platform == "win32":
        return False
    try:
        # Signal 0 does nothing but ask whether the process is there.
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        # The process exists, but belongs to another user.
        return True
    return True


def check_folder(what: str, folder: Path | str) -> Path:
    """Return a folder's path.

    Raises:
        TypeError: if it is neither a string nor a path.
        ValueError: if it is empty, or no name that a folder can have.
    """
    return _path(what, folder, "the path of a folder", " ('.' is the current one)")


def check_file(what: str, path: os.PathLike[str] | str) -> Path:
    """Return a file's path (raises as `check_folder`)."""
    return _path(what, path, "the path of a file")


def _path(what: str, path: os.PathLike[str] | str, kind: str, hint: str = "") -> Path:
    text = os.fspath(path) if isinstance(path, str | os.PathLike) else None
    if not isinstance(text, str):
        raise TypeError(f"{what}: expected {kind}, got {path!r}")
    if not text or "\0" in text:
        raise ValueError(f"{what}: expected {kind}{hint}, got {text!r}")
    return Path(text)


def check_name(what: str, name: object) -> str:
    """Return a name that a folder can have.

    Raises:
        TypeError: if it is no string.
        ValueError: if it is empty, ``"."`` or ``".."``, too long, or holds what cannot be printed.
    """
    if not isinstance(name, str):
        raise TypeError(f"{what}: expected a string, got {name!r}")
    if name.strip() in ("", ".", "..") or not name.isprintable():
        raise ValueError(
            f"{what}: expected printable characters, and neither '.', '..' nor blanks alone, got {name!r}"
        )
    if len(name.encode()) > NAME_BYTES:
        raise ValueError(
            f"{what}: expected at most {NAME_BYTES} bytes, got {len(name.encode())}: {name[:40]!r}..."
        )
    return name


def folder_name(text: str, most: int = NAME_BYTES) -> str:
    """Return any text as the name of a folder or file: no slashes, no dots alone, only what can be printed.

    A text that is too long is cut, and made unique by a digest of the whole.
    """
    # Escapes instead of leaving characters out: two different texts must not become one name too easily.
    name = "".join(c if c.isprintable() else f"%{ord(c):x}" for c in text).replace("/", "_")
    if name in ("", ".", ".."):
        name = name.replace(".", "_") or "_"
    raw = name.encode()
    # The limit of file systems is in bytes of UTF-8, not in characters.
    if len(raw) <= most:
        return name
    # Two long names may start alike: the digest of the whole keeps their folders apart.
    digest = digest_of(text.encode("utf-8", "surrogatepass"), 12)
    # The cut may fall within a character, whose first bytes are dropped then.
    return raw[: most - len(digest) - 1].decode(errors="ignore") + "-" + digest


def read_limited(path: Path, most: int) -> bytes:
    """Return what a file holds.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is no ordinary file, or larger; the message names it, and nothing is read.
    """
    # A link that leads to a file is followed here: reading through links harms nothing.
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise ValueError(f"{path}: expected a file, got a folder, pipe or device")
    with open(path, "rb") as file:
        # A file may grow while it is read: one byte more than
        # its size is asked for, and read on if it is there.
        data = file.read(min(most, found.st_size) + 1)
        if found.st_size < len(data) <= most:
            data += file.read(most + 1 - len(data))
    if len(data) > most:
        raise ValueError(f"{path}: expected at most {most} bytes, got {max(len(data), found.st_size)}")
    return data


def physical_memory() -> int | None:
    """Return the machine's memory in bytes; None where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def memory_limit() -> int:
    """Return how many bytes this process can hold at most: the machine's memory, or what it is allowed."""
    # Where the system does not say, the limit only has to refuse absurd sizes.
    found = physical_memory() or 2**40
    if sys.platform != "win32":
        # Batch systems limit a process to less than the machine has.
        allowed, _ = resource.getrlimit(resource.RLIMIT_AS)
        if allowed != resource.RLIM_INFINITY:
            found = min(found, allowed)
    return found
