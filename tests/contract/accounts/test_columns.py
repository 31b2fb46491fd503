import numpy as np
import pytest

from teacherstudent.contract.accounts.columns import check_columns
from teacherstudent.contract.purposes import Purpose
from teacherstudent.contract.types import Outcomes

DECLARED = {"needs": {"a"}, "measures": {"a", "b"}, "reads": {"c"}}


def rows(purpose, **signals):
    n = len(purpose)
    columns = {name: np.array(values) for name, values in signals.items()}
    return Outcomes(
        ids=range(n),
        tasks=np.zeros((n, 1)),
        score=np.zeros(n),
        cost=np.ones(n),
        purpose=purpose,
        signals=columns,
    )


@pytest.mark.parametrize(
    "outcomes",
    [
        rows([Purpose.TRAIN], a=[0.0]),
        rows([Purpose.TRAIN], a=[0.0], b=[np.nan], c=[np.inf]),
        rows([Purpose.TRAIN, Purpose.MEASURE], a=[0, 1], b=[np.nan, 2.0]),
        rows([Purpose.EDIT, Purpose.TRAIN], a=[0, 1], b=[2.0, np.inf], c=[np.nan, np.nan]),
    ],
)
def test_each_row_carries_what_is_declared_of_its_purpose(outcomes):
    check_columns(outcomes, "here", **DECLARED)


@pytest.mark.parametrize(
    ("outcomes", "message"),
    [
        (rows([Purpose.MEASURE], a=[0.0]), r"expected the signal 'b', got \['a'\]"),
        (rows([Purpose.TRAIN], b=[0.0]), r"expected the signal 'a', got \['b'\]"),
        (rows([Purpose.TRAIN] * 2, a=[0.0, np.nan]), r"row 1 .*a finite signal 'a', got nan$"),
        (
            rows([Purpose.TRAIN, Purpose.EDIT], a=[0, 0], b=[np.nan] * 2),
            r"row 1 .*signal 'b', got nan$",
        ),
        (rows([Purpose.TRAIN], a=[0.0], b=[[0.0]]), r"'b': expected one number for each of 1 rows"),
        (rows([Purpose.TRAIN], a=[0.0], c=[[0.0]]), r"'c': expected one number .*shape \(1, 1\)"),
    ],
)
def test_a_row_that_lacks_something_is_named(outcomes, message):
    with pytest.raises(ValueError, match=r"here: .*" + message):
        check_columns(outcomes, "here", **DECLARED)


def test_what_measured_rows_lack_undeclared_comes_with_the_remedy():
    outcomes = rows([Purpose.MEASURE], a=[np.nan])
    with pytest.raises(ValueError, match=r"got nan of a row that is only measured: .*should name 'a'"):
        check_columns(outcomes, "here", needs={"a"}, measures=set(), reads=set())
