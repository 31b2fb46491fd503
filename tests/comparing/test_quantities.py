from __future__ import annotations

import pytest

from teacherstudent.comparing import report
from teacherstudent.comparing.compare import compare


def test_equal_seconds_instead_of_equal_cost(quick_and_slow):
    comparison = compare([quick_and_slow], x="seconds", baseline="quick")
    (setting,) = comparison.settings
    assert (setting.end, setting.quantity.unit, setting.own_ends) == (20.0, "seconds", False)
    quick, slow = comparison.rows
    assert (quick.teacher, quick.mastered.value, slow.mastered.value) == ("quick", 60.0, 40.0)
    assert (slow.final.mastered.value, slow.final.seconds, slow.difference.value) == (80.0, 40.0, -20.0)
    assert (slow.reached, quick.reached_at) == (0, 20.0)  # slow has 60 after 30 seconds
    text = report.to_text(comparison)
    assert "tracks: at 20 seconds" in text
    assert "averaged over seconds" in text
    assert "at median seconds" in text
    assert "tracks: last test of each run" in text


def test_any_entry_of_the_ledger_can_stand_for_cost(quick_and_slow):
    rows = {x: compare([quick_and_slow], x=x).rows for x in ("train", "updates", "seconds/student")}
    assert [row.mastered.value for row in rows["train"]] == [80.0, 60.0]
    assert [row.mastered.value for row in rows["updates"]] == [80.0, 60.0]
    # 18 seconds of 30 are 0.6 of slow's run: tests at 15 and 22.5 with 40 and 60
    assert [row.mastered.value for row in rows["seconds/student"]] == [60.0, 48.0]
    with pytest.raises(ValueError, match=r"x: expected one of \['spent', 'seconds', 'train', .*got 'coffee'"):
        compare([quick_and_slow], x="coffee")
