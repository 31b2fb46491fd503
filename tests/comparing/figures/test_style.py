from __future__ import annotations

import pytest
from drawn_runs import prepared, write_pair
from matplotlib.backends.backend_agg import FigureCanvasAgg

from teacherstudent.comparing.figures import style as drawing


def test_colours_are_steady_and_the_baseline_is_grey(write_run, tmp_path):
    write_pair(write_run, seeds=1)
    write_run("r/random", teacher={"name": "random", "options": {}})
    _, _, style = prepared(tmp_path)
    assert len({entry["color"] for entry in style.values()}) == 3
    assert style["random"]["color"] == "#555555"


@pytest.mark.parametrize("letters", [3, 20, 40])
@pytest.mark.parametrize("panels", [1, 3])
def test_legends_stay_within_their_figure(letters, panels):
    figure = drawing.new_figure(panels, 1, width=6.4)
    axes = figure.subplots(1, panels, squeeze=False)[0]
    for i in range(6):
        axes[0].plot([0, 1], [i, i], label=f"{'m' * letters}-{i}")
    drawing.head(figure, list(axes), "title", "note")
    FigureCanvasAgg(figure).draw()
    extent = figure.legends[0].get_window_extent()
    assert 0 <= extent.x0 < extent.x1 <= figure.bbox.width
