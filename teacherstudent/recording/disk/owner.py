"""Who writes a run folder: what the lock file says, for machines that share the folder."""

from __future__ import annotations

import json
import os
import secrets
import socket
from dataclasses import dataclass, field
from pathlib import Path

_BYTES = 512
"""The length of the entry: always the same, so that a new one covers the old one in a single write."""

_BOOT = Path("/proc/sys/kernel/random/boot_id")


def kernel() -> str:
    """Return what tells this machine, since its last start, from all others.

    Containers of one machine share it, as they share its locks; names of hosts may be the same on two.
    """
    try:
        return _BOOT.read_text().strip()
    # Other systems than Linux have no such file.
    except OSError:
        return socket.gethostname()


@dataclass
class Owner:
    """A process that writes a folder.

    Attributes:
        host: its machine's name, for messages.
        kernel: what `kernel` says there.
        pid: its number there.
        token: drawn anew for each lock: numbers of processes come again.
        beat: how often it has said that it is there.
    """

    host: str
    kernel: str
    pid: int
    token: str = field(default_factory=lambda: secrets.token_hex(8))
    beat: int = 0

    @classmethod
    def here(cls) -> Owner:
        """Return this process."""
        return cls(host=socket.gethostname()[:64], kernel=kernel()[:64], pid=os.getpid())

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"

    def write(self, descriptor: int) -> None:
        """Say in the lock file that this process is there (raises OSError)."""
        self.beat += 1
        data = json.dumps(self.__dict__).encode().ljust(_BYTES)
        os.pwrite(descriptor, data, 0)
        # Other machines see what has reached the server; on a disk of this machine that is cheap.
        os.fsync(descriptor)

    @classmethod
    def read(cls, path: Path) -> Owner | None:
        """Return whom a lock file names; None if nobody, or if the entry is no such entry."""
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        try:
            # Opened anew each time: only then does a network file system ask its server for the content.
            descriptor = os.open(path, flags)
        except OSError:
            return None
        try:
            found = json.loads(os.read(descriptor, _BYTES))
        except (OSError, ValueError):
            return None
        finally:
            os.close(descriptor)
        kinds = {"host": str, "kernel": str, "pid": int, "token": str, "beat": int}
        if not isinstance(found, dict) or found.keys() != kinds.keys():
            return None
        if not all(isinstance(found[name], kind) for name, kind in kinds.items()):
            return None
        return cls(**found)
