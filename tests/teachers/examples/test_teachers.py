"""Teachers that choose examples: what they hand out and how they weigh, by hand; runs on digits."""

import numpy as np
import pytest
import torch

from teacherstudent import teachers
from teacherstudent.contract.accounts.plan import Plan
from teacherstudent.contract.purposes import Purpose
from teacherstudent.contract.spaces import Discrete
from teacherstudent.contract.types import Outcomes
from teacherstudent.contract.weigher import Batch
from teacherstudent.recording.runs import Run
from teacherstudent.running.experiment import Experiment
from teacherstudent.running.loop import check_fit
from teacherstudent.students.competence import CompetenceStudent
from teacherstudent.teachers.examples.pacing import self_paced_weights


def make(name, n=20, **options):
    return teachers.make(name, Discrete(n, start=3), seed=0, **options)


def tell(teacher, assignment, losses):
    """Tell of the assignment's rows; ``losses`` are of all examples."""
    own = np.asarray(losses, float)[assignment.tasks - 3]
    n = len(assignment)
    teacher.tell(
        Outcomes(
            ids=assignment.ids, tasks=assignment.tasks, score=-own, cost=np.ones(n), signals={"loss": own}
        )
    )


def weigh(teacher, losses, progress=0.0):
    """Return the weights of a batch with these losses."""
    losses = torch.as_tensor(losses, dtype=torch.float64)
    whole = torch.arange(len(losses))
    logits = torch.zeros(len(losses), 4)
    return teacher.weigh(Batch(losses=losses, indices=whole, labels=whole, logits=logits, progress=progress))


def test_uniform_hands_out_whole_passes():
    teacher = make("uniform")
    tasks = np.concatenate([teacher.ask(7).tasks for _ in range(20)])
    assert (np.bincount(tasks, minlength=23)[3:] == 7).all()
    assert sorted(tasks[:20].tolist()) == list(range(3, 23))


# Loss-proportional


def test_loss_proportional_by_hand():
    teacher = make("loss-proportional", 4, explore=0.2)
    np.testing.assert_allclose(teacher.probabilities(), 0.25)
    teacher.tell(
        Outcomes(
            ids=[-1] * 3,
            tasks=[3, 4, 5],
            score=[0] * 3,
            cost=[1] * 3,
            signals={"loss": np.array([1.0, 0, 3])},
        )
    )
    # 1, 0, 3, and 3 for the unknown one: 0.8 * (1, 0, 3, 3) / 7 + 0.05
    np.testing.assert_allclose(teacher.probabilities(), 0.8 * np.array([1, 0, 3, 3]) / 7 + 0.05)
    squares = make("loss-proportional", 4, explore=0, power=2)
    tell(squares, squares.ask(4), [1.0, 2, 0, 2])
    np.testing.assert_allclose(squares.probabilities(), np.array([1, 4, 0, 4]) / 9)
    assert sorted(squares.ask(3).tasks.tolist()) == [3, 4, 6]
    first = np.concatenate([teacher.ask(1).tasks for _ in range(4000)])
    np.testing.assert_allclose(np.bincount(first - 3) / 4000, teacher.probabilities(), atol=0.04)
    assert sorted(teacher.ask(4).tasks.tolist()) == [3, 4, 5, 6]  # without replacement
    assert np.bincount(teacher.ask(9).tasks - 3).min() >= 2  # more than there are


# Self-paced


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


# SuperLoss


def test_superloss_follows_the_mean_loss():
    teacher = make("superloss", memory=0.75)
    batch = np.array([1.0, 3.0])
    weigh(teacher, batch)
    assert teacher.metrics()["threshold"] == 2
    weights = weigh(teacher, batch + 4)
    assert teacher.metrics()["threshold"] == 3  # 0.75 * 2 + 0.25 * 6
    assert 0 < weights[1] < weights[0] < 1
    again = make("superloss", memory=0.75)
    again.load_state_dict(teacher.state_dict())
    assert np.array_equal(weigh(teacher, batch, 0.1), weigh(again, batch, 0.1))


def test_superloss_with_a_fixed_threshold():
    teacher = make("superloss", threshold=1.0)
    found = weigh(teacher, np.array([1 + 2 * np.e, 1.0, 0.0]))
    np.testing.assert_allclose(found, [1 / np.e, 1, np.e])
    assert weigh(make("superloss", strength=1e9), [0.0, 9.0]) == pytest.approx(1)


# JEST


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


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("jest", {"reference": np.zeros(3)}, r"finite losses of shape \(20,\), got \(3,\)"),
        ("jest", {"reference": np.full(20, np.nan)}, "finite losses"),
        ("jest", {"score": "loss"}, "score: expected one of"),
        ("jest", {"score": "hard", "select": "best"}, "select: expected one of"),
        ("jest", {"score": "hard", "filter": 1.0}, "filter: expected a share"),
        ("jest", {"score": "hard", "chunks": 0}, "chunks: expected a whole number of at least 1, got 0"),
        ("jest", {"score": "hard", "chunks": 2.5}, r"chunks: expected a whole number .*, got 2\.5"),
        ("jest", {"score": "hard", "temperature": 0}, "temperature: expected"),
        ("self-paced", {"law": "cubic"}, "law: expected one of"),
        ("self-paced", {"by": "loss"}, "by: expected one of"),
        ("self-paced", {"share": (0, 1)}, "share: expected two shares"),
        ("self-paced", {"share": 0.5}, r"share: expected two shares in \(0, 1\], got 0\.5"),
        ("self-paced", {"share": ("a", 1)}, "share: expected two shares"),
        ("self-paced", {"ages": 2.0}, r"ages: expected two losses, got 2\.0"),
        ("self-paced", {"grow": 0}, "grow: expected"),
        ("self-paced", {"ages": (0.5, np.inf)}, "ages: expected two finite losses"),
        ("self-paced", {"ages": ("a", 1)}, "ages: expected two finite losses"),
        ("self-paced", {"ages": (1, 2, 3)}, "ages: expected two losses"),
        ("self-paced", {"ages": (0.5, 1.0), "law": "logarithmic"}, "below 1"),
        ("self-paced", {"law": "polynomial", "power": 1.0}, "a power above 1"),
        ("superloss", {"strength": 0}, "strength: expected"),
        ("superloss", {"threshold": np.inf}, "threshold: expected"),
        ("superloss", {"memory": 1.0}, "memory: expected"),
        ("loss-proportional", {"power": -1}, "power: expected"),
        ("loss-proportional", {"explore": 2}, "explore: expected"),
    ],
)
def test_bad_options(name, options, message):
    with pytest.raises(ValueError, match=message):
        make(name, **options)


@pytest.mark.parametrize("name", ["self-paced", "loss-proportional"])
def test_negative_losses_are_refused(name):
    teacher = make(name)
    assignment = teacher.ask(2)
    with pytest.raises(ValueError, match="losses of at least 0"):
        tell(teacher, assignment, np.full(20, -1.0))


def test_a_student_that_cannot_weigh_is_refused():
    family = teachers_family()
    student = CompetenceStudent(family, seed=0)
    with pytest.raises(ValueError, match="weighs examples in the loss, which CompetenceStudent cannot"):
        check_fit(family, teachers.make("superloss", family.space, seed=0), student)


def teachers_family():
    from teacherstudent.envs.toy_grid import ToyGrid

    family = ToyGrid()
    family.space = Discrete(4)
    return family


# Runs on digits

RUNS = {
    "uniform": ("uniform", {}),
    "superloss": ("superloss", {}),
    "self-paced": ("self-paced", {}),
    "self-paced-weights": ("self-paced", {"by": "weights", "law": "linear"}),
    "loss-proportional": ("loss-proportional", {}),
    "jest": ("jest", {"score": "hard"}),
}


def experiment(label, budget=1e9):
    name, options = RUNS[label]
    return Experiment(
        teacher=name,
        teacher_options=options,
        family="digits-examples",
        family_options={"label_noise": 0.2},
        student="classifier",
        student_options={
            "backbone": "resnet",
            "backbone_options": {"widths": (4, 8)},
            "training": {"batch_size": 64, "renorm": 64},
            "machine": {"device": "cpu"},
        },
        plan=Plan(budget=budget, test_every=5e8),
    )


@pytest.mark.parametrize("label", RUNS)
def test_a_run_on_digits_resumes_where_it_stopped(label, tmp_path):
    experiment(label).run(tmp_path / "whole")
    rounds = iter(range(40))
    experiment(label).run(tmp_path / "parts", stop=lambda: next(rounds) == 39)
    assert Run.load(tmp_path / "parts").status()["status"] == "interrupted"
    experiment(label).run(tmp_path / "parts", resume=True)
    whole, parts = (Run.load(tmp_path / part).episodes() for part in ("whole", "parts"))
    for column in ("task", "purpose", "loss"):
        assert np.array_equal(whole[column], parts[column]), column
    learnt = (whole["purpose"] == Purpose.TRAIN).mean()
    assert (learnt == 1) == (label not in ("self-paced", "jest"))
    assert learnt > 0.1


def test_weights_reach_the_students_loss(tmp_path):
    losses = {}
    for label in ("uniform", "superloss"):
        experiment(label, 1e8).run(tmp_path / label)
        episodes = Run.load(tmp_path / label).episodes()
        losses[label] = episodes["loss"]
        assert (
            episodes["task"][:64].tolist() == Run.load(tmp_path / "uniform").episodes()["task"][:64].tolist()
        )
    assert np.array_equal(losses["uniform"][:64], losses["superloss"][:64])  # before the first step
    assert not np.allclose(losses["uniform"][64:128], losses["superloss"][64:128])
