"""A command for each teacher, family and student that runs it; the tests check every one as `run` does."""

from __future__ import annotations

import shlex

from teacherstudent.cli import _parser
from teacherstudent.contract.accounts.plan import Plan
from teacherstudent.contract.registry import TEACHERS
from teacherstudent.running.experiment import Experiment

STAGES = '\'stages=[{"bandwidth": 4}, {"bandwidth": 6}, {"bandwidth": 8}]\''
CARTPOLES = "--family cartpole-parameters --student-options 'options={\"n_steps\": 128}' --budget 5e4"
WALKERS = "--student-options n_envs=64 'options={\"n_steps\": 64}' --budget 2e5"
GOALS = "--family goal-maze --student-options n_envs=32 'options={\"n_steps\": 64}' --budget 1e5"
GATES = "--family point-mass --student-options n_envs=16 'options={\"n_steps\": 64}' --budget 1e5"
MAZES = "--family maze --student-options n_envs=32 'options={\"n_steps\": 256}' --budget 4e5"
LISTED = f"--family digits-stages --family-options {STAGES} --student classifier --budget 1e10"
PARITY = "--family parity --student leaky-rnn --budget 2e10"
EXAMPLES = "--family digits-examples --family-options label_noise=0.4 --student classifier --budget 1e10"

BY_FOLDER = {
    "progress": CARTPOLES,
    "oracle": CARTPOLES,
    "random": CARTPOLES,
    "rugged": CARTPOLES,
    "goals": GOALS,
    "generators": GOALS,
    "targets": GATES,
    "bandits": f"--teacher-options reward=score {LISTED}",
    "lessons": PARITY,
    "replay": MAZES,
    "adversaries": MAZES,
    "examples": EXAMPLES,
}
"""What follows the teacher's name, by the folder or file of `teacherstudent.teachers` that holds it."""


def knobs(ranges: str) -> str:
    """Return what gives the digits' training stages these knobs."""
    return f"--family digits-stages --family-options 'knobs={{{ranges}}}' --student classifier --budget 1e10"


BY_NAME = {
    "efficient-train": knobs('"bandwidth": [4, 8], "magnitude": [0, 1]'),
    "efficient-train-pp": knobs('"bandwidth": [3, 8], "magnitude": [0, 1]'),
    "lerac": knobs('"lr_spread": [0, 4]'),
    "smoothing": knobs('"smoothing": [0, 1]'),
    "cyclical": knobs('"data_fraction": [0.25, 1]'),
    "ps-kd": knobs('"self_distillation": [0, 1]'),
    "rex": knobs('"lr_scale": [1e-3, 1]'),
    "compose": '--teacher-options \'parts=["lerac", "smoothing"]\' '
    + knobs('"lr_spread": [0, 4], "smoothing": [0, 1]'),
    "constant": knobs('"bandwidth": [4, 8]'),
    "in-order": LISTED,
    "jest": f"--teacher-options score=hard {EXAMPLES}",
}
"""The same of teachers that need something else."""

FAMILIES = {
    "cartpole-parameters": f"--teacher alp-gmm {CARTPOLES}",
    "goal-maze": f"--teacher intermediate {GOALS}",
    "point-mass": f"--teacher currot {GATES}",
    "maze": f"--teacher plr {MAZES}",
    "stump-tracks": f"--teacher alp-gmm --family stump-tracks {WALKERS}",
    "stump-sequence": f"--teacher random --family stump-sequence {WALKERS}",
    "hexagon-tracks": f"--teacher riac --family hexagon-tracks {WALKERS}",
    "bipedal-levels": "--teacher plr --family bipedal-levels "
    '--student-options \'options={"n_steps": 2000, "batch_size": 500}\' --budget 4e5',
    "digits-stages": f"--teacher exp3s {BY_FOLDER['bandits']}",
    "digits-examples": f"--teacher self-paced {EXAMPLES}",
    "fashion-stages": "--teacher efficient-train --family fashion-stages --family-options "
    '\'knobs={"bandwidth": [14, 28], "magnitude": [0, 1]}\' --student classifier --budget 3e12',
    "fashion-examples": "--teacher self-paced --family fashion-examples --family-options label_noise=0.4 "
    "--student classifier --budget 3e12",
    "parity": f"--teacher mastery {PARITY}",
    "toy-grid": "--teacher riac --family toy-grid --student competence --budget 5000",
}
STUDENTS = {
    "sb3": f"--teacher alp-gmm --student sb3 {CARTPOLES}",
    "rsl-rl": "--teacher plr --family maze --student rsl-rl --student-options n_envs=64 n_steps=256 "
    "--budget 4e5",
    "classifier": f"--teacher self-paced {EXAMPLES}",
    "supervised": f"--teacher self-paced {EXAMPLES.replace('classifier', 'supervised')}",
    "leaky-rnn": f"--teacher mastery {PARITY}",
    "competence": "--teacher random riac --family toy-grid --student competence --budget 5000",
}
NOT_ON_THE_COMMAND_LINE = frozenset({"again"})
"""Teachers with an option that is no plain value."""


def of_teacher(name: str) -> str:
    """Return the command that runs a teacher; empty if there is none."""
    if name in NOT_ON_THE_COMMAND_LINE:
        return ""
    # teacherstudent.teachers.progress.riac:RIAC is of the folder "progress".
    target = {entry.name: entry.target for entry in TEACHERS.entries()}[name]
    folder = target.partition(":")[0].split(".")[2]
    return f"teacherstudent run --teacher {name} {BY_NAME.get(name) or BY_FOLDER[folder]}"


def of_family(name: str) -> str:
    """Return the command that runs a student on a family."""
    return f"teacherstudent run {FAMILIES[name]}"


def of_student(name: str) -> str:
    """Return the command that trains a student."""
    return f"teacherstudent run {STUDENTS[name]}"


def experiment(command: str) -> Experiment:
    """Return the run of a command, its first teacher's."""
    given = _parser().parse_args(shlex.split(command)[1:])
    return Experiment(
        teacher=given.teacher[0],
        family=given.family,
        student=given.student or "sb3",
        plan=Plan(budget=given.budget),
        teacher_options=dict(given.teacher_options),
        family_options=dict(given.family_options),
        student_options=dict(given.student_options),
    )


def wrapped(command: str) -> str:
    """Return a command with a line for each option, as a shell reads it."""
    lines: list[str] = []
    for word in shlex.split(command):
        quoted = word
        if shlex.quote(word) != word and "=" in word:
            quoted = f"'{word}'"
        if word.startswith("--") and lines:
            lines.append(quoted)
        elif lines:
            lines[-1] += f" {quoted}"
        else:
            lines.append(quoted)
    return " \\\n    ".join(lines)
