from __future__ import annotations

import numpy as np
import pytest
from gymnasium.spaces import Discrete

from teacherstudent import spaces
from teacherstudent.comparing.compare import analyse
from teacherstudent.comparing.figures import draw as figures
from teacherstudent.comparing.figures import maps, stages
from teacherstudent.comparing.figures.scene import Scene
from teacherstudent.comparing.figures.style import styles
from teacherstudent.contract.purposes import Purpose
from teacherstudent.contract.types import Outcomes
from teacherstudent.recording.recorder import Recorder
from teacherstudent.recording.runs import find_runs

KNOBS = spaces.Parameters(bandwidth=(4, 8), magnitude=(0, 1), smoothing=(0, 1))


@pytest.fixture
def write(tmp_path, synthetic, monkeypatch):
    """Return a function that writes a run whose chunks have given tasks and end at given costs."""
    monkeypatch.setattr("os.fsync", lambda descriptor: None)

    def write_stages(name, space, tasks, ends, seed=0, purposes=None, **entries):
        manifest = synthetic.manifest(
            space,
            seed=seed,
            cost_unit="FLOPs",
            mastered=None,
            score_name="accuracy",
            **{"teacher": {"name": name, "options": {}}} | entries,
        )
        recorder = Recorder(tmp_path / "r" / f"{name}-{seed}", manifest=manifest, log=())
        recorder.tests(
            synthetic.tests(50, space).select(slice(1)), spent=entries.get("charged", 0), ledger={}
        )
        for k, (task, end) in enumerate(zip(tasks, ends, strict=True)):
            row = Outcomes(
                ids=np.array([k]),
                tasks=np.array([task]),
                score=np.ones(1),
                cost=np.full(1, 10.0),
                purpose=[Purpose.TRAIN if purposes is None else purposes[k]],
            )
            recorder.episodes(row, spent=end)
        recorder.tests(synthetic.tests(90, space).select(slice(1)), spent=1000.0, ledger={})
        recorder.close("finished")

    return write_stages


def setting_of(tmp_path):
    comparison = analyse(find_runs([tmp_path / "r"]))
    (setting,) = comparison.settings
    return setting, styles(comparison.settings, comparison.baseline)


def test_a_stage_holds_for_the_compute_of_its_chunk(write, tmp_path):
    purposes = [Purpose.TRAIN, Purpose.TRAIN, Purpose.MEASURE, Purpose.TRAIN]
    write("a", Discrete(3), [0, 2, 1, 1], [250, 500, 900, 1000], purposes=purposes)
    setting, _ = setting_of(tmp_path)
    found = stages.stages_of(setting.groups[0].runs[0])
    np.testing.assert_array_equal(found, np.repeat([0, 2, 1], [100, 100, 200]))  # the third was measured


def test_shares_are_of_the_compute_left_by_a_charge(write, tmp_path):
    write("a", Discrete(2), [0, 1], [600, 1000], charged=200.0)
    setting, _ = setting_of(tmp_path)
    found = stages.stages_of(setting.groups[0].runs[0])
    np.testing.assert_array_equal(found, np.repeat([0, 1], [200, 200]))


def test_shares_of_listed_stages_are_averaged_over_seeds(write, tmp_path):
    write("a", Discrete(3, start=1), [1, 3], [500, 1000], seed=0)
    write("a", Discrete(3, start=1), [1, 2], [500, 1000], seed=1)
    setting, style = setting_of(tmp_path)
    shares = stages.arm_shares(setting.groups[0], 1, 3)
    assert shares.shape == (stages.BINS, 3)
    np.testing.assert_allclose(shares.sum(axis=1), 1.0)
    np.testing.assert_allclose(shares[0], [1.0, 0.0, 0.0])
    np.testing.assert_allclose(shares[-1], [0.0, 0.5, 0.5])
    figure = stages.draw_stages(Scene(setting, setting.groups, style))["stages"]
    assert len(figure.axes[0].patches) == 3
    assert figure.axes[0].get_title() == "a (2 seeds ?)"
    assert maps.draw_sampling(Scene(setting, setting.groups, {})) == {}


def test_knobs_have_a_panel_each_with_mean_and_spread(write, tmp_path):
    write("a", KNOBS, [[4, 0, 0.5], [8, 1, 0.5]], [500, 1000], seed=0)
    write("a", KNOBS, [[6, 0, 0.5], [8, 1, 0.5]], [500, 1000], seed=1)
    setting, style = setting_of(tmp_path)
    size, magnitude, smoothing = stages.draw_stages(Scene(setting, setting.groups, style))["stages"].axes
    assert [axes.get_ylabel() for axes in (size, magnitude, smoothing)] == [
        "bandwidth",
        "magnitude",
        "smoothing",
    ]
    values = size.lines[0].get_ydata()
    assert (values[0], values[-1]) == (5.0, 8.0)
    band = size.collections[0].get_paths()[0].get_extents()
    assert (band.y0, band.y1) == (4.0, 8.0)  # 5 +- 1, then 8
    assert not magnitude.collections  # no spread
    assert size.get_xlim() == (0.0, 1.0)
    assert "sampling-a" not in maps.draw_sampling(Scene(setting, setting.groups, {}))


def test_stages_are_named_by_their_knobs(write, tmp_path):
    family = {"name": "x", "options": {"stages": [{"bandwidth": 4}, {}]}}
    write("a", Discrete(2), [0, 1], [500, 1000], family=family)
    setting, style = setting_of(tmp_path)
    figure = stages.draw_stages(Scene(setting, setting.groups, style))["stages"]
    _, labels = figure.axes[0].get_legend_handles_labels()
    assert labels == ["0: bandwidth 4", "1: neutral"]


def test_the_stages_that_a_teacher_brings_along_give_the_names(write, tmp_path):
    brought = {"name": "a", "options": {}, "family_options": {"stages": [{"bandwidth": 4}, {"bandwidth": 8}]}}
    write("a", Discrete(2), [0, 1], [500, 1000], teacher=brought)
    setting, _ = setting_of(tmp_path)
    assert stages._stage_names(setting, 0, 2) == ["0: bandwidth 4", "1: bandwidth 8"]
    other = brought | {"name": "b", "family_options": {"stages": [{"bandwidth": 5}, {"bandwidth": 8}]}}
    write("b", Discrete(2), [0, 1], [500, 1000], teacher=other)
    setting, _ = setting_of(tmp_path)
    assert stages._stage_names(setting, 0, 2) == ["stage 0", "stage 1"]  # one key cannot name both


def test_examples_and_environments_have_no_stages(write, write_run, tmp_path):
    write("a", Discrete(1000), [0, 1], [500, 1000])
    setting, style = setting_of(tmp_path)
    assert stages.draw_stages(Scene(setting, setting.groups, style)) == {}
    folder = write_run("rl/0")
    (environments,) = analyse(find_runs([folder])).settings
    assert not stages.are_stages(environments)


def test_all_figures_of_stages_are_written(write, tmp_path):
    write("a", KNOBS, [[4, 0, 0.5], [8, 1, 0.5]], [500, 1000])
    comparison = analyse(find_runs([tmp_path / "r"]))
    paths = figures.save_all(figures.draw_all(comparison), tmp_path / "out", ["png"])
    assert sorted(path.stem for path in paths) == ["curves", "learning", "stages"]
