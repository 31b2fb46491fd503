from __future__ import annotations

import numpy as np
import pytest
from drawn_runs import THREE, prepared, write_pair
from gymnasium.spaces import Discrete
from matplotlib.patches import Ellipse

from teacherstudent.comparing.figures import maps
from teacherstudent.comparing.figures.scene import Scene


def test_mixtures_and_regions_are_drawn_where_they_are(write_run, tmp_path):
    write_pair(write_run, seeds=1)
    setting, groups, _ = prepared(tmp_path)
    panels = maps.draw_sampling(Scene(setting, groups, {}))["sampling"].axes
    first, last = panels[0], panels[maps.WINDOWS - 1]
    assert not first.patches  # the snapshots begin later
    a, b = last.patches
    assert isinstance(a, Ellipse)
    np.testing.assert_allclose(a.center, [1.0, 2.0])
    np.testing.assert_allclose(sorted([a.width, a.height]), [4 * 0.2, 4 * 0.5])
    assert a.get_linewidth() > b.get_linewidth()
    # The second lies on a line with slope 1/2: 4 * sqrt(1) long, without width
    np.testing.assert_allclose(sorted([b.width, b.height]), [0.0, 4.0], atol=1e-6)
    long = b.angle if b.width > b.height else b.angle + 90.0
    assert long % 180 == pytest.approx(np.degrees(np.arctan(0.5)))
    boxes = panels[2 * maps.WINDOWS - 1].collections[-1]
    paths = [path.get_extents().bounds for path in boxes.get_paths()]
    np.testing.assert_allclose(paths, [(0.0, 0.0, 1.5, 6.0), (1.5, 0.0, 1.5, 6.0)])
    shades = boxes.get_facecolor()[:, 3]
    assert shades[1] == pytest.approx(4 * shades[0])


def test_each_window_shows_the_tasks_of_its_cost(write_run, tmp_path):
    write_run("r/0", tests=6)  # five batches of 200 episodes, one for each window
    setting, groups, _ = prepared(tmp_path)
    panels = maps.draw_sampling(Scene(setting, groups, {}))["sampling"].axes[: maps.WINDOWS]
    table = groups[0].runs[0].episodes()
    tasks = groups[0].runs[0].tasks(table)
    for i, axes in enumerate(panels):
        np.testing.assert_array_equal(axes.collections[0].get_offsets(), tasks[200 * i : 200 * (i + 1)])


def test_regions_that_are_no_leaves_are_not_shaded(write_run, tmp_path):
    tree = {
        "low": [[0.0, 0.0], [0.0, 0.0]],
        "high": [[3.0, 6.0], [1.5, 6.0]],
        "alp": [0.9, 0.1],
        "leaf": [False, True],
    }
    write_run("r/0", snapshot=lambda share: tree)
    setting, groups, _ = prepared(tmp_path)
    boxes = maps.draw_sampling(Scene(setting, groups, {}))["sampling"].axes[0].collections[-1]
    assert boxes.get_facecolor()[0, 3] == 0.0
    assert boxes.get_facecolor()[1, 3] > 0.0


def test_more_dimensions_become_marginals_or_the_chosen_plane(write_run, tmp_path):
    write_run("r/0", space=THREE)
    setting, groups, _ = prepared(tmp_path)
    drawn = maps.draw_sampling(Scene(setting, groups, {}))
    assert list(drawn) == ["sampling-random"]
    assert [axes.get_ylabel() for axes in drawn["sampling-random"].axes[:3]] == ["a", "b", "c"]
    plane = maps.draw_sampling(Scene(setting, groups, {}, (2, 0)))["sampling"].axes[0]
    assert plane.get_ylabel().endswith("\na")
    assert plane.get_xlim()[0] == pytest.approx(5 - 0.08)
    assert len(maps.draw_tests(Scene(setting, groups, {}))["tests"].axes[0].images) == 1
    assert len(maps.draw_tests(Scene(setting, groups, {}, (0, 1)))["tests"].axes[0].collections) == 1
    for dims in ((0, 3), (1, 1)):
        with pytest.raises(ValueError, match="expected two different dimensions of"):
            maps.draw_sampling(Scene(setting, groups, {}, dims))


def test_marginals_are_relative_to_uniform(write_run, tmp_path):
    write_run("r/0", space=Discrete(4))
    setting, groups, _ = prepared(tmp_path)
    axes = maps.draw_sampling(Scene(setting, groups, {}))["sampling"].axes[0]
    heat = axes.collections[0].get_array()
    np.testing.assert_allclose(np.asarray(heat).mean(axis=0), 1.0)
    assert heat.shape[0] == 4


def test_the_map_of_tests_has_means_over_seeds_and_rims(write_run, tmp_path):
    for seed, final in enumerate((100, 100, 50)):
        write_run(f"r/{seed}", seed=seed, final=final)
    setting, groups, _ = prepared(tmp_path)
    points = maps.draw_tests(Scene(setting, groups, {}))["tests"].axes[0].collections[0]
    np.testing.assert_allclose(points.get_array(), np.repeat([1.0, 2 / 3], 50))
    assert (np.asarray(points.get_linewidths()) > 1.0).all()  # two of three seeds master the later half


def test_different_numbers_of_test_tasks_are_an_error(write_run, tmp_path, synthetic):
    from teacherstudent.recording.recorder import Recorder

    write_run("r/0", seed=0)
    recorder = Recorder(tmp_path / "r" / "1", manifest=synthetic.manifest(seed=1), log=())
    recorder.tests(synthetic.tests(50).select(slice(10)), spent=1000.0, ledger={})
    recorder.close("finished")
    setting, groups, _ = prepared(tmp_path)
    with pytest.raises(ValueError, match=r"expected equally many test tasks.*\[100, 10\]"):
        maps.draw_tests(Scene(setting, groups, {}))


def test_a_single_test_task_has_no_map(write_run, tmp_path, synthetic):
    from teacherstudent.recording.recorder import Recorder

    recorder = Recorder(tmp_path / "r", manifest=synthetic.manifest(), log=())
    recorder.tests(synthetic.tests(50).select(slice(1)), spent=1000.0, ledger={})
    recorder.close("finished")
    setting, groups, _ = prepared(tmp_path)
    assert maps.draw_tests(Scene(setting, groups, {})) == {}
