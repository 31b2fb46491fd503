"""What a resumed run writes into teacher.jsonl, from the first record on, is what the whole one writes."""

import pytest

from teacherstudent.contract.accounts.plan import Plan
from teacherstudent.recording.disk import plain
from teacherstudent.recording.runs import Run
from teacherstudent.running.experiment import Experiment

SB3 = {"n_envs": 4, "options": {"n_steps": 16, "batch_size": 32, "n_epochs": 1}}
DQN = {
    "algorithm": "DQN",
    "n_envs": 2,
    "options": {"learning_starts": 100, "train_freq": 8, "buffer_size": 500},
}
RSL = {
    "n_envs": 4,
    "n_steps": 16,
    "device": "cpu",
    "options": {"num_learning_epochs": 1, "num_mini_batches": 2},
}
PLR = {"min_fill": 0.2, "buffer": {"capacity": 30}}
CASES = {
    "PPO": ("random", {}, "sb3", SB3),
    "PPO, some rounds without an update": ("robust-plr", PLR, "sb3", SB3),
    "DQN, updates from some step on": ("random", {}, "sb3", DQN),
    "rsl-rl": ("random", {}, "rsl-rl", RSL),
    "rsl-rl, some rounds without an update": ("robust-plr", PLR, "rsl-rl", RSL),
    "two members": ("paired", {}, "sb3", SB3),
}


def experiment(name):
    teacher, options, student, settings = CASES[name]
    return Experiment(
        teacher=teacher,
        family="cartpole-parameters",
        student=student,
        plan=Plan(budget=1600, test_every=1600, record_every=1, checkpoint_every=1),
        teacher_options=options,
        student_options=settings,
    )


def records(folder):
    kept = ("spent", "metrics", "student", "train", "snapshot")
    rows = [{name: record[name] for name in kept} for record in Run.load(folder).records()]
    costs = [
        {name: value for name, value in record["ledger"].items() if not name.startswith("seconds")}
        for record in Run.load(folder).records()
    ]
    return [plain.dumps([row, cost]) for row, cost in zip(rows, costs, strict=True)]


class StopAfter:
    def __init__(self, rounds):
        self.rounds = rounds

    def __call__(self):
        self.rounds -= 1
        return self.rounds <= 0


@pytest.mark.parametrize("name", CASES)
def test_records_do_not_tell_a_resumed_run(name, tmp_path):
    experiment(name).run(tmp_path / "whole")
    expected = records(tmp_path / "whole")
    for _ in range(3):
        experiment(name).run(tmp_path / "cut", resume=True, stop=StopAfter(3))
    experiment(name).run(tmp_path / "cut", resume=True)
    assert records(tmp_path / "cut") == expected
    assert len(set(expected)) > 5
