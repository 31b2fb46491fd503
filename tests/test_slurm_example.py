"""The script of a Slurm array: each task has a teacher and a seed of its own. Slurm itself is not needed."""

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from teacherstudent.cli import _parser
from teacherstudent.contract.registry import FAMILIES, TEACHERS
from teacherstudent.recording.runs import Run

SCRIPT = Path(__file__).parents[1] / "examples" / "cluster" / "slurm.sh"


@pytest.fixture
def task(tmp_path):
    """Return a function that runs the script as one task of the array, and what a given `srun` does."""

    def run(index, srun, *more):
        (tmp_path / "srun").write_text(f"#!/bin/sh\n{srun}\n")
        (tmp_path / "srun").chmod(0o755)
        path = os.pathsep.join([str(tmp_path), os.environ["PATH"]])
        environment = {**os.environ, "PATH": path, "SLURM_CPUS_PER_TASK": "1"}
        if index is not None:
            environment["SLURM_ARRAY_TASK_ID"] = str(index)
        command = ["bash", str(SCRIPT), *more]
        return subprocess.run(
            command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
        )

    return run


def test_the_tasks_of_the_array_are_every_teacher_with_every_seed_once(task):
    last = int(re.search(r"^#SBATCH --array=0-(\d+)$", SCRIPT.read_text(), re.MULTILINE)[1])
    found = []
    for index in range(last + 1):
        done = task(index, 'printf "%s\\n" "$*"')
        assert done.returncode == 0, done.stderr
        words = shlex.split(done.stdout)
        assert words[:4] == ["--ntasks=1", "--cpus-per-task=1", "teacherstudent", "run"]
        given = _parser().parse_args(words[3:])
        found += [(seed, teacher) for seed in given.seeds for teacher in given.teacher]
        FAMILIES.check(given.family)
        assert (given.jobs, given.threads, given.resume, given.no_compare) == (1, 1, True, True)
    teachers = ["random", "alp-gmm", "riac"]
    assert found == [(seed, teacher) for seed in range(5) for teacher in teachers]
    for teacher in teachers:
        TEACHERS.check(teacher)


def test_a_task_beyond_the_array_and_one_without_a_number_are_refused(task):
    done = task(15, "echo started")
    assert (done.returncode, done.stdout) == (2, "")
    assert "expected 0 to 14, got 15: set --array=0-14" in done.stderr
    done = task(None, "echo started")
    assert done.returncode != 0
    assert "start this script by sbatch" in done.stderr


def test_a_task_runs_and_once_more_it_finds_its_run_finished(task, tmp_path):
    srun = 'shift 3; exec python -m teacherstudent "$@"'
    small = ["--family", "toy-grid", "--student", "competence", "--budget", "50", "--may-never-act"]
    for _ in range(2):
        done = task(5, srun, *small)
        assert done.returncode == 0, done.stderr
    (folder,) = (path.parent for path in tmp_path.rglob("manifest.json"))
    assert folder == tmp_path / "runs" / "toy-grid" / "riac" / "seed-1"
    run = Run.load(folder)
    assert (run.status()["status"], len(run.manifest["sessions"])) == ("finished", 1)
    assert not (tmp_path / "runs" / "comparison").exists()
