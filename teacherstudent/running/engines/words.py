"""Engines by their names, and the words of the command line that choose one."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    # The words of a command line should not wait for what runs use, so this is imported below.
    from teacherstudent.running.engines.interface import Engine

ENGINES = ("processes", "ray")
"""Names of engines: processes of this machine, or a Ray cluster."""

NO_COMPARE = "only run: what several commands have run is compared later, by teacherstudent compare"


def make_engine(engine: Engine | str) -> Engine:
    """Return the engine of this name with its usual options, or the engine itself.

    Raises:
        ValueError: if the name is unknown.
        TypeError: if it is neither a name nor an engine.
    """
    from teacherstudent.contract.checks import closest
    from teacherstudent.running.engines.interface import Engine
    from teacherstudent.running.engines.on_ray import RayEngine
    from teacherstudent.running.engines.processes import Processes

    if isinstance(engine, str):
        if engine not in ENGINES:
            raise ValueError(
                f"engine: expected one of {list(ENGINES)}, got {engine!r}{closest(engine, ENGINES)}"
            )
        return RayEngine() if engine == "ray" else Processes()
    if not isinstance(engine, Engine):
        raise TypeError(f"engine: expected one of {list(ENGINES)}, or an engine, got {engine!r}")
    return engine


def add_engine_options(parser: argparse.ArgumentParser) -> None:
    """Add the words that choose an engine."""
    parser.add_argument(
        "--engine",
        choices=ENGINES,
        default=ENGINES[0],
        help="where runs are: processes of this machine, or a Ray cluster (default: processes)",
    )
    parser.add_argument(
        "--address",
        help="of the Ray cluster: auto, or HOST:PORT (default: the one of RAY_ADDRESS, or of this machine)",
    )
    parser.add_argument(
        "--num-gpus", type=float, help="GPUs, or the share of one, that each run reserves on the Ray cluster"
    )


def chosen_engine(given: argparse.Namespace) -> Engine:
    """Return the engine that the words of a command line choose.

    Raises:
        ValueError: if a word has no effect on the chosen engine, or a bad value.
    """
    if given.engine == "ray":
        from teacherstudent.running.engines.on_ray import RayEngine

        return RayEngine(given.address, num_gpus=given.num_gpus or 0.0)
    for name in ("address", "num_gpus"):
        if getattr(given, name) is not None:
            word = "--" + name.replace("_", "-")
            raise ValueError(f"{word}: expected only beside --engine ray: runs on this machine need none")
    return make_engine(given.engine)
