from teacherstudent import envs, students, teachers
from teacherstudent.contract.accounts.plan import Plan
from teacherstudent.running.before.manifest import describe_run, warn_of_silence
from teacherstudent.students.competence import CompetenceStudent


def test_a_manifest_says_what_a_run_is_made_of():
    family = envs.make("toy-grid")
    teacher = teachers.make("random", family, seed=0)
    student = students.make("competence", family, seed=0, batch=7)
    found = describe_run(family, teacher, student, Plan(budget=400))
    assert found["settings"]["student"]["class"] == "CompetenceStudent"
    assert found["settings"]["student"]["batch"] == 7
    assert found["space"]["kind"] == type(family.space).__name__
    assert found["signal_units"] == {"length": "episodes"}
    # 400 is no whole number of rounds of 7: the last one is whole.
    assert (found["budget"], found["round_cost"], found["planned_cost"]) == (400, 7, 406)
    assert found["seed"] == -1


def test_parts_that_say_nothing_of_themselves_are_named(caplog):
    family = envs.make("toy-grid")
    warn_of_silence(family, CompetenceStudent(family, seed=0), object())
    (record,) = caplog.records
    assert record.getMessage().startswith("object says nothing of its settings")
