"""Digests of bytes: every one that stands in a run folder, a checkpoint or a name is made here.

Old folders hold values of each, so that none of them may change.
"""

from __future__ import annotations

import hashlib
import zlib
from typing import TypeAlias

Bytes: TypeAlias = bytes | memoryview


def digest_of(data: Bytes, letters: int = 64) -> str:
    """Return the first hexadecimal letters of SHA-256: of manifests, columns of facts, long names."""
    return hashlib.sha256(data).hexdigest()[:letters]


def quick_digest_of(data: Bytes) -> str:
    """Return 24 hexadecimal letters of BLAKE2b, which is quicker on large arrays: of settings."""
    return hashlib.blake2b(data, digest_size=12).hexdigest()


def checksum_of(*parts: Bytes) -> int:
    """Return the CRC-32 of parts one after the other: it finds damage, in lines and tables."""
    value = 0
    for part in parts:
        value = zlib.crc32(part, value)
    return value
