"""Make the run folders of old versions that tests/comparing/test_old_runs.py reads.

    python tests/data/make_old_runs.py f5f97eb tests/data/runs_f5f97eb.tar.xz
    python tests/data/make_old_runs.py f2eb062 tests/data/runs_f2eb062.tar.xz

The commit is checked out in a folder of its own; its code runs every study below, two seeds a teacher, and
compares each. The archive holds `STUDY/TEACHER/SEED`, run folders without what no reader needs, and
`STUDY/comparison.csv`, what the code of that time found in them. f5f97eb is the last commit that wrote
format 1; f2eb062 wrote format 2 before rows said what they are for.
"""

import itertools
import multiprocessing
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

PPO = {"n_envs": 4, "options": {"n_steps": 64, "batch_size": 64, "n_epochs": 1}}
LONG = {"n_envs": 4, "options": {"n_steps": 250, "batch_size": 250, "n_epochs": 1}}
"""Rollouts in which an episode of a maze ends."""
MAZE = {"actions": 3, "suite": ["jaxued-8", "random-solvable-12"], "levels": {"n_walls": 10}}
BUFFER = {"buffer": {"capacity": 8}}
ADVERSARY = {"adversary": {"channels": 4}}
DIGITS = {
    "backbone": "resnet",
    "backbone_options": {"widths": (4, 8)},
    "training": {"lr": 5e-3, "batch_size": 32, "renorm": 64},
}
STAGES = {"stages": [{"bandwidth": 4}, {"bandwidth": 6}, {"bandwidth": 8}]}
RULES = {"reward": "score", "per_cost": False, "moves": "advance", "final": (-1, 0.3)}
STUDIES = {
    "box": {
        "family": "cartpole-parameters",
        "student_options": PPO,
        "teachers": {"alp-gmm": {"fit_rate": 20}, "random": {}},
        "budget": 2560,
    },
    "levels": {
        "family": "maze",
        "family_options": MAZE,
        "student_options": LONG,
        "teachers": {"accel": BUFFER, "plr": BUFFER, "domain-randomization": {}},
        "budget": 16_000,
    },
    "pairs": {
        "family": "maze",
        "family_options": MAZE,
        "student": "antagonist",
        "student_options": {"student": "sb3", "student_options": LONG},
        "teachers": {"paired": ADVERSARY, "repaired": ADVERSARY | BUFFER},
        "budget": 16_000,
    },
    "stages": {
        "family": "digits-stages",
        "family_options": STAGES,
        "student": "classifier",
        "student_options": DIGITS,
        "teachers": {"exp3s": RULES | {"eta": 0.3}, "progress-thompson": RULES, "constant": {}},
        "budget": 1e9,
    },
    "examples": {
        "family": "digits-examples",
        "family_options": {"label_noise": 0.4},
        "student": "classifier",
        "student_options": DIGITS,
        "teachers": {"self-paced": {"share": (0.4, 0.6)}, "uniform": {}},
        "budget": 1.5e8,
    },
    "parity": {
        "family": "parity",
        "family_options": {"largest": 5, "tests": 20},
        "student": "leaky-rnn",
        "student_options": {"units": 16, "batch": 16, "steps": 20},
        "teachers": {"mastery": {"lookback": 1}, "random": {}},
        "budget": 2e8,
    },
}
TESTS = 4
RECORDS = 5
SEEDS = (0, 1)
NEEDLESS = ("checkpoints", "tensorboard", ".lock")


def run_all(out):
    """Run the studies and compare each, with the package that is found first."""
    from teacherstudent.comparing.compare import compare

    platform.node = lambda: "host"
    for name, study in STUDIES.items():
        for teacher in study["teachers"]:
            for seed in SEEDS:
                experiment(study, teacher, seed).run(out / name / teacher / str(seed))
    folder = out / "box" / "random" / "killed"
    child = multiprocessing.get_context("fork").Process(target=run_until_killed, args=[folder])
    child.start()
    child.join()
    for name in STUDIES:
        compare([out / name], out / "compared" / name)
        shutil.copy(out / "compared" / name / "comparison.csv", out / name)


def experiment(study, teacher, seed, **plan):
    """Return a run of a study."""
    from teacherstudent.contract.accounts.plan import Plan
    from teacherstudent.running.experiment import Experiment

    given = {key: value for key, value in study.items() if key not in ("teachers", "budget")}
    budget = study["budget"]
    plan = {"checkpoint_every": 0} | plan
    return Experiment(
        teacher=teacher,
        teacher_options=study["teachers"][teacher],
        plan=Plan(budget=budget, test_every=budget / TESTS, record_every=budget / RECORDS, **plan),
        seed=seed,
        **given,
    )


def run_until_killed(folder):
    """Run a teacher of boxes and end without a word after six rounds; checkpoints write its rows."""
    rounds = itertools.count()
    study = STUDIES["box"]
    run = experiment(study, "random", len(SEEDS), checkpoint_every=study["budget"] / RECORDS)
    run.run(folder, stop=lambda: next(rounds) == 6 and os._exit(1))


def plain_member(info):
    """Return a file's entry without owner and time, or None for what no reader needs."""
    if Path(info.name).name in NEEDLESS:
        return None
    info.uid = info.gid = info.mtime = 0
    info.uname = info.gname = ""
    return info


def main(commit, archive):
    """Run the studies with the code of a commit and write what readers need into an archive."""
    root = Path(__file__).parents[2]
    with tempfile.TemporaryDirectory() as work:
        code, out = Path(work, "code"), Path(work, "runs")
        subprocess.run(["git", "-C", root, "worktree", "add", "--detach", code, commit], check=True)
        try:
            environment = os.environ | {"PYTHONPATH": str(code), "OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg"}
            command = [sys.executable, Path(__file__).resolve(), "--runs", out]
            subprocess.run(command, check=True, cwd=code, env=environment)
        finally:
            subprocess.run(["git", "-C", root, "worktree", "remove", "--force", code], check=True)
        with tarfile.open(archive, "w:xz") as file:
            for name in STUDIES:
                file.add(out / name, name, filter=plain_member)


if __name__ == "__main__":
    if sys.argv[1] == "--runs":
        run_all(Path(sys.argv[2]))
    else:
        main(*sys.argv[1:])
