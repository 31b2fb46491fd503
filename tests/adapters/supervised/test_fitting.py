"""Teachers that a loop over examples cannot work with are refused with the reason."""

import pytest
from taught_data import listening, sampler

from teacherstudent import teachers
from teacherstudent.adapters.supervised.fitting import check_examples, check_teacher
from teacherstudent.contract.spaces import Discrete, Parameters


class Two:
    members = 2


@pytest.mark.parametrize(
    ("teacher", "error", "message"),
    [
        ("uniform", TypeError, "expected a Teacher, got 'uniform'"),
        (teachers.make("random", Parameters(x=(0, 1)), seed=0), TypeError, "StageController"),
        (
            teachers.make("uniform", Discrete(22), seed=0),
            ValueError,
            r"expected a teacher over Discrete\(23\)",
        ),
        (teachers.make("constant", Discrete(23), seed=0), ValueError, "last for a chunk"),
    ],
)
def test_a_teacher_that_does_not_fit_is_refused(teacher, error, message):
    with pytest.raises(error, match=message):
        check_examples("who", teacher, 23, rank=0)


def test_one_teacher_serves_all_ranks():
    check_examples("who", listening(), 23, rank=0)
    check_examples("who", None, 23, rank=1)
    with pytest.raises(ValueError, match="expected None on rank 1"):
        check_examples("who", listening(), 23, rank=1)
    with pytest.raises(TypeError, match="expected a Teacher, got None"):
        check_examples("who", None, 23, rank=0)


def test_a_teacher_of_several_models_is_refused():
    teacher = listening()
    teacher.members = 2
    with pytest.raises(ValueError, match="for 2 members"):
        check_teacher("who", teacher)
    with pytest.raises(ValueError, match="TeacherBatchSampler: expected a teacher of one model"):
        sampler("batch", teacher)
