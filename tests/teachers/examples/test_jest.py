"""JEST: super-batches, what is chosen from them, and references."""

import numpy as np
import pytest
from example_teachers import make, tell

from teacherstudent import teachers
from teacherstudent.contract.spaces import Discrete
from teacherstudent.contract.types import Outcomes


def test_jest_with_top_is_rho_loss():
    reference = np.linspace(1, 0, 20)
    losses = np.array([0.0, 5, 1, 2, 0, 1, 4, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 1])
    teacher = make("jest", reference=reference, select="top", filter=0.8)
    measured = [teacher.ask(4, progress=0.1) for _ in range(5)]
    for assignment in measured:
        assert not assignment.learn.any()
        tell(teacher, assignment, losses)
    chosen = teacher.ask(4)
    assert chosen.learn.all()
    assert (chosen.tasks - 3).tolist() == np.argsort(-(losses - reference))[:4].tolist() == [1, 6, 10, 3]
    tell(teacher, chosen, losses)
    assert not teacher.ask(4).learn.any()  # the next super-batch


def test_jest_draws_in_proportion_to_learnability():
    reference = np.array([0.0, 1.0, 0.0, 2.0])
    losses = np.array([2.0, 1.0, 1.0, 4.0])  # learnability 2, 0, 1, 2
    counts = np.zeros(4)
    for seed in range(4000):
        teacher = teachers.make(
            "jest", Discrete(4, start=3), seed=seed, reference=reference, filter=0.5, chunks=2
        )
        for _ in range(2):
            tell(teacher, teacher.ask(2), losses)
        counts[teacher.ask(2).tasks - 3] += 1
    e = np.exp(losses - reference)
    second = sum((np.arange(4) != i) * e / (e.sum() - e[i]) for i in range(4)) / 4
    np.testing.assert_allclose(counts / 4000, 0.25 + second, atol=0.04)


def test_other_scores_of_jest():
    losses = np.array([3.0, 1.0, 2.0, 0.0])
    for score, reference, expected in (("hard", None, 0), ("easy-reference", np.array([2.0, 3, 0, 1]), 2)):
        teacher = make("jest", 4, reference=reference, score=score, select="top", filter=0.75)
        tell(teacher, teacher.ask(4), losses)
        assert teacher.ask(1).tasks.tolist() == [3 + expected]
        assert teacher.metrics()["score_gain"] > 0


def test_jest_waits_for_what_it_measures():
    teacher = make("jest", score="hard", filter=0.5)
    lost, late = teacher.ask(10), teacher.ask(10)
    teacher.drop(lost.ids)
    assert not teacher.ask(5).learn.any()
    tell(teacher, late, np.arange(20.0))
    assert not teacher.ask(6).learn.any()  # 12 were needed
    assert teacher.ask(5).learn.all()


@pytest.mark.parametrize("n", [1, 7, 64, 65, 100, 200, 319, 997])
@pytest.mark.parametrize("batch", [1, 7, 64, 100])
def test_jest_trains_on_different_examples(n, batch):
    teacher = make("jest", n, score="hard", filter=0.8)
    losses = np.random.default_rng(0).exponential(1.0, n)
    measured, trained = np.zeros(n, np.int64), 0
    super_batch: list[int] = []
    for _ in range(80):
        assignment = teacher.ask(batch)
        own = (assignment.tasks - 3).tolist()
        if assignment.learn.all():
            trained += 1
            assert len(set(own)) == min(n, batch)
            assert set(own) <= set(super_batch)
            assert len(set(super_batch)) >= min(n, 2 * batch)  # there is something to choose from
            super_batch = []
        else:
            super_batch += own
            np.add.at(measured, own, 1)
        tell(teacher, assignment, losses)
    assert trained >= 10
    assert np.ptp(measured) <= 2 * (1 + batch // n)  # all are looked at as often


def test_a_super_batch_over_the_end_of_a_pass_has_its_size():
    teacher = make("jest", 100, score="hard", filter=0.75)
    sizes = []
    for _ in range(60):
        assignment = teacher.ask(15)
        sizes += [len(assignment)] if assignment.learn.all() else []
        if not assignment.learn.any():
            previous = teacher._pool[0]
            assert not np.isin(assignment.tasks - 3, previous).any()
        tell(teacher, assignment, np.arange(100.0))
    assert len(sizes) == 12  # four rounds are measured for each that is trained on


def test_what_is_measured_twice_counts_once_with_its_last_loss():
    teacher = make("jest", 4, score="hard", filter=0.75, select="top")
    first, again = teacher.ask(3), teacher.ask(3)  # of four examples, so that two are the same
    both = set(first.tasks.tolist()) & set(again.tasks.tolist())
    assert len(both) == 2
    tell(teacher, first, np.full(4, 1.0))
    tell(teacher, again, np.full(4, 2.0))
    examples, scores = teacher._pool
    assert sorted(examples.tolist()) == [0, 1, 2, 3]
    assert scores[np.isin(examples + 3, again.tasks)].tolist() == [2.0] * 3
    with pytest.raises(ValueError, match=r"jest: waiting: expected shape \(2, any\), got \(1,\)"):
        teacher._load(teacher._state() | {"waiting": np.zeros(1, np.int64)})


def test_a_reference_may_be_a_file(tmp_path):
    np.save(tmp_path / "losses.npy", np.zeros(20))
    make("jest", reference=str(tmp_path / "losses.npy"))
    with pytest.raises(FileNotFoundError):
        make("jest", reference=str(tmp_path / "none.npy"))


def test_a_reference_may_be_a_signal():
    teacher = make("jest", 4, select="top", filter=0.75)
    assignment = teacher.ask(4)
    losses, reference = np.array([3.0, 1.0, 2.0, 0.0]), np.array([3.0, 0, 1.5, 0])
    rows = Outcomes(
        ids=assignment.ids, tasks=assignment.tasks, score=losses, cost=losses, signals={"loss": losses}
    )
    with pytest.raises(ValueError, match="expected the signal 'reference_loss'"):
        teacher.tell(rows)
    own = assignment.tasks - 3
    signals = {"loss": losses[own], "reference_loss": reference[own]}
    teacher.tell(
        Outcomes(ids=assignment.ids, tasks=assignment.tasks, score=losses, cost=losses, signals=signals)
    )
    assert teacher.ask(1).tasks.tolist() == [4]
