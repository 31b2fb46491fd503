from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from gymnasium.spaces import Discrete
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.patches import Ellipse

from teacherstudent import spaces
from teacherstudent.comparing.compare import analyse, compare
from teacherstudent.comparing.figures import maps
from teacherstudent.comparing.figures import style as drawing
from teacherstudent.comparing.figures.curves import draw_curves, draw_learning
from teacherstudent.comparing.figures.scene import Scene
from teacherstudent.comparing.figures.style import styles
from teacherstudent.recording.runs import find_runs

MIXTURE = {
    "weights": np.array([0.75, 0.25]),
    "means": np.array([[1.0, 2.0, 0.3], [2.0, 5.0, 0.1]]),
    "covariances": np.array(
        [np.diag([0.04, 0.25, 1.0]), [[0.8, 0.4, 0.0], [0.4, 0.2, 0.0], [0.0, 0.0, 1.0]]]
    ),
}
BOXES = {"low": [[0.0, 0.0], [1.5, 0.0]], "high": [[1.5, 6.0], [3.0, 6.0]], "alp": [0.1, 0.4]}


def write_pair(write_run, seeds=2, **entries):
    """Write runs of a teacher with a mixture and of one with boxes."""
    for seed in range(seeds):
        for name, snapshot in (("alp-gmm", MIXTURE), ("riac", BOXES)):
            write_run(
                f"r/{name}/{seed}",
                teacher={"name": name, "options": {}},
                seed=seed,
                snapshot=lambda share, s=snapshot: s if share > 0.3 else {},
                **entries,
            )


def prepared(tmp_path):
    comparison = analyse(find_runs([tmp_path / "r"]))
    (setting,) = comparison.settings
    return setting, setting.groups, styles(comparison.settings, comparison.baseline)


def test_all_figures_of_a_plane_are_written(write_run, tmp_path):
    write_pair(write_run)
    paths = compare([tmp_path / "r"], tmp_path / "out", formats=("png", "svg")).figures
    assert sorted(path.name for path in paths) == sorted(
        f"{name}.{kind}"
        for name in ("curves", "learning", "sampling", "tests", "worst")
        for kind in ("png", "svg")
    )
    for path in paths:
        assert path.read_bytes().startswith(b"\x89PNG" if path.suffix == ".png" else b"<?xml")


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


THREE = spaces.Parameters(a=(0, 1), b=(-1, 1), c=(5, 9))


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


@pytest.mark.parametrize(
    "space", [Discrete(3, start=1), spaces.Parameters(only=(0, 1)), THREE], ids=["discrete", "line", "box"]
)
def test_every_space_has_figures(write_run, tmp_path, space):
    write_run("r/0", space=space)
    names = [path.stem for path in compare([tmp_path / "r"], tmp_path / "out").figures]
    assert {"curves", "learning", "tests"} < set(names)


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
    recorder = Recorder(tmp_path / "r" / "1", manifest=synthetic.manifest(seed=1), tensorboard=False)
    recorder.tests(synthetic.tests(50).select(slice(10)), spent=1000.0, ledger={})
    recorder.close("finished")
    setting, groups, _ = prepared(tmp_path)
    with pytest.raises(ValueError, match=r"expected equally many test tasks.*\[100, 10\]"):
        maps.draw_tests(Scene(setting, groups, {}))


def test_several_settings_get_files_of_their_own(write_run, tmp_path):
    write_run("r/0", family={"name": "walker", "options": {}})
    write_run("r/1", family={"name": "mypkg:Maze", "options": {}})
    names = {path.name for path in compare([tmp_path / "r"], tmp_path / "out").figures}
    assert {"curves-walker.png", "curves-mypkg-Maze.png"} < names


def test_bad_formats(write_run, tmp_path):
    write_run("r/0")
    with pytest.raises(ValueError, match=r"formats: expected some of .*, got \('gif',\)"):
        compare([tmp_path / "r"], tmp_path / "out", formats=("gif",))


def test_colours_are_steady_and_the_baseline_is_grey(write_run, tmp_path):
    write_pair(write_run, seeds=1)
    write_run("r/random", teacher={"name": "random", "options": {}})
    _, _, style = prepared(tmp_path)
    assert len({entry["color"] for entry in style.values()}) == 3
    assert style["random"]["color"] == "#555555"


def test_nothing_global_is_touched():
    code = "import sys, teacherstudent.comparing.figures.draw; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


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


def test_a_single_test_task_has_no_map(write_run, tmp_path, synthetic):
    from teacherstudent.recording.recorder import Recorder

    recorder = Recorder(tmp_path / "r", manifest=synthetic.manifest(), tensorboard=False)
    recorder.tests(synthetic.tests(50).select(slice(1)), spent=1000.0, ledger={})
    recorder.close("finished")
    setting, groups, _ = prepared(tmp_path)
    assert maps.draw_tests(Scene(setting, groups, {})) == {}


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
