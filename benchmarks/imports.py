"""How long the package's modules take to import, each in a fresh process.

    python benchmarks/imports.py [--quick]

Seconds are the shortest of several processes: of the wall clock, and of the processor, which other programs
on the machine do not prolong. Without Python's own start. ``--quick`` imports each module once.
"""

from __future__ import annotations

import argparse
import subprocess
import sys

MODULES = (
    "numpy",
    "gymnasium",
    "teacherstudent",
    "teacherstudent.running.loop",
    "teacherstudent.recording.recorder",
    "teacherstudent.comparing.compare",
    "teacherstudent.comparing.report",
    "teacherstudent.teachers.progress.alp_gmm",
    "teacherstudent.teachers.replay.plr",
    "teacherstudent.adapters.gymnasium",
)
"""Two libraries that everything here needs, and what users import."""

HEAVY = ("numba", "scipy.stats", "matplotlib", "sklearn", "torch", "stable_baselines3", "tensorboard")

TIMED = f"""
import importlib, sys, time
wall, processor = time.perf_counter(), time.process_time()
importlib.import_module(sys.argv[1])
print(time.perf_counter() - wall, time.process_time() - processor, len(sys.modules))
print(*(name for name in {HEAVY} if name in sys.modules))
"""


def measure(module: str) -> tuple[float, float, int, str]:
    """Import a module in a fresh process.

    Returns:
        Wall and processor seconds, the number of modules then loaded, and the heavy libraries among them.
    """
    command = [sys.executable, "-c", TIMED, module]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    numbers, heavy = said.splitlines()
    wall, processor, loaded = numbers.split()
    return float(wall), float(processor), int(loaded), heavy


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one process for each module")
    tries = 1 if parser.parse_args().quick else 5
    print(f"{'import':<44}{'seconds':>9}{'processor':>11}{'modules':>9}  heavy libraries")
    for module in MODULES:
        found = [measure(module) for _ in range(tries)]
        wall = min(each[0] for each in found)
        processor = min(each[1] for each in found)
        _, _, loaded, heavy = found[0]
        print(f"{module:<44}{wall:>9.2f}{processor:>11.2f}{loaded:>9}  {heavy or '-'}")


if __name__ == "__main__":
    main()
