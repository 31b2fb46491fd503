from __future__ import annotations

import numpy as np
import pytest
from drawn_runs import prepared, write_pair

from teacherstudent.comparing.figures.curves import draw_curves, draw_learning
from teacherstudent.comparing.figures.scene import Scene


def test_lines_and_bands_are_those_of_the_statistics(write_run, tmp_path):
    for seed, final in enumerate((10, 20, 30, 40, 90)):
        write_run(f"r/{seed}", seed=seed, final=final)
    setting, groups, style = prepared(tmp_path)
    mastered, score = draw_curves(Scene(setting, groups, style))["curves"].axes
    (line,) = mastered.lines
    assert line.get_ydata()[-1] == 30.0
    assert line.get_label() == "random (5 seeds)"
    assert len(mastered.collections) == 1
    assert mastered.get_xlabel() == "cost (environment steps)"
    assert mastered.get_ylim()[0] == 0.0
    assert score.lines[0].get_ydata()[-1] == pytest.approx(0.3)


def test_one_seed_has_no_band_and_no_line_no_panel(write_run, tmp_path):
    write_run("r/0", mastered=None)
    setting, groups, style = prepared(tmp_path)
    (axes,) = draw_curves(Scene(setting, groups, style))["curves"].axes
    assert axes.get_ylabel() == "mean test return"
    assert len(axes.lines) == 1
    assert not axes.collections


def test_learning_progress_comes_after_training_return(write_run, tmp_path):
    write_pair(write_run)
    setting, groups, style = prepared(tmp_path)
    panels = draw_learning(Scene(setting, groups, style))["learning"].axes
    assert [axes.get_title() for axes in panels] == ["mean training return", "mean_alp"]
    assert all(len(axes.lines) == 2 for axes in panels)
    np.testing.assert_allclose(panels[1].lines[0].get_ydata(), np.linspace(0, 1, 101))


def test_lines_of_other_budgets_go_to_their_own_ends(write_run, tmp_path):
    write_run("r/a", teacher={"name": "a", "options": {}}, budget=1000.0)
    write_run("r/b", teacher={"name": "b", "options": {}}, budget=3000.0)
    setting, groups, style = prepared(tmp_path)
    lines = draw_curves(Scene(setting, groups, style))["curves"].axes[0].lines
    assert [line.get_xdata()[-1] for line in lines] == [1000.0, 3000.0]


def test_computed_costs_are_drawn_against_seconds_too(write_run, tmp_path):
    for name, seconds in (("a", 8.0), ("b", 20.0)):
        write_run(
            f"r/{name}",
            teacher={"name": name, "options": {}},
            cost_unit="FLOPs",
            score_name="accuracy",
            mastered=None,
            ledger=lambda share, s=seconds: {"seconds/student": share * s, "seconds/teacher": share},
        )
    setting, groups, style = prepared(tmp_path)
    cost, seconds = draw_curves(Scene(setting, groups, style))["curves"].axes
    assert (cost.get_xlabel(), seconds.get_xlabel()) == ("cost (FLOPs)", "seconds of student and teacher")
    assert cost.get_ylabel() == seconds.get_ylabel() == "mean test accuracy"
    assert [line.get_xdata()[-1] for line in seconds.lines] == [9.0, 21.0]
    panels = draw_learning(Scene(setting, groups, style))["learning"].axes
    assert panels[0].get_title() == "mean training score"
