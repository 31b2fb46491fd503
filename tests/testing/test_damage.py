import copy

import numpy as np

from teacherstudent.contract.stored.saved import difference
from teacherstudent.testing.damage import damaged

STATE = {
    "count": 3,
    "inner": {"mean": 0.5},
    "names": ["a", "b"],
    "rows": np.array([1, 2], np.int8),
    "on": True,
}


def test_every_damage_is_another_state_and_the_given_one_stays():
    before = copy.deepcopy(STATE)
    found = dict(damaged(STATE, most=10**6))
    assert difference(STATE, before) is None
    for what, state in found.items():
        assert difference(STATE, state) is not None, what
    assert {"the state as text", "the state as None", "the state with an entry more"} <= found.keys()
    assert found["the state without 'inner'"] == {k: v for k, v in STATE.items() if k != "inner"}
    assert found["inner.mean as -1"]["inner"] == {"mean": -1}
    assert found["names without its first item"]["names"] == ["b"]
    assert found["names.1 as text"]["names"] == ["a", "text"]
    assert "on as -1" not in found  # a truth value is no number


def test_arrays_change_in_shape_kind_and_numbers_that_they_can_hold():
    found = {what: state["rows"] for what, state in damaged(STATE, most=10**6) if what.startswith("rows ")}
    assert found["rows with an axis more"].shape == (1, 2)
    assert found["rows without its last row"].tolist() == [1]
    assert found["rows with a row more"].tolist() == [1, 2, 0]
    assert found["rows all -1"].tolist() == [-1, -1]
    assert found["rows with -1 last"].tolist() == [1, -1]
    assert not any("1000000000" in what for what in found)  # beyond int8
    floats = dict(damaged({"x": np.array([0.5, 1.5])}, most=10**6))
    np.testing.assert_array_equal(floats["x with nan last"]["x"], [0.5, np.nan])


def test_of_many_damages_an_even_selection_is_taken():
    state = {f"part{i}": {"mean": float(i)} for i in range(40)}
    some = [what for what, _ in damaged(state, most=50)]
    assert 40 <= len(some) <= 50
    parts = [int(what[4:].partition(".")[0].partition(" ")[0]) for what in some if what.startswith("part")]
    assert (min(parts), max(parts)) < (3, 40)
    assert max(parts) > 36
    assert np.diff(sorted(set(parts))).max() <= 2
