from __future__ import annotations

import numpy as np
import pytest

from teacherstudent.comparing import levels
from teacherstudent.comparing.compare import analyse
from teacherstudent.comparing.drawing import styles
from teacherstudent.recording.recorder import Recorder
from teacherstudent.recording.runs import find_runs
from teacherstudent.types import Outcomes


@pytest.fixture
def drawn(tmp_path, synthetic, monkeypatch):
    """Return a function that writes runs of given test scores (a list of tests for each seed) and draws."""
    monkeypatch.setattr("os.fsync", lambda descriptor: None)

    def draw(*seeds, **entries):
        for seed, tests in enumerate(seeds):
            manifest = synthetic.manifest(seed=seed, **entries)
            recorder = Recorder(tmp_path / "r" / str(seed), manifest=manifest, tensorboard=False)
            for k, scores in enumerate(tests):
                n = len(scores)
                rows = Outcomes(
                    ids=np.full(n, -1),
                    tasks=np.zeros((n, 2)),
                    score=np.asarray(scores, float),
                    cost=np.ones(n),
                )
                recorder.tests(rows, spent=1000.0 * k / max(1, len(tests) - 1), ledger={})
            recorder.close("finished")
        comparison = analyse(find_runs([tmp_path / "r"]))
        (setting,) = comparison.settings
        style = styles(comparison.settings, comparison.baseline)
        return levels.draw_levels(setting, setting.groups, style)

    return draw


def test_success_on_the_worst_tasks_by_hand():
    first, last = np.array([0.3, 0.1, 0.9, 0.2]), np.array([0.0, 0.0, 1.0, 1.0])
    share, success = levels.worst_success([first, last], mastered=0.5)
    np.testing.assert_allclose(share, [25, 50, 75, 100])
    # ranked by the first test: tasks 1, 3, 0, 2, of which 3 and 2 are mastered in the last
    np.testing.assert_allclose(success, [0, 50, 100 / 3, 50])
    np.testing.assert_allclose(levels.worst_success([last], mastered=0.5)[1], [0, 0, 100 / 3, 50])


def test_ranking_and_reading_are_two_tests(drawn):
    rng = np.random.default_rng(0)
    tests = [rng.random(200), rng.random(200)]  # nothing is hard, all is chance
    (axes,) = drawn(tests)["worst"].axes
    success = axes.lines[0].get_ydata()
    assert success[-1] == 100.0 * (tests[1] > 0.5).mean()
    assert abs(success[99] - success[-1]) < 10.0  # ranked in the same test it would be about 0
    assert "ranked in the last test but one" in axes.figure.get_supxlabel()


def test_a_single_test_is_said_to_flatter_nobody(drawn):
    (axes,) = drawn([np.linspace(0, 1, 40)])["worst"].axes
    assert "Ranked and read in the same test" in axes.figure.get_supxlabel()
    assert axes.lines[0].get_ydata()[19] == 0.0


NAMES = ["maze", "rooms", "maze"]


def test_named_tasks_have_bars_with_intervals(drawn):
    seeds = [[[0, 0, 0], [1.0, 1.0, 0.0]], [[0, 0, 0], [1.0, 0.0, 0.0]]]
    found = drawn(*seeds, test_names=NAMES)
    assert list(found) == ["solved"]  # three tasks are too few for shares
    (axes,) = found["solved"].axes
    assert [label.get_text() for label in axes.get_xticklabels()] == ["maze", "rooms"]
    assert [bar.get_height() for bar in axes.patches] == [50.0, 50.0]  # tasks of one name are averaged
    (whiskers,) = axes.collections
    ends = [path.vertices[:, 1].tolist() for path in whiskers.get_paths()]
    assert ends == [[50.0, 50.0], [0.0, 100.0]]


def test_without_a_line_there_is_no_success(drawn):
    assert drawn([np.linspace(0, 1, 40)], mastered=None, test_names=None) == {}
