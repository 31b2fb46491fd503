"""Keys of rows: logs and saved buffers of earlier versions hold their values."""

import numpy as np

from teacherstudent.contract.stored.hashes import mixed, row_keys, terrain_keys

ROWS = np.array([[0.25, -1.0, 3.0], [0.0, 0.0, 0.0], [3.0, -1.0, 0.25]])


def test_the_finaliser_is_that_of_splitmix64():
    # The first two outputs of Vigna's splitmix64.c from the state 0, which adds the increment before each.
    increment = np.uint64(0x9E3779B97F4A7C15)
    states = np.array([1, 2], np.uint64) * increment
    assert mixed(states).tolist() == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4]


def test_keys_are_those_of_earlier_versions():
    assert row_keys(ROWS).tolist() == [-1037089859683247730, 747005397754734604, 6355720968427175016]
    assert row_keys(ROWS.astype(np.float32)).tolist() == [
        6312383280220823382,
        -7159082538122006776,
        -5448619154016147860,
    ]
    assert terrain_keys(ROWS).tolist() == [-7669163945413428806, 0, 3969757022532640079]


def test_equal_rows_have_equal_keys_and_others_do_not():
    for keys in (row_keys, terrain_keys):
        assert keys(-ROWS * 0.0).tolist() == keys(ROWS * 0.0).tolist()
        assert len(set(keys(ROWS).tolist())) == 3
        assert keys(ROWS[:0]).tolist() == []
    assert row_keys(ROWS.reshape(3, 3, 1)).tolist() == row_keys(ROWS).tolist()
