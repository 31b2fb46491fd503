"""What families of images have in common: where the data come from, how they are split."""

import numpy as np
import pytest

from teacherstudent.contract.spaces import Parameters
from teacherstudent.envs.images.data import MissingDataError, read_digits
from teacherstudent.envs.images.examples import DigitsExamples, FashionExamples
from teacherstudent.envs.images.family import Source
from teacherstudent.envs.images.stages import DigitsStages, FashionStages


def test_families_can_be_stratified(folder):
    for made in (DigitsStages(stratified=True), DigitsExamples(stratified=True)):
        assert made.test_set.startswith("digits-stratified-")
        assert np.ptp(np.bincount(made.data.validation.labels)) <= 3  # as in the whole
    for made in (FashionStages, FashionExamples):
        found = made(path=folder, probe=9, validation=30, stratified=True)
        assert np.bincount(found.data.validation.labels).tolist() == [10, 10, 10]


def test_families_of_a_folder(folder):
    stages = FashionStages(path=folder, probe=10, validation=20)
    assert stages.space == Parameters(bandwidth=(6, 12))
    assert [len(p) for p in (stages.data.train, stages.data.probe, stages.data.test)] == [60, 10, 30]
    examples = FashionExamples(path=folder, probe=10, validation=20)
    assert (examples.space.n, examples.test_tasks().tolist()) == (60, [0, 1, 2])


@pytest.mark.parametrize("kind", [FashionStages, FashionExamples])
def test_the_missing_package_is_named(kind, monkeypatch, tmp_path):
    monkeypatch.setenv("TEACHERSTUDENT_DATA", str(tmp_path))
    family = kind()  # the data are read when they are needed
    with pytest.raises(MissingDataError, match=r"apt-get install dataset-fashion-mnist\. .*_DATA=FOLDER"):
        _ = family.data
    with pytest.raises(MissingDataError, match=rf"^{tmp_path}: expected .*found neither\. \(see docs/"):
        kind(path=tmp_path)  # whoever names a folder knows where it came from


def test_the_training_split_keeps_as_many_examples_as_asked_and_no_others():
    images = read_digits()[0]
    asked = {"name": "digits", "side": 8, "examples": len(images), "probe": 200, "validation": 300}
    whole, part = (Source(**asked, train=n).splits(*read_digits()) for n in (None, 50))
    assert len(whole.train) == len(images) - 500
    assert len(part.train) == 50
    rows = whole.train.images.reshape(len(whole.train), -1)
    for image in part.train.images.reshape(50, -1):
        assert (rows == image).all(axis=1).any()
    np.testing.assert_array_equal(part.validation.images, whole.validation.images)
    with pytest.raises(ValueError, match=r"train: expected 1 to \d+ examples, got 0"):
        Source(**asked, train=0)
