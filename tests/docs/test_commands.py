"""Every teacher, family and student has a command that a run would begin with."""

import shlex

import catalogue
import commands
import pytest

from teacherstudent.contract.registry import FAMILIES, STUDENTS, TEACHERS

ALL = [
    *(commands.of_teacher(name) for name in catalogue.names(TEACHERS)),
    *(commands.of_family(name) for name in catalogue.names(FAMILIES)),
    *(commands.of_student(name) for name in catalogue.names(STUDENTS)),
]


@pytest.mark.parametrize("command", sorted({command for command in ALL if command}))
def test_a_run_would_begin_with_it(command):
    experiment = commands.experiment(command)
    if experiment.family.startswith("fashion"):
        with pytest.raises(FileNotFoundError, match="fashion-mnist"):  # the tests have no data set
            experiment.check()
    else:
        experiment.check()


def test_only_teachers_that_are_named_have_none():
    without = {name for name in catalogue.names(TEACHERS) if not commands.of_teacher(name)}
    assert without == commands.NOT_ON_THE_COMMAND_LINE


@pytest.mark.parametrize("command", sorted({command for command in ALL if command}))
def test_a_wrapped_command_is_the_same_to_a_shell(command):
    wrapped = commands.wrapped(command)
    assert shlex.split(wrapped.replace("\\\n", " ")) == shlex.split(command)
    assert wrapped.startswith("teacherstudent run \\\n    --teacher ")
