"""Chunks of equal compute with scoring passes, the budget's end, and the probe's condition."""

import numpy as np
import pytest

from teacherstudent import teachers
from teacherstudent.contract.accounts.plan import Plan
from teacherstudent.contract.types import Assignment
from teacherstudent.envs.images.stages import DigitsStages
from teacherstudent.recording.runs import Run
from teacherstudent.running.loop import run
from teacherstudent.students.classifier.student import ClassifierStudent

CYCLES = DigitsStages(knobs={"data_fraction": [0.25, 1]})


def student(family, *, training=None, **options):
    return ClassifierStudent(
        family,
        seed=0,
        backbone="cnn",
        backbone_options={"width": 4},
        training={"batch_size": 32} | (training or {}),
        **options,
    )


def passes(count, family=CYCLES):
    """Return the FLOPs of so many passes over the training images."""
    return count * 997 * student(family, score="train").trainer.flops(8).train


def one(task, number=0):
    tasks = np.array([task])
    return Assignment(ids=np.array([number]), tasks=tasks)


@pytest.mark.parametrize("score", ["train", "rate"])
@pytest.mark.parametrize("epochs", [3, 12])
def test_scoring_passes_are_part_of_chunks_and_of_the_budget(score, epochs, tmp_path):
    budget = passes(epochs)
    learner = student(CYCLES, score=score, budget=budget, training={"scores": "rescore"})
    probes = []
    measure = learner.trainer.measure

    def counted(split, rows=None, **options):
        probes.append(split == "probe")
        return measure(split, rows, **options)

    learner.trainer.measure = counted
    teacher = teachers.make("cyclical", CYCLES.space, seed=0, epochs=epochs)
    ledger = run(CYCLES, teacher, learner, tmp_path / "run", Plan(budget=budget))
    trainer, spent = learner.trainer, learner.spent()
    step = 32 * trainer.flops(8).train
    scoring = 997 * trainer.forward_cost()
    assert 0 <= spent["train"] + spent["measure"] - budget < step
    cost = Run.load(tmp_path / "run").episodes()["cost"]
    probed = sum(probes) * trainer.measure_cost(200)
    assert (probed > 0) == (score == "rate")
    assert cost.sum() + probed == spent["train"] + spent["measure"] == ledger.spent
    assert spent["measure"] - probed >= scoring  # there was a scoring pass
    if learner.rounds.chunk > scoring + step:
        assert np.abs(cost[:-1] - learner.rounds.chunk).max() <= scoring + step
        assert abs(cost[:-1].mean() / learner.rounds.chunk - 1) < 0.15


def test_a_chunk_takes_what_its_scoring_pass_leaves():
    learner = student(CYCLES, score="train", chunk=passes(0.5), training={"scores": "rescore"})
    flops = learner.trainer.flops(8)
    found = learner.train(one([0.25]))
    steps = int(found.signals["steps"][0])
    scoring, step = 997 * flops.forward, 32 * flops.train
    # 7 steps of 32 a pass of 249: half a pass of compute pays for a scoring pass and 5 steps.
    assert steps == int((passes(0.5) - scoring) // step) < 7
    assert found.cost[0] == scoring + steps * step
    assert learner.spent() == {"train": steps * step, "measure": scoring, "updates": steps}


def test_a_scoring_pass_that_the_rest_of_the_budget_cannot_pay_is_left_out():
    flops = student(CYCLES).trainer.flops(8)
    step = 32 * flops.train
    learner = student(
        CYCLES, score="train", budget=997 * flops.forward + 10.5 * step, training={"scores": "rescore"}
    )
    while not learner.compute.over:
        learner.train(one([0.25]))
    assert learner.spent()["updates"] == 11  # 7 of the first pass, 4 of a pass drawn by the last losses
    assert learner.spent()["measure"] == 997 * flops.forward


@pytest.mark.parametrize("rest", [0.2, 0.9, 1.5])
def test_no_chunk_is_begun_whose_probe_the_budget_cannot_pay(rest):
    family = DigitsStages()
    trainer = student(family).trainer
    step, probe = 32 * trainer.flops(8).train, trainer.measure_cost(200)
    chunk = 20 * step
    budget = probe + 2 * (chunk + probe) + rest * (probe + step)
    learner = student(family, score="decrease", chunk=chunk, budget=budget)
    while not learner.compute.over:
        learner.train(one([8.0]))
    spent = learner.spent()
    assert 0 <= spent["train"] + spent["measure"] - budget < step


# The probe's condition


BLURRED = {"batch_size": 64, "optimizer": "sgd", "lr": 1e-30, "weight_decay": 0, "renorm": 100}
"""Training that changes next to nothing, so that only the blur can."""


@pytest.mark.parametrize(
    ("family", "tasks", "target"),
    [
        (DigitsStages(knobs={"smoothing": [0, 1]}), [[1.0], [0.0], [0.7]], 0.0),
        (DigitsStages(knobs={"smoothing": [0.5, 1]}), [[1.0], [0.5], [0.7]], 0.5),
        (DigitsStages(stages=[{}, {"smoothing": 1}, {"smoothing": 0.6}]), [0, 1, 2], 0.6),
    ],
)
def test_switching_the_blur_is_no_progress(family, tasks, target):
    learner = student(family, chunk=1.0, score="decrease", training=BLURRED)
    smoothing = learner.trainer.smoothing
    for number, task in enumerate(tasks):
        found = learner.train(one(task, number))
        assert abs(found.score[0]) < 1e-6
        sigma = family.setting(np.array(task))["smoothing"]
        assert smoothing.sigma == sigma  # tests see the blur of the last stage, as the paper has it
        smoothing.sigma = target
        expected = learner.trainer.measure("probe")[0].double().mean()
        smoothing.sigma = sigma
        assert found.signals["probe_loss"][0] == pytest.approx(float(expected), abs=1e-7)


def test_tests_keep_the_blur_and_the_probe_is_charged_without_it():
    family = DigitsStages(knobs={"smoothing": [0, 1]})
    learner = student(family, chunk=1.0, score="decrease", training=BLURRED)
    learner.train(one([1.0]))
    trainer = learner.trainer
    plain, blurred = (trainer.flops(8, smoothed=s).forward for s in (False, True))
    assert blurred > plain
    assert learner.spent()["measure"] == 2 * (200 + 100) * plain
    found = learner.evaluate(family.test_tasks(), seed=0)
    assert found.cost[0] == (300 + 100) * blurred
    assert found.signals["loss"][0] == float(trainer.measure("validation")[0].double().mean())
    trainer.smoothing.sigma = 0.0
    assert found.signals["loss"][0] != float(trainer.measure("validation")[0].double().mean())
