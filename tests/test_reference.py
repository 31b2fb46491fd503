import os
import runpy
from pathlib import Path

import numpy as np
import pytest

from teacherstudent.envs.images.examples import DigitsExamples
from teacherstudent.envs.images.stages import DigitsStages
from teacherstudent.recording.disk.plain import read_json
from teacherstudent.reference import reference_losses

OPTIONS = {
    "backbone": "resnet",
    "backbone_options": {"widths": (8, 16)},
    "training": {"batch_size": 50, "lr": 0.01, "renorm": 64},
    "machine": {"device": "cpu"},
}


def test_a_reference_learns_from_the_probe_and_sees_wrong_labels():
    family = DigitsExamples(label_noise=0.4)
    clean = DigitsExamples().data.train.labels
    found = reference_losses(family, seed=0, budget=3e9, student_options=OPTIONS)
    assert found.losses.shape == (997,)
    wrong = family.data.train.labels != clean
    assert 0.35 < wrong.mean() < 0.45
    assert found.losses[wrong].mean() > 3 * found.losses[~wrong].mean()
    assert found.accuracy == pytest.approx((1 - wrong.mean()) * 0.85, abs=0.12)
    assert found.validation == pytest.approx(0.85, abs=0.1)
    assert 3e9 < found.cost < 4e9
    assert len(family.data.train) == family.space.n == 997  # the family is as before
    again = reference_losses(family, seed=0, budget=3e9, student_options=OPTIONS)
    assert np.array_equal(found.losses, again.losses)


def test_stages_have_no_reference():
    with pytest.raises(TypeError, match="expected a family of examples, got DigitsStages"):
        reference_losses(DigitsStages(), seed=0, budget=1e8)


def test_the_experiment_keeps_its_reference_until_its_settings_change(tmp_path, monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "experiments"))
    script = runpy.run_path(str(Path(__file__).parents[1] / "experiments" / "jest.py"))
    make, budgets = script["make_reference"], script["REFERENCE"]
    budgets["digits-examples"] = 1e8
    quick = script["make_study"]("jest", "", 0.0).version(quick=True)
    path, cost = make(quick, tmp_path)
    about = read_json(Path(path).with_suffix(".json"))
    assert (about["settings"]["budget"], about["settings"]["seed"]) == (1e8, 0)
    assert f"accuracy {about['validation']:.1%} on the validation split" in capsys.readouterr().out
    os.utime(path, (0, 0))
    assert make(quick, tmp_path) == (path, cost)
    assert Path(path).stat().st_mtime == 0
    budgets["digits-examples"] = 3e8
    again, more = make(quick, tmp_path)
    assert (again, Path(path).stat().st_mtime > 0) == (path, True)
    assert more == pytest.approx(cost + 2e8, rel=0.5)
    clean, _ = make(script["make_study"]("jest-clean", "", 0.0).version(quick=True), tmp_path)
    assert clean != path
    study = script["make_study"]("jest-clean", clean, cost)
    assert (study.name, study.family_options["label_noise"]) == ("jest-clean", 0.0)
