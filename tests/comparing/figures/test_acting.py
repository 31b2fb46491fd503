from __future__ import annotations

import pytest

from teacherstudent.comparing.compare import analyse
from teacherstudent.comparing.figures.acting import draw_acting
from teacherstudent.comparing.figures.scene import Scene
from teacherstudent.comparing.figures.style import styles
from teacherstudent.comparing.report import to_dict
from teacherstudent.recording.recorder import Recorder
from teacherstudent.recording.runs import find_runs


@pytest.fixture
def compared(tmp_path, synthetic, monkeypatch):
    """Return a function that writes runs whose records say so of acting, and compares them."""
    monkeypatch.setattr("os.fsync", lambda descriptor: None)

    def compare(*seeds):
        for seed, records in enumerate(seeds):
            recorder = Recorder(tmp_path / str(seed), manifest=synthetic.manifest(seed=seed), log=())
            recorder.tests(synthetic.tests(50), spent=0.0, ledger={})
            for spent, acting in records:
                recorder.teacher(spent=spent, metrics={}, snapshot={}, ledger={}, acting=acting)
            recorder.close("finished")
        return analyse(find_runs([tmp_path]))

    return compare


def drawn(comparison):
    (setting,) = comparison.settings
    return draw_acting(Scene(setting, setting.groups, styles(comparison.settings, comparison.baseline)))


def test_a_line_over_cost_for_how_far_a_teacher_acted(compared):
    first = [
        (0.0, {"decisions": 0.0, "distance": 0.5, "distance_by_chance": 0.4}),
        (10.0, {"decisions": 3.0, "lag": 8.0, "steered_share": 0.25}),
    ]
    second = [(0.0, {"decisions": 0.0}), (10.0, {"decisions": 5.0, "lag": 4.0, "steered_share": 0.75})]
    comparison = compared(first, second)
    panels = {axes.get_title(): axes for axes in drawn(comparison)["acting"].axes}
    assert list(panels) == [
        "rows steered so far (share)",
        "decisions so far",
        "lag between ask and tell (rows)",
        "distance of tasks from uniform, beyond chance",
    ]
    (line,) = panels["decisions so far"].lines
    assert line.get_ydata()[-1] == pytest.approx(4.0)
    (row,) = to_dict(comparison)["rows"]
    assert row["ledger_acting/steered_share"] == 0.5
    assert row["ledger_acting/decisions"] == 4.0


def test_runs_that_have_recorded_nothing_of_it_have_no_figure(compared):
    comparison = compared([(0.0, None), (10.0, None)])
    assert drawn(comparison) == {}
    (row,) = to_dict(comparison)["rows"]
    assert not [name for name in row if "acting" in name]
