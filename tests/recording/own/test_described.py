import numpy as np
import pytest

from teacherstudent import Parameters, envs, teachers
from teacherstudent.recording.own.described import describe_loop

GIVEN = {
    "family": "hills",
    "student": "gambler",
    "seed": 3,
    "budget": 100.0,
    "test_tasks": [[0.0], [0.5]],
    "settings": {"rate": 3e-4, "layers": (64, 64)},
    "label": "",
    "facts": {"mastered": 0.5},
}


def teacher(**options):
    return teachers.make("alp-gmm", Parameters(steepness=(0, 1)), seed=0, score_range=(0, 1), **options)


def described(**changed):
    return describe_loop(teacher(), **{**GIVEN, **changed})


def test_the_manifest_says_who_and_that_the_loop_is_the_users():
    manifest = described().manifest
    assert manifest["loop"] == "own"
    assert manifest["family"] == {"name": "hills", "options": {}}
    assert manifest["student"] == {"name": "gambler", "options": {"rate": 3e-4, "layers": [64, 64]}}
    assert manifest["teacher"]["name"] == "alp-gmm"
    assert manifest["teacher"]["options"]["score_range"] == [0, 1]
    assert (manifest["seed"], manifest["budget"], manifest["mastered"]) == (3, 100.0, 0.5)
    assert (manifest["cost_unit"], manifest["score_name"]) == ("environment steps", "return")


def test_other_test_tasks_are_another_test_set():
    names = {described(test_tasks=tasks).manifest["test_set"] for tasks in ([[0.0]], [[1.0]], [[1.0], [0.0]])}
    assert len(names) == 3
    assert described().manifest["test_set"] == described().manifest["test_set"]


def test_a_family_brings_its_facts_and_tests():
    family = envs.make("goal-maze")
    loop = describe_loop(
        teachers.make("random", family, seed=0),
        **{**GIVEN, "family": family, "test_tasks": None, "facts": {}},
    )
    assert np.array_equal(loop.test_tasks, family.test_tasks())
    assert loop.manifest["family"]["name"] == "goal-maze"
    assert loop.manifest["test_set"] == family.test_set
    assert loop.manifest["mastered"] == family.mastered
    assert loop.manifest["walls"]


def test_test_tasks_may_lie_outside_the_teachers_space():
    assert described(test_tasks=[[2.0]]).test_tasks.tolist() == [[2.0]]


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"seed": -1}, ValueError, "seed"),
        ({"budget": np.inf}, ValueError, "budget: expected a finite cost above 0, got inf"),
        ({"budget": 0}, ValueError, "budget"),
        ({"student": ""}, TypeError, "student: expected a name, got ''"),
        ({"family": 5}, TypeError, "family: expected a Family, or the name of one, got 5"),
        ({"facts": {"masterd": 1}}, TypeError, r"masterd.*mastered"),
        ({"facts": {"mastered": "high"}}, ValueError, "mastered"),
        ({"test_tasks": None}, TypeError, "expected test_tasks"),
        ({"test_tasks": [0.0, 0.5]}, ValueError, r"numbers of shape \(m, 1\), got float64 of shape \(2,\)"),
        ({"test_tasks": np.zeros((0, 1))}, ValueError, "at least one task"),
        ({"test_tasks": [[np.nan]]}, ValueError, "finite"),
        ({"settings": [1]}, TypeError, "settings"),
    ],
)
def test_what_makes_no_sense_is_refused(changed, error, message):
    with pytest.raises(error, match=message):
        described(**changed)


def test_only_a_teacher_of_this_process_is_recorded():
    with pytest.raises(TypeError, match="in the process that made the teacher"):
        describe_loop("riac", **GIVEN)
