"""``teacherstudent export RUN -o FILE``: a run's policy for other programs."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from teacherstudent.cli.arguments import Commands
from teacherstudent.cli.policies.play import TRUST
from teacherstudent.recording.disk.terminal import folder_argument, shown


def add(commands: Commands) -> None:
    """Add the command ``export``."""
    export = commands.add_parser("export", help="write a run's policy for other programs: .zip, .pt, .onnx")
    export.add_argument("folder", type=folder_argument, help="a run folder")
    export.add_argument(
        "-o",
        "--out",
        type=folder_argument,
        required=True,
        help="x.zip: stable-baselines3's own file; x.pt: TorchScript; x.onnx: ONNX",
    )
    export.add_argument("--trust", action="store_true", help=TRUST)
    export.set_defaults(command=write)


def write(given: argparse.Namespace, console: Console) -> int:
    """Write the file, say on how many observations it acts as the policy does."""
    # Imported here for speed, as `run` does.
    from teacherstudent.running.policies import exporting, saved

    exporting.check_path(given.out)
    with saved.opened(Path(given.folder), trust=given.trust) as run:
        rows = exporting.export(run, given.out)
        console.print(
            f"policy at cost {run.spent:g}: best actions, the same as the run's on {rows} observations"
        )
        if run.sampled:
            console.print(
                shown(f"the family {run.run.family_name} tests drawn actions; those of the file are the best")
            )
    console.print(shown(given.out), soft_wrap=True)
    return 0
