from __future__ import annotations

import numpy as np
import pytest

from teacherstudent.comparing.compare import analyse
from teacherstudent.comparing.figures import lineage
from teacherstudent.comparing.figures.scene import Scene
from teacherstudent.contract.types import Outcomes
from teacherstudent.recording.recorder import Recorder
from teacherstudent.recording.runs import find_runs

LEVELS = {"kind": "MazeLevels", "shape": [3, 3], "dtype": "uint8"}
BOX = {"names": ["a", "b"], "low": [0, 0], "high": [9, 9], "kind": "Parameters", "shape": [2]}
KEYS, PARENTS, KINDS = [11, 12, 13, 12, 13], [0, 11, 12, 11, 12], [0, 2, 2, 1, 1]
"""12 is an edit of 11, 13 of 12; then 12 and 13 are replayed."""


def test_the_longest_late_chain_by_hand():
    key = np.array([5, 6, 7, 8, *[5] * 6, 9, 6])
    parent = np.array([0, 5, 6, 0, *[0] * 6, 8, 5])
    # the last of 12 rows is level 6, an edit of 5; level 7, of the longest chain, came early
    assert lineage.chain_of(key, parent).tolist() == [0, 1]
    assert lineage.chain_of(key[:3], parent[:3]).tolist() == [0, 1, 2]


def test_of_equal_chains_the_latest_ends():
    key, parent = np.arange(1, 41), np.zeros(40, np.int64)
    parent[36:] = [1, 2, 3, 0]
    assert lineage.chain_of(key, parent).tolist() == [2, 38]


def test_edits_that_lead_back_are_no_cycle():
    key = np.array([3, 4, 3, 4, 4])
    parent = np.array([0, 3, 4, 4, 3])  # 3 -> 4 -> 3 again, and an edit that changed nothing
    assert lineage.chain_of(key, parent).tolist() == [0, 1]
    assert lineage.chain_of(np.array([4, 3]), np.array([3, 4])).tolist() == [0, 1]  # 3 was not there before
    assert lineage.chain_of(np.array([3, 3]), np.array([3, 3])).tolist() == []


def test_a_parent_that_no_row_names_ends_the_chain():
    assert lineage.chain_of(np.array([7, 8]), np.array([99, 7])).tolist() == [0, 1]


@pytest.fixture
def drawn(tmp_path, synthetic, monkeypatch):
    """Return a function that writes a run of given rows and draws."""
    monkeypatch.setattr("os.fsync", lambda descriptor: None)

    def draw(space, tasks, **columns):
        recorder = Recorder(tmp_path / "r", manifest=synthetic.manifest() | {"space": space}, log=())
        n = len(tasks)
        rows = Outcomes(
            ids=np.arange(n), tasks=tasks, score=np.linspace(0, 1, n), cost=np.ones(n), signals=columns
        )
        recorder.episodes(rows, spent=500.0)
        test = Outcomes(ids=np.full(n, -1), tasks=tasks, score=np.zeros(n), cost=np.ones(n))
        recorder.tests(test, spent=500.0, ledger={})
        recorder.close("finished")
        (setting,) = analyse(find_runs([tmp_path])).settings
        return lineage.draw_lineage(Scene(setting, setting.groups, {}))

    return draw


def columns(**entries):
    return {"kind": np.array(KINDS), "parent": np.array(PARENTS), "key": np.array(KEYS)} | entries


def mazes():
    levels = np.zeros((5, 3, 3), np.uint8)
    levels[:, 0, 0] = 2
    levels[1:, 1, 1] = 1
    levels[[2, 4], 2, 2] = 1
    return levels


def test_a_chain_of_mazes_is_pictures_with_changes_outlined(drawn):
    figure = drawn(LEVELS, mazes(), **columns())["lineage"]
    assert [axes.get_title().split("\n")[0] for axes in figure.axes] == ["0: new", "1: edit", "2: edit"]
    np.testing.assert_array_equal(figure.axes[2].images[0].get_array(), mazes()[2])
    outlined = [[list(zip(*line.get_data(), strict=True)) for line in axes.lines] for axes in figure.axes]
    assert outlined == [[], [[(1, 1)]], [[(2, 2)]]]
    assert figure.axes[0].get_ylabel() == "random"


def test_a_chain_of_numbers_is_a_table(drawn):
    tasks = np.array([[1.0, 2.0], [1.0, 3.0], [4.5, 3.0], [1.0, 3.0], [4.5, 3.0]])
    (axes,) = drawn(BOX, tasks, **columns())["lineage"].axes
    assert [text.get_text() for text in axes.texts] == ["1", "1", "4.5", "2", "3", "3"]
    assert axes.images[0].get_array().tolist() == [[0, 0, 1], [0, 1, 0]]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b"]


def test_long_chains_are_thinned_out(drawn):
    n = 25
    keys = np.arange(1, n + 1)
    given = {"kind": np.minimum(keys - 1, 1) * 2, "parent": keys - 1, "key": keys}
    figure = drawn(LEVELS, np.zeros((n, 3, 3), np.uint8), **given)["lineage"]
    shown = [axes.get_title().split(":")[0] for axes in figure.axes]
    assert len(shown) == lineage.SHOWN
    assert (shown[0], shown[-1]) == ("0", "24")
    assert "are drawn, evenly spread" in figure.get_supxlabel().replace("\n", " ")


def test_without_keys_nothing_is_drawn(drawn):
    without = columns()
    del without["key"]
    assert drawn(LEVELS, mazes(), **without) == {}


def test_without_edits_nothing_is_drawn(drawn):
    assert drawn(LEVELS, mazes(), **columns(parent=np.zeros(5, np.int64))) == {}
