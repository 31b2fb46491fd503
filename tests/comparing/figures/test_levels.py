from __future__ import annotations

import numpy as np
import pytest

from teacherstudent.comparing.compare import analyse
from teacherstudent.comparing.figures import levels
from teacherstudent.comparing.figures.scene import Scene
from teacherstudent.comparing.figures.style import styles
from teacherstudent.contract.types import Outcomes
from teacherstudent.recording.recorder import Recorder
from teacherstudent.recording.runs import find_runs


@pytest.fixture
def drawn(tmp_path, synthetic, monkeypatch):
    """Return a function that writes runs and draws.

    It takes a list of tests for each seed, each the test scores, ``level`` (the number of each test task's
    level), what is done with each recorder before it is closed, and entries of the manifest.
    """
    monkeypatch.setattr("os.fsync", lambda descriptor: None)

    def draw(*seeds, level=None, record=lambda recorder, seed: None, **entries):
        for seed, tests in enumerate(seeds):
            manifest = synthetic.manifest(seed=seed, **entries)
            recorder = Recorder(tmp_path / "r" / str(seed), manifest=manifest, log=())
            for k, scores in enumerate(tests):
                n = len(scores)
                place = np.arange(n) if level is None else np.asarray(level)
                rows = Outcomes(
                    ids=np.full(n, -1),
                    tasks=np.stack([place / 1000, place / 1000], axis=1),
                    score=np.asarray(scores, float),
                    cost=np.ones(n),
                )
                recorder.tests(rows, spent=1000.0 * k / max(1, len(tests) - 1), ledger={})
            record(recorder, seed)
            recorder.close("finished")
        comparison = analyse(find_runs([tmp_path / "r"]))
        (setting,) = comparison.settings
        style = styles(comparison.settings, comparison.baseline)
        return levels.draw_success(Scene(setting, setting.groups, style))

    return draw


def test_success_on_the_worst_levels_by_hand():
    ranks, success = np.array([0.3, 0.1, 0.9, 0.2]), np.array([0.0, 0.0, 1.0, 1.0])
    share, worst = levels.worst_success(ranks, success)
    np.testing.assert_allclose(share, [25, 50, 75, 100])
    # of ranks 1, 3, 0, 2 the levels 3 and 2 are mastered
    np.testing.assert_allclose(worst, [0, 50, 100 / 3, 50])


def test_levels_of_equal_rank_have_no_order():
    ranks, success = np.array([0.0, 0.0, 0.5, 0.0]), np.array([1.0, 0.0, 1.0, 0.5])
    for order in ([0, 1, 2, 3], [3, 2, 1, 0]):
        worst = levels.worst_success(ranks[order], success[order])[1]
        np.testing.assert_allclose(worst, [50, 50, 50, 62.5])


def test_two_evaluations_by_hand():
    before, last = np.array([0.9, 0.1, 0.3, 0.7, 0.5]), np.array([0.2, 1.0, 0.8, 0.0, 0.6])
    level = np.array([0, 1, 0, 1, 1])  # level 0: rows 0 | 2, level 1: rows 1 | 3, 4
    ranks, success = levels.two_evaluations([before, last], level, mastered=0.5)
    np.testing.assert_allclose(ranks, [0.0, 1.0])
    np.testing.assert_allclose(success, [1.0, 0.5])
    level = np.array([0, 0, 1, 2, 1])  # level 2 has one row: the tests are the two evaluations
    ranks, success = levels.two_evaluations([before, last], level, mastered=0.5)
    np.testing.assert_allclose(ranks, [0.5, 0.0, 1.0])
    np.testing.assert_allclose(success, [0.5, 1.0, 0.0])
    ranks, _ = levels.two_evaluations([last], level, mastered=0.5)
    np.testing.assert_allclose(ranks, [0.5, 1.0, 0.0])


@pytest.mark.parametrize("repeats", [4, 1])
def test_levels_are_ranked_by_how_often_they_are_mastered_and_not_by_their_scores(repeats):
    # the first level is always mastered with low scores, the second half of the time with high ones
    level = np.repeat([0, 1], 4)
    scores = np.array([0.6, 0.6, 0.6, 0.6, 5.0, 0.0, 5.0, 0.0])
    tests = [scores]
    if repeats == 1:  # of three levels one has no second repeat: each test is one evaluation
        level, tests = np.append(level, 2), [np.append(scores, 0.0), np.append(scores, 0.0)]
    ranks, _ = levels.two_evaluations(tests, level, mastered=0.5)
    assert ranks[1] < ranks[0]


def test_repeats_are_two_evaluations_of_one_policy(drawn):
    rng = np.random.default_rng(0)
    last = rng.random(800)  # nothing is hard, all is chance
    (axes,) = drawn([np.zeros(800), last], level=np.repeat(np.arange(200), 4))["worst"].axes
    success = axes.lines[0].get_ydata()
    assert len(success) == 200  # levels, not rows
    second = last.reshape(200, 4)[:, 2:] > 0.5
    assert success[-1] == pytest.approx(100.0 * second.mean())
    assert abs(success[99] - success[-1]) < 10.0  # ranked by the rows that are read it would be far below
    assert "by success in the first half of each level's repeats" in axes.figure.get_supxlabel()


def test_one_repeat_is_ranked_in_the_test_before(drawn):
    rng = np.random.default_rng(0)
    tests = [rng.random(200), rng.random(200)]
    figure = drawn(tests)["worst"]
    success = figure.axes[0].lines[0].get_ydata()
    assert success[-1] == pytest.approx(100.0 * (tests[1] > 0.5).mean())
    assert abs(success[99] - success[-1]) < 10.0
    assert "the last test but one" in figure.get_supxlabel()
    assert "one repeat each" in figure.legends[0].get_title().get_text()


def test_a_single_test_is_said_to_flatter_nobody(drawn):
    (axes,) = drawn([np.linspace(0, 1, 40)])["worst"].axes
    assert "Ranked and read in the same test" in axes.figure.get_supxlabel()
    assert axes.lines[0].get_ydata()[19] == 0.0


def test_drawn_levels_are_apart_from_named_ones(drawn):
    names = ["maze", "rooms", *(f"random{i}" for i in range(20))]
    figures = drawn([[1.0, 1.0, *np.zeros(19), 1.0]], test_names=names)
    (axes,) = figures["solved"].axes
    assert [label.get_text() for label in axes.get_xticklabels()] == ["maze", "rooms"]
    success = figures["worst"].axes[0].lines[0].get_ydata()
    np.testing.assert_allclose(success, [*np.zeros(19), 5.0])


def test_drawn_levels_alone_have_no_bars(drawn):
    assert list(drawn([np.linspace(0, 1, 20)], test_names=[f"random{i}" for i in range(20)])) == ["worst"]


NAMES = ["maze", "rooms", "maze"]


def test_named_tasks_have_bars_with_intervals(drawn):
    seeds = [[[0, 0, 0], [1.0, 1.0, 0.0]], [[0, 0, 0], [1.0, 0.0, 0.0]]]
    found = drawn(*seeds, level=[0, 1, 0], test_names=NAMES)
    assert list(found) == ["solved"]  # three tasks are too few for shares
    (axes,) = found["solved"].axes
    assert [label.get_text() for label in axes.get_xticklabels()] == ["maze", "rooms"]
    assert [bar.get_height() for bar in axes.patches] == [50.0, 50.0]  # tasks of one name are averaged
    (whiskers,) = axes.collections
    ends = [path.vertices[:, 1].tolist() for path in whiskers.get_paths()]
    assert ends == [[50.0, 50.0], [0.0, 100.0]]


def test_without_a_line_there_is_no_success(drawn):
    assert drawn([np.linspace(0, 1, 40)], mastered=None, test_names=None) == {}
