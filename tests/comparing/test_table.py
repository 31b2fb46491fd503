"""The table of results, selected by teacher and by what counts."""

from __future__ import annotations

import dataclasses

import numpy as np
from comparisons import teacher

from teacherstudent.comparing.compare import compare
from teacherstudent.comparing.table import NOTHING


def test_rows_are_selected_in_all_columns(two_teachers):
    (setting,) = compare([two_teachers]).settings
    results = setting.results
    assert results.teacher.tolist() == ["alp-gmm"] * 5 + ["random"] * 3
    assert [run.seed for run in results.run] == [0, 1, 2, 3, 4, 0, 1, 2]
    own = results.of("random")
    assert {len(getattr(own, column.name)) for column in dataclasses.fields(own)} == {3}
    assert own.mastered.tolist() == own.result.tolist() == own.last_mastered.tolist() == [10.0, 20.0, 30.0]
    assert len(results.of("nobody")) == len(NOTHING) == len(NOTHING.of("nobody").ranked()) == 0


def test_runs_are_paired_by_seed_in_their_order(two_teachers):
    (setting,) = compare([two_teachers]).settings
    own, other = setting.results.of("alp-gmm"), setting.results.of("random")
    assert own.paired(own)
    assert not own.paired(other)
    first = dataclasses.replace(own, run=own.run[:3])
    assert first.paired(other)
    assert not dataclasses.replace(own, run=own.run[:3][::-1]).paired(other)


def test_only_runs_on_the_split_of_the_others_are_ranked(write_run, tmp_path):
    for seed, until in enumerate((0.8, 1.0, 1.0)):
        write_run(
            f"r/{seed}", teacher=teacher("a"), seed=seed, final=80.0, tested=30.0 + seed, until=until,
            status="finished",
        )  # fmt: skip
    (setting,) = compare([tmp_path / "r"]).settings
    assert setting.results.ended.tolist() == [False, True, True]
    ranked = setting.results.ranked()
    assert [run.seed for run in ranked.run] == [1, 2]
    assert ranked.result.tolist() == [31.0, 32.0]
    assert np.isnan(ranked.reached).all()  # there is no baseline
