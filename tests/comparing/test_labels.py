from __future__ import annotations

import pytest
from comparisons import teacher

from teacherstudent.comparing.compare import compare


@pytest.mark.parametrize(
    ("entries", "told"),
    [
        ({"test_set": "other-100"}, "test set=other-100"),
        ({"cost_unit": "FLOPs"}, "cost unit=FLOPs"),
        ({"mastered": 0.9}, "mastered=0.9"),
        ({"student": teacher("sb3", algorithm="SAC")}, "student algorithm=SAC"),
        ({"family": teacher("tracks", embodiment="short")}, "family embodiment=short"),
        ({"test_seed": 7}, "test seed=7"),
        ({"student": teacher("sb3", n_envs=4)}, "student n_envs=4"),
    ],
)
def test_what_must_not_be_mixed_is_set_apart_and_named(write_run, tmp_path, entries, told):
    write_run("r/a", seed=0)
    write_run("r/b", seed=1, **entries)
    comparison = compare([tmp_path / "r"])
    assert len(comparison.settings) == 2
    assert any(told in setting.label for setting in comparison.settings)
    assert all(row.seeds == 1 for row in comparison.rows)


def test_teachers_are_told_apart_by_what_differs(write_run, tmp_path):
    for seed in range(2):
        write_run(f"r/a{seed}", seed=seed, teacher=teacher("alp-gmm", window=250, variant="fixed"))
        write_run(f"r/b{seed}", seed=seed, teacher=teacher("alp-gmm", window=250, variant="paper"))
        write_run(f"r/c{seed}", seed=seed, teacher=teacher("riac", window=99))
    rows = {row.teacher: row.seeds for row in compare([tmp_path / "r"]).rows}
    assert rows == {"alp-gmm (variant=fixed)": 2, "alp-gmm (variant=paper)": 2, "riac": 2}


def test_student_options_of_a_teacher_tell_teachers_apart_not_settings(write_run, tmp_path):
    for seed in range(2):
        write_run(f"r/a{seed}", seed=seed, teacher=teacher("alp-gmm"))
        brought = teacher("alp-gmm") | {"student_options": {"score": "level"}}
        write_run(f"r/b{seed}", seed=seed, teacher=brought)
    comparison = compare([tmp_path / "r"])
    assert len(comparison.settings) == 1
    assert {row.teacher: row.seeds for row in comparison.rows} == {
        "alp-gmm": 2,
        "alp-gmm (student score=level)": 2,
    }


def test_long_options_that_look_alike_stay_apart(write_run, tmp_path):
    for seed, last in enumerate((1, 2)):
        write_run(f"r/{seed}", seed=0, teacher=teacher("oracle", path=[0] * 40 + [last]))
    rows = compare([tmp_path / "r"]).rows
    assert len(rows) == 2
    assert len({row.teacher for row in rows}) == 2


def test_a_seed_twice_counts_once(write_run, tmp_path):
    write_run("r/old", seed=3, final=10.0, until=0.5, status="interrupted")
    write_run("r/new", seed=3, final=40.0)
    comparison = compare([tmp_path / "r"])
    assert comparison.rows[0].seeds == 1
    assert comparison.rows[0].mastered.value == 40.0
    assert not comparison.stopped
    assert any("Seed 3 of random comes twice" in note and "old does not" in note for note in comparison.notes)


def test_two_teachers_with_one_label_stay_two(write_run, tmp_path):
    for seed, (name, final) in enumerate((("alp-gmm", 20.0), ("alp-gmm", 20.0), ("riac", 80.0))):
        write_run(f"r/{seed}", seed=seed, teacher=teacher(name) | {"label": "mine"}, final=final)
    found = {row.teacher: (row.seeds, row.mastered.value) for row in compare([tmp_path / "r"]).rows}
    assert found == {
        "mine (teacher name=alp-gmm)": (2, 20.0),
        "mine (teacher name=riac)": (1, 80.0),
    }


def test_a_label_that_is_another_teacher_s_name_stays_apart(write_run, tmp_path):
    write_run("r/a", seed=0, teacher=teacher("riac"), final=20.0)
    write_run("r/b", seed=1, teacher=teacher("alp-gmm") | {"label": "riac"}, final=80.0)
    assert sorted(row.seeds for row in compare([tmp_path / "r"]).rows) == [1, 1]
