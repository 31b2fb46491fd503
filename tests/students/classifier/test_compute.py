"""Chunks of equal compute, and the end of the budget."""

import numpy as np
from small_classifiers import rows, student


def test_stages_have_equal_compute_whatever_their_size():
    learner = student(chunk=5e7, training={"batch_size": 32})
    outcomes = learner.train(rows([[4.0], [8.0], [6.0], [4.0]]))
    assert outcomes.signals["size"].tolist() == [4, 8, 6, 4]
    per_image = [2 * 2 * s * s * 9 * 4 + 3 * 2 * 4 * 10 for s in (4, 8, 6, 4)]
    steps = outcomes.signals["steps"]
    assert np.array_equal(outcomes.cost, steps * 32 * per_image)
    assert abs(outcomes.cost.sum() - 4 * 5e7) < 32 * max(per_image)  # what is left is carried over
    assert learner.spent()["train"] == outcomes.cost.sum()
    assert learner.spent()["updates"] == steps.sum()
    assert steps[0] > 3 * steps[1]


def test_a_standard_chunk_is_worth_its_probe():
    forward = 2 * 64 * 9 * 4 + 2 * 4 * 10
    found = [student(budget=budget).rounds.chunk for budget in (1e11, 3e8, 1e7)]
    assert found == [1e11 / 50, 10 * 200 * forward, 1e7 / 8]


def test_the_last_chunk_ends_with_the_budget():
    learner = student(budget=2e8, training={"batch_size": 16})
    rounds = 0
    while sum(learner.spent()[name] for name in ("train", "measure")) < 2e8:
        learner.train(rows([[4.0 + rounds % 5]], first=rounds))
        rounds += 1
    over = learner.spent()["train"] + learner.spent()["measure"] - 2e8
    assert 0 <= over < 16 * (2 * 2 * 64 * 9 * 4 + 240)
    assert learner.metrics()["learning_rate"] < 1e-5  # the cosine has come to its end
