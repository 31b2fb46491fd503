"""What a run needs of its machine: the shared folder, the study's own code, the same versions."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from teacherstudent.recording.machine import versions
from teacherstudent.running.engines.work import preparation
from teacherstudent.running.experiment import Experiment


@dataclass(frozen=True)
class Surroundings:
    """What a machine must have, found on the machine that starts the study.

    Attributes:
        mark: a file that was made in the folder where the runs go.
        like: `work.preparation`: the current folder, ``sys.path`` and the script.
        modules: those that names of teachers, families and students lead to (``"module:Class"``).
        versions: package -> version, for what may change results.
    """

    mark: str
    like: Mapping[str, Any]
    modules: tuple[str, ...] = ()
    versions: Mapping[str, str | None] = field(default_factory=dict)

    def missing(self) -> str:
        """Return what this machine lacks for the runs, and what to do about it; empty if nothing."""
        if not Path(self.mark).exists():
            return (
                f"{Path(self.mark).parent} is not the folder there that it is here: expected one that all "
                "machines share; choose one by --out"
            )
        folder = self.like.get("dir")
        if folder is not None and not Path(folder).is_dir():
            return (
                f"there is no folder {folder}, where this was started: start it in one that all machines "
                "share"
            )
        script = self.like.get("init_main_from_path")
        if script is not None and not Path(script).is_file():
            return f"there is no script {script}: expected it in a folder that all machines share"
        for module in self.modules:
            if error := _unknown(module, self.like["sys_path"]):
                return (
                    f"the module {module!r} cannot be imported ({error}): expected it in an installed "
                    "package, or in a folder of PYTHONPATH that all machines share"
                )
        return ""

    def differs(self) -> str:
        """Return which packages have another version on this machine; empty if none."""
        here = versions()
        other = [
            f"{package} {here.get(package)} instead of {version}"
            for package, version in self.versions.items()
            if here.get(package) != version
        ]
        return ", ".join(other)


@contextmanager
def surroundings(runs: Sequence[tuple[Experiment, Path]]) -> Iterator[Surroundings]:
    """Give what the runs need of a machine; the mark in the folder is there while the block lasts."""
    folder = _nearest(Path(*_common([f.resolve().parts for _, f in runs])))
    names = {name for one, _ in runs for name in (one.teacher, one.family, one.student) if ":" in name}
    # What this process has as its script is run on the machine anyway.
    modules = sorted({name.partition(":")[0] for name in names} - {"__main__"})
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".teacherstudent-") as file:
        yield Surroundings(file.name, preparation(), tuple(modules), versions())


def _unknown(module: str, paths: Iterable[str]) -> str:
    """Return why a module would not be found; empty if it would. It is not imported."""
    before = list(sys.path)
    sys.path.extend(path for path in paths if path not in before)
    # What was not there a moment ago may have been written since.
    importlib.invalidate_caches()
    try:
        if importlib.util.find_spec(module) is None:
            return "there is no such module"
    # Of "a.b" the package a is imported, which may fail in any way.
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    finally:
        sys.path[:] = before
    return ""


def _common(paths: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """Return the longest path that all of these begin with."""
    common = paths[0]
    for parts in paths[1:]:
        same = [a == b for a, b in zip(common, parts, strict=False)]
        common = common[: (*same, False).index(False)]
    return common


def _nearest(folder: Path) -> Path:
    """Return the folder, or the nearest one above it that exists."""
    while not folder.is_dir():
        folder = folder.parent
    return folder
