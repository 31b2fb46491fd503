"""``teacherstudent resume``: stopped runs go on from their last checkpoints."""

from __future__ import annotations

import argparse

from rich.console import Console

from teacherstudent.cli.arguments import THREADS, Commands, import_from_here
from teacherstudent.recording.disk.terminal import folder_argument, shown
from teacherstudent.running.engines.words import add_engine_options, chosen_engine


def add(commands: Commands) -> None:
    """Add the command ``resume``."""
    again = commands.add_parser("resume", help="continue stopped runs from their last checkpoints")
    again.add_argument(
        "folders", type=folder_argument, nargs="+", help="run folders, or folders that hold some"
    )
    again.add_argument(
        "--trust",
        action="store_true",
        help="also import what the runs' files name as 'module:Class', which runs that module's code; "
        "without it such runs are left out",
    )
    again.add_argument("--jobs", type=int, help="runs at a time (default: the number of cores)")
    again.add_argument("--threads", type=int, help=THREADS)
    add_engine_options(again)
    again.set_defaults(command=continue_runs)


def continue_runs(given: argparse.Namespace, console: Console) -> int:
    """Continue every run that can be, name the others."""
    # Imported here for speed, as `run` does.
    from teacherstudent.recording.runs import Run, find_folders
    from teacherstudent.running.console import run_watched
    from teacherstudent.running.experiment import Experiment

    experiments = []
    errors = {}
    # One unreadable folder must not keep the others from going on: its error is shown beside their results.
    for folder in find_folders(given.folders):
        try:
            experiment = Experiment.from_folder(folder, trust=given.trust)
            if given.trust:
                import_from_here([experiment.teacher, experiment.family, experiment.student])
            # A finished run is not built again, so its names need not be known or trusted.
            if Run.load(folder).status()["status"] != "finished":
                experiment.check_names()
            experiments.append((experiment, folder))
        except (ValueError, OSError) as error:
            errors[folder] = error
    if not experiments:
        raise next(iter(errors.values()))
    for folder, reason in errors.items():
        console.print(shown(folder, "bold"), "left out:", shown(reason), soft_wrap=True)
    how = {"engine": chosen_engine(given), "jobs": given.jobs, "threads": given.threads}
    results = run_watched(experiments, **how, resume=True, console=console)
    if errors or any(result.status != "finished" for result in results):
        return 1
    return 0
