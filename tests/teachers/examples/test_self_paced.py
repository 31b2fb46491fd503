"""Self-paced examples: what is measured, what is selected, and weights."""

import numpy as np
import pytest
from example_teachers import make, tell, weigh

from teacherstudent.teachers.examples.pacing import self_paced_weights


def test_self_paced_selects_the_easiest_in_turns():
    teacher, losses = make("self-paced", share=(0.25, 0.75), grow=0.5), np.arange(20.0)
    for progress, share in ((0.0, 0.25), (0.25, 0.5), (0.5, 0.75), (1.0, 0.75)):
        measured = [teacher.ask(5, progress=progress) for _ in range(4)]
        assert sorted(np.concatenate([a.tasks for a in measured]).tolist()) == list(range(3, 23))
        for assignment in measured:
            assert not assignment.learn.any()
            tell(teacher, assignment, losses)
        count = int(20 * share)  # of the losses 0 to 19, as many are below the quantile 19 * share
        assert teacher.age(progress) == pytest.approx(19 * share)
        trained = teacher.ask(count, progress=progress)
        assert trained.learn.all()
        assert sorted(trained.tasks.tolist()) == list(range(3, 3 + count))
        tell(teacher, trained, losses)


def test_self_paced_measures_again_when_the_selection_is_used_up():
    teacher = make("self-paced", share=(0.25, 0.25))
    tell(teacher, teacher.ask(20), np.arange(20.0))
    mixed = teacher.ask(8)
    assert mixed.learn.tolist() == [True] * 5 + [False] * 3
    assert sorted(mixed.tasks[:5].tolist()) == [3, 4, 5, 6, 7]


@pytest.mark.parametrize(("rows", "last"), [(12, 2), (30, 2), (45, 1)])
def test_self_paced_measures_an_example_once_in_a_round(rows, last):
    teacher = make("self-paced", 20)
    for _ in range(last):  # the last round ends the measuring in its middle
        assignment = teacher.ask(rows)
        tell(teacher, assignment, np.arange(20.0))
    measured = assignment.tasks[~assignment.learn]
    assert len(measured) > 0
    for part in np.split(measured, range(20, len(measured), 20)):
        assert len(set(part.tolist())) == len(part)  # repeats only where all were measured


def test_self_paced_measures_nothing_when_all_examples_count():
    teacher, losses = make("self-paced", share=(0.5, 1.0), grow=0.5), np.arange(20.0)
    tell(teacher, teacher.ask(8, progress=0.4), losses)
    passed = teacher.ask(52, progress=0.5)  # the measurement under way ends, then whole passes
    assert passed.learn.tolist() == [False] * 12 + [True] * 40
    for rows in (passed.tasks[12:32], passed.tasks[32:]):
        assert sorted(rows.tolist()) == list(range(3, 23))
    falling = make("self-paced", share=(1.0, 0.6), grow=1.0)
    first = falling.ask(20, progress=0.0)
    assert first.learn.all()
    tell(falling, first, losses)
    assert not falling.ask(20, progress=0.1).learn.any()


def test_self_paced_draws_as_many_as_soft_weights_amount_to():
    teacher = make("self-paced", 1000, law="linear", ages=(1.0, 1.0))
    losses = np.linspace(0, 2, 1000)
    tell(teacher, teacher.ask(1000), losses)
    weights = self_paced_weights(losses, 1.0, "linear")
    trained = teacher.ask(round(weights.sum()))
    assert trained.learn.all()
    assert len(set(trained.tasks.tolist())) == 250 == round(weights.sum())
    chosen = losses[trained.tasks - 3]
    assert chosen.max() < 1
    assert (chosen < 0.5).mean() > 0.6  # three quarters of the weight, less what being drawn once costs
    assert not teacher.ask(1).learn.any()


def test_an_age_below_all_losses_leaves_the_easiest_example():
    teacher = make("self-paced", 5, ages=(0.1, 0.2))
    tell(teacher, teacher.ask(5), [3, 4, 2, 5, 6.0])
    assert teacher.ask(1).tasks.tolist() == [5]


def test_self_paced_weighs():
    teacher = make("self-paced", 8, by="weights", law="linear", share=(0.5, 1.0))
    batch = np.array([1.0, 3.0, 2.0, 5.0])  # nothing is known: the age is the batch's median, 2.5
    np.testing.assert_allclose(weigh(teacher, batch), [0.6, 0, 0.2, 0])
    assignment = teacher.ask(8)
    assert assignment.learn.all()
    assert sorted(assignment.tasks.tolist()) == list(range(3, 11))
    tell(teacher, assignment, [1, 2, 3, 4, 5, 6, 7, 9.0])  # median 4.5
    np.testing.assert_allclose(weigh(teacher, batch), np.maximum(0, 1 - batch / 4.5))
    assert weigh(teacher, batch, 0.5).tolist() == [1, 1, 1, 1]
    hard = make("self-paced")
    assert weigh(hard, batch).tolist() == [1, 1, 1, 1]


def test_logarithmic_weights_with_quantiles_do_not_depend_on_the_scale():
    found = []
    for scale in (1.0, 1000.0):
        teacher = make("self-paced", 8, by="weights", law="logarithmic", share=(0.5, 0.5))
        tell(teacher, teacher.ask(8), scale * np.arange(1.0, 9))
        found.append(weigh(teacher, scale * np.array([1.0, 4.0, 8.0])))
    np.testing.assert_allclose(found[0], found[1])
    np.testing.assert_allclose(found[0], np.log([0.5 + 1 / 9, 0.5 + 4 / 9, 1]) / np.log(0.5), atol=1e-12)
