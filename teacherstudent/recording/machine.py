"""What a run ran on: versions of packages, commits, and the machine."""

from __future__ import annotations

import functools
import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from teacherstudent.recording.disk.files import physical_memory

PACKAGES = (
    "teacherstudent",
    "numpy",
    "scipy",
    "torch",
    "gymnasium",
    "stable-baselines3",
    "scikit-learn",
    "numba",
    "pyarrow",
    "box2d",
)
"""Distributions whose versions a manifest holds."""


def provenance() -> dict[str, Any]:
    """Return versions, commits and machine as plain data; never fails, unknown things are None."""
    return {"versions": versions(), "git": commits(), "machine": machine()}


def versions() -> dict[str, str | None]:
    """Return Python's version and those of `PACKAGES`, without importing them."""
    return {"python": platform.python_version()} | {name: _version(name) for name in PACKAGES}


@functools.cache
def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def commits() -> dict[str, dict[str, Any] | None]:
    """Return commit and ``dirty`` flag of the working directory's repository and of this package's."""
    here = Path(__file__).parent
    # A copy of the package in the site-packages of another repository would be given that one's commit.
    tracked = _output("git", "-C", str(here), "ls-files", "--", Path(__file__).name)
    found = {"working_directory": _commit(Path.cwd()), "package": None}
    if tracked:
        found["package"] = _commit(here)
    return found


def _commit(folder: Path) -> dict[str, Any] | None:
    commit = _output("git", "-C", str(folder), "rev-parse", "HEAD")
    if not commit:
        return None
    # Untracked files are results more often than code, and would make every folder look changed.
    changes = _output("git", "-C", str(folder), "status", "--porcelain", "--untracked-files=no")
    return {"commit": commit, "dirty": None if changes is None else bool(changes)}


def machine() -> dict[str, Any]:
    """Return platform, host, processor, cores, memory in bytes and the names of NVIDIA devices."""
    # Asked of the driver's tool: importing torch for the names would take seconds.
    names = _output("nvidia-smi", "--query-gpu=name", "--format=csv,noheader")
    return {
        "platform": platform.platform(),
        "host": platform.node(),
        "processor": _processor(),
        "cpu_count": os.cpu_count(),
        "cpus_usable": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_bytes": physical_memory(),
        "gpus": (names or "").splitlines(),
    }


def _processor() -> str | None:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    if sys.platform == "darwin":
        return _output("sysctl", "-n", "machdep.cpu.brand_string")
    return platform.processor() or None


# A hanging tool of the system must not keep a run from starting, so it has a time limit.
def _output(*command: str) -> str | None:
    """Return what a command prints, stripped; None if it is missing, slow or fails."""
    program = shutil.which(command[0])
    if program is None:
        return None
    try:
        done = subprocess.run(
            [program, *command[1:]], capture_output=True, text=True, timeout=10, check=False, errors="replace"
        )
    except (OSError, subprocess.SubprocessError):
        return None
    if done.returncode != 0:
        return None
    return done.stdout.strip()
