"""``teacherstudent report``: one page of runs for a browser, as a file or served while they go on."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from teacherstudent.cli.arguments import Commands
from teacherstudent.recording.disk.files import check_folder
from teacherstudent.recording.disk.terminal import folder_argument, shown

FILE = "report.html"
PORT = 8421
LAST_PORT = 65_535


def add(commands: Commands) -> None:
    """Add the command ``report``."""
    report = commands.add_parser("report", help="one page of runs for a browser, or a live one with --watch")
    report.add_argument(
        "folders", type=folder_argument, nargs="+", help="run folders, or folders that hold some"
    )
    report.add_argument(
        "-o",
        "--out",
        type=folder_argument,
        help=f"the file (default: {FILE})",
    )
    report.add_argument(
        "--baseline", help="the teacher that others are measured against (default: plain, random or uniform)"
    )
    report.add_argument(
        "--x",
        default="spent",
        help="compare at equal spent (default), seconds, train, measure, updates or another ledger entry",
    )
    report.add_argument(
        "--include-stopped",
        action="store_true",
        help="count runs that did not finish, as far as they went (--watch always does)",
    )
    report.add_argument(
        "--watch",
        action="store_true",
        help="serve the page on this machine until Ctrl-C; it follows runs that go on, or have yet to begin",
    )
    report.add_argument(
        "--port", type=int, default=PORT, help=f"where --watch serves; 0 for any that is free ({PORT})"
    )
    report.set_defaults(command=write)


def write(given: argparse.Namespace, console: Console) -> int:
    """Write the page of the folders, or serve it."""
    if given.watch:
        return _serve(given, console)
    # Drawing loads matplotlib, which the other commands do not need.
    from teacherstudent.comparing.compare import analyse
    from teacherstudent.comparing.figures.draw import draw_all
    from teacherstudent.comparing.page.writing import write_page
    from teacherstudent.recording.runs import find_runs

    out = given.out or Path(FILE)
    if out.is_dir():
        raise IsADirectoryError(f"{out}: expected the name of a file ({FILE}), got a folder")
    comparison = analyse(
        find_runs(given.folders),
        baseline=given.baseline,
        include_stopped=given.include_stopped,
        x=given.x,
    )
    write_page(comparison, draw_all(comparison), out)
    console.print(shown(out), soft_wrap=True)
    return 0


def _serve(given: argparse.Namespace, console: Console) -> int:
    """Serve the page until Ctrl-C."""
    from teacherstudent.comparing.page.serving import Watched, make_server

    if given.out is not None:
        raise ValueError("--watch: expected no --out beside it, since nothing is written, got one")
    if not 0 <= given.port <= LAST_PORT:
        raise ValueError(f"--port: expected 0 to {LAST_PORT}, got {given.port}")
    folders = [check_folder("runs", folder) for folder in given.folders]
    server = make_server(Watched(folders, baseline=given.baseline, x=given.x), given.port)
    console.print(f"http://127.0.0.1:{server.server_address[1]}/ (Ctrl-C ends it)")
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        console.print("ended")
    finally:
        server.server_close()
    return 0
