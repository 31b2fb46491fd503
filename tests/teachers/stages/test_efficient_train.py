"""EfficientTrain: shares of compute by hand.

(160/224)^2 = 25/49, (192/224)^2 = 36/49; over 75 + 36 + 49 = 160.
"""

import numpy as np
import pytest
from knob_paths import make, value

from teacherstudent.contract.spaces import Parameters
from teacherstudent.teachers.stages.efficient_train import SIZES, stage_ends


def test_stages_of_equal_numbers_of_examples_in_compute():
    np.testing.assert_allclose(stage_ends(np.array(SIZES)), np.array([25, 50, 75, 111, 160]) / 160)
    assert np.sum(np.square(SIZES)) / 5 == pytest.approx(160 / 245)  # 0.653 of a plain run


def test_efficient_train_switches_at_its_shares_of_compute():
    teacher = make("efficient-train")
    for progress, size in ((0, 160), (0.468, 160), (75 / 160, 192), (0.69, 192), (111 / 160, 224), (1, 224)):
        assert value(teacher, "bandwidth", progress) == pytest.approx(size)
    by_examples = make("efficient-train", clock="examples")
    for progress, size in ((0.599, 160), (0.6, 192), (0.799, 192), (0.8, 224)):
        assert value(by_examples, "bandwidth", progress) == pytest.approx(size)


def test_efficient_train_strengthens_augmentation_linearly_in_examples():
    teacher = make("efficient-train")
    for progress, seen in ((0, 0), (75 / 160, 0.6), (93 / 160, 0.7), (111 / 160, 0.8), (1, 1)):
        assert value(teacher, "magnitude", progress) == pytest.approx(0.9 * seen)


def test_efficient_train_by_steps_as_in_the_authors_code():
    teacher = make("efficient-train", ramp="stages", clock="examples")
    found = [value(teacher, "magnitude", p) for p in (0, 0.2, 0.4, 0.6, 0.8, 1)]
    np.testing.assert_allclose(found, [0.1, 0.3, 0.5, 0.7, 0.9, 0.9])


def test_efficient_train_without_augmentation_needs_no_knob_for_it():
    space = Parameters(resize=(0.5, 1))
    teacher = make("efficient-train", space, ramp=None)
    np.testing.assert_allclose(teacher.ask(1).tasks, [[160 / 224]])
    np.testing.assert_allclose(teacher.ask(1, progress=1.0).tasks, [[1.0]])
