"""Experiments run from a terminal: in parallel, under a progress display, then compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from teacherstudent.recording.disk.files import check_folder, refuse_links
from teacherstudent.recording.disk.terminal import shown
from teacherstudent.running.engines.interface import Engine, Result
from teacherstudent.running.experiment import Experiment
from teacherstudent.running.parallel import run_all
from teacherstudent.running.progress import RunsProgress

if TYPE_CHECKING:
    # Matplotlib is loaded only if figures are wanted.
    from teacherstudent.comparing.figures.scene import Draw

COMPARISON = "comparison"
"""The folder of the comparison, below that of the runs."""


def run_and_compare(
    experiments: Sequence[Experiment],
    out: Path,
    *,
    baseline: str = "",
    figures: Sequence[Draw] = (),
    compare: bool = True,
    engine: Engine | None = None,
    jobs: int | None = None,
    threads: int | None = None,
    resume: bool = False,
    console: Console | None = None,
) -> list[Result]:
    """Run experiments in parallel, print how each ended, the comparison and where the figures are.

    The baseline is a label; if it is empty, or none of its runs finished, the comparison makes its usual
    choice. Figures are drawn beside the comparison's own. Without ``compare`` nothing is compared or drawn.

    Returns:
        How each run ended, in order.

    Raises:
        ValueError, TypeError: if a name or an option is wrong, ``out`` is empty, or the comparison's folder
            is a link; nothing has been started then.
        FileExistsError, ImportError, ConnectionError: as `parallel.run_all`.
    """
    console = console or Console()
    out = check_folder("out", out)
    if out.exists() and not out.is_dir():
        raise NotADirectoryError(f"{out}: expected a folder, got a file")
    # The comparison deletes old figures: behind a link they could be somebody else's.
    refuse_links([out / COMPARISON])
    # Seeds differ in nothing else, so one experiment of each teacher is checked.
    for experiment in {(e.teacher, e.name): e for e in experiments}.values():
        planned = experiment.check(resume=resume)
        console.print(shown(f"{experiment.name}: {planned.text()}"), soft_wrap=True)
    runs = [(experiment, experiment.folder(out)) for experiment in experiments]
    results = run_watched(runs, engine=engine, jobs=jobs, threads=threads, resume=resume, console=console)
    finished = [r.folder for r in results if r.status == "finished"]
    if finished and compare:
        begun = [r.folder for r in results if r.status != "not started"]
        # The comparison would refuse a baseline of which no run finished.
        told = {experiment.name for experiment, folder in runs if folder in finished}
        options: dict[str, Any] = {}
        if baseline in told:
            options["baseline"] = baseline
        if figures:
            options["figures"] = figures
        show_comparison(begun, out / COMPARISON, console, **options)
    return results


def exit_code(results: Sequence[Result]) -> int:
    """Return 0 if every run finished, else 1."""
    return int(any(result.status != "finished" for result in results))


def run_watched(
    runs: Sequence[tuple[Experiment, Path]],
    *,
    engine: Engine | None,
    jobs: int | None,
    threads: int | None,
    resume: bool,
    console: Console,
) -> list[Result]:
    """Run experiments in parallel under a progress display, then print how they ended."""
    distant = engine is not None and engine.distant
    with RunsProgress(lines=distant) as display:
        results = run_all(
            runs,
            engine=engine,
            jobs=jobs,
            threads=threads,
            resume=resume,
            watch=display.watch,
            say=lambda words: console.print(shown(words), soft_wrap=True),
        )
    for result in results:
        if result.status != "finished":
            console.print(shown(result.folder, "bold") + shown(f": {result.status}"))
            if result.error:
                console.print(shown(result.error.rstrip()))
    endings = Counter(result.status for result in results)
    console.print(f"{len(results)} runs: " + ", ".join(f"{n} {status}" for status, n in endings.items()))
    if endings["interrupted"] or endings["not started"]:
        console.print("the same command with --resume continues them")
    return results


def show_comparison(folders: Sequence[Path], out: Path, console: Console, **options: Any) -> None:
    """Print the comparison's table and notes, write its figures, and print where they are."""
    # Drawing loads matplotlib, which is not needed until a run has finished.
    from teacherstudent.comparing.compare import compare_and_draw

    compare_and_draw(folders, out, console=console, **options)
