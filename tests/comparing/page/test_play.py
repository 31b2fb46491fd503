import base64

import numpy as np
import pytest
from drawn_runs import BOXES, MIXTURE, THREE, prepared, write_pair
from gymnasium.spaces import Discrete

from teacherstudent.comparing.compare import analyse
from teacherstudent.comparing.figures.scene import Scene
from teacherstudent.comparing.figures.style import styles
from teacherstudent.comparing.page import play
from teacherstudent.comparing.page.play import FRAMES, STEPS, play_of
from teacherstudent.contract.spaces import Parameters
from teacherstudent.recording.runs import find_runs


def scene(tmp_path):
    setting, groups, style = prepared(tmp_path)
    return Scene(setting, groups, style)


def numbers(letters):
    return np.frombuffer(base64.b64decode(letters), "<u2")


def test_tasks_scores_and_stretches(write_run, tmp_path):
    write_pair(write_run, seeds=1)
    drawn = scene(tmp_path)
    found = play_of(drawn)
    assert (found["names"], found["low"], found["high"]) == (["height", "spacing"], [0.0, 0.0], [3.0, 6.0])
    assert (found["edges"][0], found["edges"][-1], len(found["edges"])) == (0.0, 1000.0, FRAMES + 1)
    (one, two) = found["teachers"]
    assert [one["teacher"], two["teacher"]] == ["alp-gmm", "riac"]
    table = drawn.groups[0].runs[0].episodes()
    frame = numbers(one["frame"])
    # 200 tasks at each of four costs, which end the stretches that they are in.
    assert sorted(set(frame.tolist())) == [FRAMES // 4 * k - 1 for k in (1, 2, 3, 4)]
    heights = numbers(one["places"][0]) / STEPS * 3.0
    assert np.isin(np.round(heights, 3), np.round(table["task_height"], 3)).mean() > 0.95
    scores = found["worst"] + numbers(one["scores"]) / STEPS * (found["best"] - found["worst"])
    assert scores.min() == pytest.approx(found["worst"])
    assert 0.0 < np.median(scores) + 1.0 < 2.0


def test_outlines_are_those_of_the_time(write_run, tmp_path):
    write_pair(write_run, seeds=1)
    mixed, boxed = play_of(scene(tmp_path))["teachers"]
    assert mixed["outlines"][0] == {}
    weight, mean, covariance = mixed["outlines"][-1]["mixture"][0]
    assert (weight, mean) == (0.75, [1.0, 2.0]), "learning progress is no dimension of a task"
    assert covariance == MIXTURE["covariances"][0][:2, :2].ravel().tolist()
    shade, low, high = boxed["outlines"][-1]["regions"][0]
    assert (shade, low, high) == (1.0, BOXES["low"][1], BOXES["high"][1]), "the best region first"


def test_inner_nodes_are_no_regions_and_particles_are_shown(write_run, tmp_path):
    tree = BOXES | {"leaf": [False, True]}
    write_run("r/riac/0", snapshot=lambda share: tree)
    write_run(
        "r/currot/0",
        teacher={"name": "currot", "options": {}},
        snapshot=lambda share: {"particles": np.full((900, 2), 1.5)},
    )
    first, second = play_of(scene(tmp_path))["teachers"]
    found = {each["teacher"]: each["outlines"][-1] for each in (first, second)}
    assert len(found["random"]["regions"]) == 1
    assert found["currot"]["particles"][0] == [1.5, 1.5]
    assert len(found["currot"]["particles"]) == play.BOXES


def test_only_what_all_runs_reach_is_played(write_run, tmp_path):
    """Rows beyond the common cost are in no stretch, least of all in the last one."""
    write_run("r/a/0")
    write_run("r/b/0", teacher={"name": "riac", "options": {}}, until=0.5, status="interrupted")
    comparison = analyse(find_runs([tmp_path / "r"]), include_stopped=True)
    (setting,) = comparison.settings
    found = play_of(Scene(setting, setting.groups, styles(comparison.settings, None)))
    assert found["edges"][-1] == 500.0
    assert [len(numbers(each["frame"])) for each in found["teachers"]] == [400, 400]


@pytest.mark.parametrize("line", [0.5, -0.5, 3.0])
def test_what_was_mastered_is_not_what_is_left_of_a_rounded_score(write_run, tmp_path, line):
    write_run("r/0", mastered=line)
    drawn = scene(tmp_path)
    (found,) = play_of(drawn)["teachers"]
    solved = np.frombuffer(base64.b64decode(found["solved"]), np.uint8)
    score = drawn.groups[0].runs[0].episodes()["score"]
    assert solved.sum() == (score > line).sum()


def test_scores_that_are_no_numbers_are_left_out(write_run, tmp_path):
    write_run("r/0")
    drawn = scene(tmp_path)
    run = drawn.groups[0].runs[0]
    table = run.episodes()
    table["score"] = np.where(np.arange(800) % 2, np.nan, table["score"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(run), "episodes", lambda *_: table)
        found = play_of(drawn)
    assert len(numbers(found["teachers"][0]["frame"])) == 400


def test_particles_of_another_shape_are_not_drawn(write_run, tmp_path):
    write_run("r/0", snapshot=lambda share: {"particles": np.zeros((5, 3))})
    assert play_of(scene(tmp_path))["teachers"][0]["outlines"][-1] == {}


def test_narrow_regions_far_from_0_keep_their_place(write_run, tmp_path):
    low, high = [[1000.2, 0.0]], [[1000.7, 1.0]]
    space = Parameters(height=(1000, 1001), spacing=(0, 1))
    write_run("r/0", space=space, snapshot=lambda share: {"low": low, "high": high})
    _, left, right = play_of(scene(tmp_path))["teachers"][0]["outlines"][-1]["regions"][0]
    assert (left[0], right[0]) == (1000.2, 1000.7)


def test_listed_tasks_have_one_dimension(write_run, tmp_path):
    write_run("r/0", space=Discrete(4, start=2))
    found = play_of(scene(tmp_path))
    assert (found["names"], found["low"], found["high"]) == (["task"], [1.5], [5.5])
    places = np.unique(numbers(found["teachers"][0]["places"][0])) / STEPS * 4.0 + 1.5
    assert places == pytest.approx([2.0, 3.0, 4.0, 5.0], abs=1e-3)


def test_all_dimensions_are_there(write_run, tmp_path):
    write_run("r/0", space=THREE)
    found = play_of(scene(tmp_path))
    assert len(found["teachers"][0]["places"]) == len(found["names"]) == 3


def test_walls_of_a_manifest_are_checked(write_run, tmp_path):
    write_run("r/0", walls=[[0.0, 1.0, 2.0, 3.0]])
    assert play_of(scene(tmp_path))["walls"] == [[0.0, 1.0, 2.0, 3.0]]


@pytest.mark.parametrize("walls", [[[1.0]], [[0.0, 1.0, 2.0, None]], []])
def test_walls_that_are_none_are_left_out(write_run, tmp_path, walls):
    write_run("r/0", walls=walls)
    assert play_of(scene(tmp_path))["walls"] == []


def test_a_teacher_of_many_tasks_shows_some_of_every_stretch(write_run, tmp_path, monkeypatch):
    monkeypatch.setattr(play, "POINTS", FRAMES * 10)
    write_run("r/0")
    frame = numbers(play_of(scene(tmp_path))["teachers"][0]["frame"])
    assert len(set(frame.tolist())) == 4
    assert len(frame) == 40
