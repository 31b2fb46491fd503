import numpy as np
import pytest

from teacherstudent.contract.checks import check_names, check_pair, check_whole, closest, is_number


def test_names_must_be_complete():
    check_names("state", ("a", "b"), {"b": 1, "a": 2})
    with pytest.raises(ValueError, match=r"state: expected \['a', 'b'\]; missing \['b'\], unknown \['c'\]"):
        check_names("state", ("a", "b"), ["a", "c"])


@pytest.mark.parametrize("value", [2, np.int64(2)])
def test_whole_numbers(value):
    assert check_whole("window", value, 2) == 2
    assert type(check_whole("window", value)) is int


@pytest.mark.parametrize("value", [1, 2.5, 3.0, True, "3", None, np.nan])
def test_what_is_no_whole_number_is_refused(value):
    with pytest.raises(ValueError, match="window: expected a whole number of at least 2, got"):
        check_whole("window", value, 2)


def test_pairs():
    assert check_pair("share", "two", [1, "b"]) == check_pair("share", "two", (1, "b")) == (1, "b")
    for value in (0.5, "ab", (1,), [1, 2, 3], None):
        with pytest.raises(ValueError, match="share: expected two, got"):
            check_pair("share", "two", value)


def test_real_numbers():
    assert all(is_number(value) for value in (0, -1.5, np.float32(2), np.int64(3), np.nan))
    assert not any(is_number(value) for value in (True, "1", None, 1j, np.True_))


def test_the_nearest_word_is_one_that_is_nearly_the_same_or_begins_with_it():
    known = ("riac", "alp-gmm", "cartpole-parameters")
    assert closest("rica", known) == " (did you mean 'riac'?)"
    assert closest("cartpole", known) == " (did you mean 'cartpole-parameters'?)"
    assert closest("car", known) == ""
    assert closest(3, known) == ""
