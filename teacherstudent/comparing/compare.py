"""Comparing runs at equal cost: statistics over seeds, differences to a baseline, what they cost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from teacherstudent.comparing.labels import drop_repeated, group_by, label_runs
from teacherstudent.comparing.making import Reading, make_setting
from teacherstudent.comparing.notes import caveats, setting_notes
from teacherstudent.comparing.quantities import SPENT
from teacherstudent.comparing.results import Comparison, Stopped
from teacherstudent.comparing.rows import make_rows, pooled_rows
from teacherstudent.contract.checks import closest
from teacherstudent.recording.disk.files import check_folder
from teacherstudent.recording.disk.terminal import shown
from teacherstudent.recording.runs import Run, find_runs

if TYPE_CHECKING:
    # Matplotlib is loaded only if figures are wanted.
    from teacherstudent.comparing.figures.scene import Draw

PAGE = "report.html"
"""The file that is opened first: everything that was found, in one page."""

BASELINES = ("plain", "random", "uniform", "domain-randomization")
"""If no baseline is named: the first of these that is there."""


def compare(
    paths: Iterable[str | Path],
    out: str | Path | None = None,
    *,
    baseline: str | None = None,
    include_stopped: bool = False,
    formats: Sequence[str] = ("png",),
    dims: tuple[int, int] | None = None,
    x: str = SPENT,
    figures: Sequence[Draw] = (),
) -> Comparison:
    """Compare runs at equal cost; write table, figures and a page (``report.html``).

    Where the runs of a setting were given different budgets, each result is that of the run's last test and
    stands beside its cost; results at the largest common cost are shown as well.

    Args:
        paths: run folders, or folders that hold some at any depth.
        out: the folder for ``comparison.txt``, ``.csv``, ``.json``, ``seeds.csv``, the figures and the page;
            None is none.
        baseline: the label of the teacher to compare with; the first of `BASELINES` if there is one.
        include_stopped: whether runs that did not finish count; the common cost then ends where the first of
            them was last tested.
        formats: of the figures: ``"png"``, ``"svg"``, ``"pdf"``.
        dims: which two dimensions of the task space to draw, where it has more.
        x: what stands for the cost: ``"spent"``, ``"seconds"`` (of student and teacher), a purpose of cost
            (``"train"``, ``"measure"``, ``"before"``...) or another name in the ledger (``"updates"``,
            ``"seconds/total"``...).
        figures: draws figures of your own, once for each setting: each takes a
            `teacherstudent.comparing.figures.scene.Scene` and returns Matplotlib figures by the names of
            their files.

    Raises:
        FileNotFoundError: if a path does not exist.
        ValueError: if there is no run, none that counts, no such baseline or ``x``, an unreadable file
            (named), or ``out`` is empty.
    """
    if out is not None:
        out = check_folder("out", out)
    comparison = analyse(find_runs(paths), baseline=baseline, include_stopped=include_stopped, x=x)
    if out is None:
        return comparison
    # Matplotlib is loaded only if figures are wanted.
    from teacherstudent.comparing import report
    from teacherstudent.comparing.figures.draw import check_formats, draw_all, save_all
    from teacherstudent.comparing.page.writing import write_page

    # A format that does not exist is found before minutes of drawing.
    check_formats(formats)
    drawn = draw_all(comparison, dims=dims, more=figures)
    comparison = replace(comparison, figures=tuple(save_all(drawn, out, formats)))
    report.write(comparison, out)
    write_page(comparison, drawn, out / PAGE)
    return comparison


def compare_and_draw(
    folders: Sequence[str | Path], out: str | Path, *, console: Console, **options: Any
) -> Comparison:
    """Compare runs, write table and figures, print the table and where the figures are.

    Args:
        folders: as `compare`.
        out: as `compare`.
        console: where to print.
        options: further keywords of `compare`.

    Raises:
        FileNotFoundError, ValueError: as `compare`.
    """
    from teacherstudent.comparing import report

    comparison = compare(folders, out, **options)
    console.print(report.to_rich(comparison))
    for path in (Path(out) / "comparison.txt", *comparison.figures, Path(out) / PAGE):
        console.print(shown(path), soft_wrap=True)
    return comparison


def analyse(
    runs: Sequence[Run], *, baseline: str | None = None, include_stopped: bool = False, x: str = SPENT
) -> Comparison:
    """Compare runs that are open already (arguments and errors as `compare`)."""
    # Labels are those of all runs: dropping a repeated seed must not rename the others.
    labels = dict(zip([run.folder for run in runs], label_runs(runs), strict=True))
    runs, notes = drop_repeated(runs, [labels[run.folder] for run in runs])
    # Everything is read once, since a run may still be going on.
    read = [Reading(run, labels[run.folder], run.curve(), run.status()) for run in runs]
    counted = []
    stopped = []
    for each in read:
        tested = len(each.curve.spent) > 0
        # A finished run without a test has no result.
        finished = each.status["status"] == "finished" and tested
        if not finished:
            stopped.append(_stopped(each))
        if finished or (include_stopped and tested):
            counted.append(each)
    if not counted:
        raise ValueError(
            f"expected at least one finished run that was tested, got {len(runs)} that are not: "
            f"{', '.join(f'{s.folder} ({s.status})' for s in stopped[:5])}; to count them as far as they "
            "went, include stopped runs (--include-stopped)"
        )
    if stopped:
        # In both cases the reader must know that some runs are not whole.
        verb = "are left out of all results"
        if include_stopped:
            verb = "count as far as they went"
        notes.append(f"{len(stopped)} run(s) did not finish, or were not tested; they {verb}.")
    chosen = _choose_baseline({each.label.teacher for each in counted}, baseline)
    settings = []
    # Runs of other settings do not matter here: their costs may be in another unit.
    for label, members in sorted(group_by(counted, lambda each: each.label.setting).items()):
        settings.append(make_setting(label, members, x=x, baseline=chosen))
        notes += setting_notes(settings[-1], [each.run for each in members])
    rows = [row for setting in settings for row in make_rows(setting, chosen)]
    # Pooled rows come last, and notes need them all.
    rows += pooled_rows(settings, chosen)
    notes += caveats(rows, settings, chosen)
    return Comparison(tuple(settings), tuple(rows), tuple(stopped), tuple(notes), chosen)


def _stopped(read: Reading) -> Stopped:
    message = ""
    error = read.status.get("error")
    if error:
        message = f"{error['type']}: {error['message']}"
    return Stopped(
        folder=read.run.folder,
        setting=read.label.setting,
        teacher=read.label.teacher,
        seed=read.run.seed,
        status=read.status["status"],
        spent=float(read.status.get("spent") or 0.0),
        budget=float(read.run.manifest["budget"]),
        error=message,
    )


def _choose_baseline(teachers: set[str], asked: str | None) -> str | None:
    """Return the label of the baseline: the one that was asked for, or a usual one if there is one."""
    there = sorted(teachers)
    if asked is None:
        return next((name for name in BASELINES if name in there), None)
    if asked not in there:
        raise ValueError(f"baseline: expected one of {there}, got {asked!r}{closest(asked, there)}")
    return asked
