"""The frontier of what is solved: which dots are where, and the film."""

from __future__ import annotations

import numpy as np
import pytest
from drawn_runs import THREE, prepared
from gymnasium.spaces import Discrete
from matplotlib.colors import to_rgb
from PIL import Image

from teacherstudent.comparing.figures import frontier
from teacherstudent.comparing.figures.scene import Scene

WALLS = np.array([[0.0, 1.0, 2.0, 0.5], [1.0, 4.0, 1.0, 1.0]])


def scene(tmp_path, **options):
    setting, groups, style = prepared(tmp_path)
    return Scene(setting, groups, style, **options)


def drawn(tmp_path, **options):
    """Return the panels of the figure, row by row."""
    figures = frontier.frontier(WALLS)(scene(tmp_path, **options))
    assert list(figures) == ["frontier"]
    return figures["frontier"].axes


@pytest.fixture(name="five")
def _five(monkeypatch, write_run):
    """A run of five batches of episodes, and a panel for each."""
    monkeypatch.setattr(frontier, "PANELS", 5)
    write_run("r/0", tests=6)


@pytest.mark.usefixtures("five")
def test_solved_tasks_and_others_are_where_they_were_sampled(tmp_path):
    setting, groups, _ = prepared(tmp_path)
    run = groups[0].runs[0]
    table = run.episodes()
    tasks = run.tasks(table)
    solved = table["score"] > setting.mastered
    assert 0 < solved.sum() < len(solved)
    edges = np.linspace(0, setting.spent, frontier.PANELS + 1)
    for i, axes in enumerate(drawn(tmp_path)):
        rows = (table["spent"] > edges[i]) & (table["spent"] <= edges[i + 1])
        failed, reached = axes.collections[-2:]
        np.testing.assert_array_equal(failed.get_offsets(), tasks[rows & ~solved])
        np.testing.assert_array_equal(reached.get_offsets(), tasks[rows & solved])
        assert axes.get_title().endswith(f": {100 * solved[rows].mean():.0f} %")


def test_the_outline_lies_below_the_tasks_in_its_own_plane(write_run, tmp_path):
    write_run("r/0")
    boxes = drawn(tmp_path)[0].collections[0]
    bounds = [path.get_extents().bounds for path in boxes.get_paths()]
    np.testing.assert_allclose(bounds, WALLS)
    assert boxes.get_zorder() < drawn(tmp_path)[0].collections[1].get_zorder()


def test_another_plane_than_the_first_has_no_outline(write_run, tmp_path):
    write_run("r/0", space=THREE)
    assert frontier.frontier(WALLS)(scene(tmp_path)) == {}
    assert len(drawn(tmp_path, dims=(0, 1))[0].collections) == 3
    assert len(drawn(tmp_path, dims=(1, 0))[0].collections) == 2


def test_nothing_is_drawn_of_other_tasks_or_without_a_line(write_run, tmp_path):
    write_run("r/0", space=Discrete(4))
    assert frontier.frontier()(scene(tmp_path)) == {}
    assert not frontier.write_film(scene(tmp_path), tmp_path / "film.gif")
    assert not (tmp_path / "film.gif").exists()


def test_nothing_is_drawn_without_a_line(write_run, tmp_path):
    write_run("r/0", mastered=None)
    assert frontier.frontier()(scene(tmp_path)) == {}


@pytest.mark.usefixtures("five")
def test_at_most_so_many_dots_are_drawn(tmp_path, monkeypatch):
    monkeypatch.setattr(frontier, "POINTS", 30)
    for axes in drawn(tmp_path):
        assert 0 < sum(len(dots.get_offsets()) for dots in axes.collections[-2:]) <= 30


def test_a_film_shows_one_stretch_of_cost_after_the_other(write_run, tmp_path):
    for name in ("random", "riac"):
        write_run(f"r/{name}", tests=7, teacher={"name": name, "options": {}})
    path = tmp_path / "new" / "film.gif"
    assert frontier.write_film(scene(tmp_path), path, WALLS, frames=4)
    with Image.open(path) as film:
        assert film.n_frames == 4
        width, height = film.size
        assert width > 1.5 * height
        pixels = []
        for i in range(4):
            film.seek(i)
            pixels.append(np.asarray(film.convert("RGB"), np.int64))
    assert all(not np.array_equal(pixels[0], later) for later in pixels[1:])
    for colour in (frontier._SOLVED, frontier._WALLS):
        off = np.abs(pixels[-1] - 255 * np.array(to_rgb(colour))).sum(axis=2)
        assert (off < 40).sum() > 20, colour


def test_a_film_tells_the_last_test_until_then(write_run, tmp_path):
    write_run("r/0", tests=3)
    group = scene(tmp_path).groups[0]
    spent, mastered = group.curves[0].spent, group.curves[0].mastered
    for at, which in ((spent[0], 0), (spent[1] - 1, 0), (spent[1], 1), (spent[-1] + 1, -1)):
        assert frontier._caption(group, at).endswith(f": {mastered[which]:.0f} % mastered")


@pytest.mark.parametrize("low", [0.0, 1e12])
def test_a_stretch_without_tasks_has_no_share(write_run, tmp_path, low):
    write_run("r/0")
    here = scene(tmp_path)
    own = frontier.Sampled(here.groups[0], here.setting, frontier._plane(here))
    assert (own.share(low, low + 1e12) == "") == (low > 0)
