"""The figure of score distributions and of probabilities of improvement."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from teacherstudent.comparing.detail.probabilities import probability_of_improvement, score_distribution
from teacherstudent.comparing.figures.maps import final_tests
from teacherstudent.comparing.figures.scene import Scene
from teacherstudent.comparing.figures.style import (
    BASELINE_COLOUR,
    band_note,
    draw_line,
    head,
    legend_label,
    new_figure,
    tidy,
)
from teacherstudent.comparing.stats import Estimate
from teacherstudent.contract.types import FloatArray

THRESHOLDS = 101
SHARE = (0.0, 1.0)
"""What a distribution cannot leave."""


def draw_reliability(scene: Scene) -> dict[str, Figure]:
    """Draw, as ``reliability``, which scores last policies reach, and how likely teachers are to be ahead.

    The left panel shows the share of test tasks whose score is above a threshold (rliable's score
    distribution, over this test set), in the test that the table counts. The right one shows for each teacher
    how likely one of its runs is to beat one of the baseline. A panel is left out where it has nothing to
    show: with one test task, or without a baseline.
    """
    setting = scene.setting
    results = {group.teacher: setting.results.of(group.teacher).ranked() for group in scene.groups}
    groups = [group for group in scene.groups if len(results[group.teacher])]
    scores = {g.teacher: final_tests(g.teacher, results[g.teacher], setting)[1] for g in groups}
    # Of one test task the distribution is a step, which the table says better.
    several = all(found.shape[1] > 1 for found in scores.values())
    chances = {}
    if scene.baseline in scores:
        against = results[scene.baseline].result
        chances = {
            group.teacher: probability_of_improvement(results[group.teacher].result, against)
            for group in groups
            if group.teacher != scene.baseline
        }
    count = int(several) + int(bool(chances))
    if count == 0:
        return {}
    figure = new_figure(count, 1, width=5.4, height=max(3.8, 0.9 + 0.32 * len(chances)))
    panels = list(figure.subplots(1, count, squeeze=False)[0])
    if several:
        _distributions(panels[0], scene, scores)
    if chances:
        _chances(panels[-1], scene, chances)
    note = band_note(groups)
    if chances:
        note += " Right: ties count half; intervals after Newcombe 2006, method 5."
    head(figure, panels, f"{setting.label}: how reliable is the order?", note)
    return {"reliability": figure}


def _distributions(axes: Axes, scene: Scene, scores: Mapping[str, FloatArray]) -> None:
    """Draw the share of test tasks above each score, a line for each teacher."""
    every = np.concatenate([found.ravel() for found in scores.values()])
    finite = every[np.isfinite(every)]
    low, high = 0.0, 1.0
    if len(finite):
        low, high = np.percentile(finite, (0.5, 99.5))
    # Equal scores would give an axis without width.
    if high <= low:
        high = low + 1.0
    thresholds = np.linspace(low, high, THRESHOLDS)
    for group in scene.groups:
        if group.teacher in scores:
            shares = score_distribution(scores[group.teacher], thresholds)
            style = scene.style[group.teacher]
            draw_line(axes, thresholds, shares, style, legend_label(group), within=SHARE)
    name = scene.setting.score_name
    tidy(axes, x=f"test {name}", y=f"share of test tasks above this {name}")
    axes.set_ylim(0.0, 1.0)


def _chances(axes: Axes, scene: Scene, chances: Mapping[str, Estimate]) -> None:
    """Draw how likely each teacher is to beat the baseline, the first teacher at the top."""
    for row, (teacher, found) in enumerate(reversed(list(chances.items()))):
        colour = scene.style[teacher]["color"]
        axes.plot([found.value], [row], "o", color=colour, label=f"_{teacher}")
        # With one run on a side there is no interval.
        if np.isfinite(found.low):
            ends = [found.low, found.high]
            axes.plot(ends, [row, row], color=colour, linewidth=1.8, label=f"_{teacher}")
    axes.axvline(0.5, color=BASELINE_COLOUR, linewidth=1.0, linestyle="--")
    tidy(axes, x=f"probability that a run beats one of {scene.baseline}")
    axes.set_xlim(-0.02, 1.02)
    axes.set_yticks(range(len(chances)), list(reversed(list(chances))))
    axes.set_ylim(-0.6, len(chances) - 0.4)
