from dataclasses import replace

import numpy as np
from drawn_runs import prepared, write_pair

from teacherstudent.comparing.detail import reliability as figure
from teacherstudent.comparing.detail.reliability import draw_reliability
from teacherstudent.comparing.figures.scene import Scene


def test_teachers_are_drawn_against_the_baseline(write_run, tmp_path):
    write_pair(write_run)
    setting, groups, style = prepared(tmp_path)
    scene = Scene(setting, groups, style, baseline="riac")
    (drawn,) = draw_reliability(scene).values()
    shares, chances = drawn.axes
    assert len(shares.lines) == 2
    assert shares.get_ylim() == (0.0, 1.0)
    for line in shares.lines:
        values = line.get_ydata()
        assert (values[:-1] >= values[1:]).all(), "fewer tasks reach more"
    assert [label.get_text() for label in chances.get_yticklabels()] == ["alp-gmm"]
    assert "beats one of riac" in chances.get_xlabel()


def test_without_a_baseline_only_distributions_are_drawn(write_run, tmp_path):
    write_pair(write_run)
    setting, groups, style = prepared(tmp_path)
    scene = Scene(setting, groups, style)
    assert len(draw_reliability(scene)["reliability"].axes) == 1
    alone = replace(scene, groups=groups[:1], baseline=groups[0].teacher)
    assert len(draw_reliability(alone)["reliability"].axes) == 1


def test_one_test_task_and_no_baseline_leave_nothing_to_draw(write_run, tmp_path, monkeypatch):
    write_pair(write_run)
    setting, groups, style = prepared(tmp_path)
    monkeypatch.setattr(figure, "final_tests", lambda *_: (np.zeros((1, 2)), np.ones((2, 1))))
    assert draw_reliability(Scene(setting, groups, style)) == {}
