"""Single examples as tasks."""

import pytest

from teacherstudent.envs.images.examples import DigitsExamples


def test_examples_have_no_knobs_of_batches():
    with pytest.raises(ValueError, match="expected no batch_size"):
        DigitsExamples(fixed={"batch_size": 8})
    with pytest.raises(TypeError, match="digits examples: fixed: expected a mapping of names"):
        DigitsExamples(fixed=3)
    assert DigitsExamples(fixed={"magnitude": 0.5}).setting(3)["magnitude"] == 0.5
