import numpy as np
import pytest

from teacherstudent.contract.purposes import Purpose, add_costs, check_purposes, measured_costs, purposes
from teacherstudent.contract.types import Assignment


def test_truth_values_become_purposes():
    found = purposes([True, False])
    assert (found.tolist(), found.dtype) == ([Purpose.TRAIN, Purpose.MEASURE], np.uint8)
    with pytest.raises(TypeError, match="purposes: expected True and False, got"):
        purposes([1, 0])


def test_a_student_refuses_what_it_does_not_know():
    rows = Assignment(ids=[3, 4], tasks=[[0.0], [1.0]], purpose=[0, 2])
    check_purposes(rows, "mine")
    with pytest.raises(ValueError, match=r"mine: row 1 \(id 4\): purpose: expected one of 0 .*, got 2"):
        check_purposes(rows, "mine", (Purpose.TRAIN, Purpose.MEASURE))


def test_costs_stand_under_the_names_of_purposes():
    found = measured_costs(np.array([0, 1, 2, 1], np.uint8), [1.0, 2.0, 4.0, 8.0])
    assert found == {"measure": 10.0, "edit": 4.0}
    assert measured_costs(np.zeros(2, np.uint8), 3.0) == {}
    counts = {"measure": 1.0}
    add_costs(counts, found)
    assert counts == {"measure": 11.0, "edit": 4.0}
