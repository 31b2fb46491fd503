import numpy as np
import pytest

from teacherstudent.envs.image_examples import DigitsExamples
from teacherstudent.envs.image_stages import DigitsStages
from teacherstudent.vision.reference import reference_losses

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
    assert 3e9 < found.cost < 4e9
    assert len(family.data.train) == family.space.n == 997  # the family is as before
    again = reference_losses(family, seed=0, budget=3e9, student_options=OPTIONS)
    assert np.array_equal(found.losses, again.losses)


def test_stages_have_no_reference():
    with pytest.raises(TypeError, match="expected a family of examples, got DigitsStages"):
        reference_losses(DigitsStages(), seed=0, budget=1e8)
