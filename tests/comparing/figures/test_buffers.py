from __future__ import annotations

import numpy as np
import pytest

from teacherstudent.comparing.compare import analyse
from teacherstudent.comparing.figures import buffers
from teacherstudent.comparing.figures.scene import Scene
from teacherstudent.comparing.figures.style import styles
from teacherstudent.recording.recorder import Recorder
from teacherstudent.recording.runs import find_runs


@pytest.fixture
def drawn(tmp_path, synthetic, monkeypatch):
    """Return a function that writes runs of given teacher records, a list for each seed, and draws."""
    monkeypatch.setattr("os.fsync", lambda descriptor: None)

    def draw(*seeds):
        for seed, records in enumerate(seeds):
            recorder = Recorder(tmp_path / str(seed), manifest=synthetic.manifest(seed=seed), log=())
            recorder.tests(synthetic.tests(50), spent=0.0, ledger={})
            for spent, metrics, snapshot in records:
                recorder.teacher(spent=spent, metrics=metrics, snapshot=snapshot, ledger={})
            recorder.close("finished")
        comparison = analyse(find_runs([tmp_path]))
        (setting,) = comparison.settings
        return buffers.draw_buffer(
            Scene(setting, setting.groups, styles(comparison.settings, comparison.baseline))
        )

    return draw


def snapshot(walls, path):
    path = np.array(path, float)
    features = {"walls": np.array(walls, float), "path": path, "solvable": (path > 0).astype(float)}
    return {"scores": np.zeros(3), "staleness": np.zeros(3), "features": features}


def test_means_of_features_by_hand():
    found = buffers.feature_means(snapshot([1, 2, 6, 7], [4, 0, 8, 0])["features"])
    assert found == {"walls": 4.0, "path (solvable levels)": 6.0, "solvable levels (%)": 50.0}
    found = buffers.feature_means(snapshot([1, 1], [0, 0])["features"])
    assert np.isnan(found["path (solvable levels)"])
    assert buffers.feature_means({"path": np.array([0.0, 4.0])}) == {"path": 2.0}  # nothing says it is none


def test_a_line_over_cost_for_what_the_buffers_hold(drawn):
    full = [{"score": 0.2, "staleness": 3.0}, {"score": 0.4, "staleness": 5.0}]
    empty = (0.0, {"score": 0.0, "staleness": 0.0}, {})
    first = [empty, (100.0, full[0], snapshot([1, 3], [4, 0])), (200.0, full[1], snapshot([5, 5], [4, 8]))]
    second = [empty, (100.0, full[1], snapshot([3, 5], [4, 2])), (200.0, full[1], snapshot([7, 7], [4, 8]))]
    panels = {axes.get_title(): axes for axes in drawn(first, second)["buffer"].axes}
    assert list(panels) == [
        "mean level score", "mean staleness", "walls", "path (solvable levels)", "solvable levels (%)",
    ]  # fmt: skip
    (line,) = panels["walls"].lines
    assert line.get_xdata()[[0, -1]].tolist() == [100.0, 200.0]  # while it is empty it has no mean
    assert line.get_ydata()[[0, -1]].tolist() == [3.0, 6.0]
    (line,) = panels["mean level score"].lines
    np.testing.assert_allclose(line.get_ydata()[[0, -1]], [0.3, 0.4])
    assert len(panels["walls"].collections) == 1  # the band over seeds


def test_teachers_without_a_buffer_are_not_drawn(drawn):
    assert drawn([(100.0, {"score": 0.5}, {})]) == {}
