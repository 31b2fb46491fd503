import importlib.util

import numpy as np
import pytest
from PIL import Image, ImageSequence
from swings import TESTS, write

from teacherstudent.running.policies import pictures
from teacherstudent.running.policies.saved import opened


def test_a_film_shows_every_step_of_every_task(tmp_path):
    write(tmp_path / "run")
    with opened(tmp_path / "run", trust=True) as saved:
        played = pictures.film(saved, TESTS[[1, 3]], tmp_path / "x.gif", greedy=True)
        tested = saved.student.evaluate(TESTS, seed=0)
    assert [(each.task.tolist(), each.steps, each.cut) for each in played] == [
        ([0.25], 6, False),
        ([1.0], 6, False),
    ]
    # A score is the task's wind times what the policy does, so that both have the same sign.
    assert np.sign(played[1].score) == np.sign(tested.score[3])
    with Image.open(tmp_path / "x.gif") as film:
        frames = [np.asarray(frame.convert("RGB"))[0, 0, 0] for frame in ImageSequence.Iterator(film)]
        assert film.info["duration"] == 50
        assert film.size == (24, 16)
    # Seven pictures of each episode, the first before the first step; equal neighbours would be one frame.
    assert frames == [20 * step for step in (*range(7), *range(7))]


def test_a_film_as_mp4(tmp_path):
    pytest.importorskip("imageio_ffmpeg", reason="the extra video is not installed")
    import imageio

    write(tmp_path / "run")
    with opened(tmp_path / "run", trust=True) as saved:
        pictures.film(saved, TESTS[:2], tmp_path / "x.mp4", greedy=True)
    assert sum(1 for _ in imageio.get_reader(tmp_path / "x.mp4")) == 14


def test_the_same_seed_gives_the_same_film(tmp_path):
    write(tmp_path / "run")
    with opened(tmp_path / "run", trust=True) as saved:
        played = [
            pictures.film(saved, TESTS[:1] + 1, tmp_path / "x.gif", greedy=False, seed=seed)[0].score
            for seed in (1, 1, 2)
        ]
    assert played[0] == played[1] != played[2]


def test_a_family_without_pictures_is_named(tmp_path):
    write(tmp_path / "run", family="swings:blind")
    with (
        opened(tmp_path / "run", trust=True) as saved,
        pytest.raises(ValueError, match="family 'swings:blind', which have no picture"),
    ):
        pictures.film(saved, TESTS, tmp_path / "x.gif", greedy=True)
    assert not (tmp_path / "x.gif").exists()


def test_endings_and_missing_packages_are_named(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match=r"ends in .gif or .mp4, got .*x.avi"):
        pictures.check_film(tmp_path / "x.avi")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None)
    with pytest.raises(ImportError, match=r"pip install 'teacherstudent\[video\]'"):
        pictures.check_film(tmp_path / "x.mp4")


def test_a_window_without_a_display_names_the_film(tmp_path, monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setattr(pictures.os, "name", "posix")
    write(tmp_path / "run")
    with (
        opened(tmp_path / "run", trust=True) as saved,
        pytest.raises(RuntimeError, match=r"no.* write a film, -o run.gif|got none: write a film"),
    ):
        pictures.window(saved, TESTS, greedy=True)


def test_a_window_shows_every_step(tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "_check_display", lambda: None)
    import matplotlib.pyplot as plt

    paces = []
    monkeypatch.setattr(plt, "pause", paces.append)
    write(tmp_path / "run")
    with opened(tmp_path / "run", trust=True) as saved:
        pictures.window(saved, TESTS[:2], greedy=True)
    assert paces == [1 / 20] * 14
    assert not plt.get_fignums()
