"""Cyclical shares of the data, by hand."""

import numpy as np
from knob_paths import make, value

from teacherstudent.teachers.stages.cyclical import cycle_sizes


def test_cycle_sizes_by_hand():
    assert cycle_sizes(3).tolist() == [0.25, 0.5, 1, 0.5, 0.25, 0.5]
    sizes = cycle_sizes(30)
    assert (len(sizes), sizes.sum()) == (54, 30)
    np.testing.assert_allclose(cycle_sizes(2, low=0.4, high=0.9), [0.4, 0.8, 0.9])
    np.testing.assert_allclose(cycle_sizes(3, low=0.4, high=0.9), [0.4, 0.8, 0.9, 0.45, 0.4, 0.8])
    assert cycle_sizes(2.5, low=1, high=1).tolist() == [1, 1, 1]


def test_cyclical_gives_each_pass_its_share_of_compute():
    teacher = make("cyclical", epochs=3)  # ends at 0.25, 0.75, 1.75, 2.25, 2.5 and 3
    for spent, size in (
        (0, 0.25),
        (0.24, 0.25),
        (0.25, 0.5),
        (0.75, 1),
        (1.74, 1),
        (1.75, 0.5),
        (2.3, 0.25),
        (3, 0.5),
    ):
        assert value(teacher, "data_fraction", spent / 3) == size
