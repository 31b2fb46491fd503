import numpy as np
import pytest
from strips import SPACE, Frontier, unasked

from teacherstudent import teachers
from teacherstudent.contract.spaces import Parameters
from teacherstudent.teachers.generators.vds import VDSTeacher
from teacherstudent.testing.sessions import difference

SMALL = {"networks": 3, "hidden": (8,), "batch_size": 16}
LINE = Parameters(x=(0, 10))


def make(space=LINE, seed=0, **options):
    return VDSTeacher(space, seed=seed, **({"ensemble": SMALL} | options))


def test_candidates_are_drawn_in_proportion_to_the_disagreement():
    teacher = make(fit_rate=40, candidates=5, random_task_ratio=0.2)
    rng = np.random.default_rng(0)
    teacher.tell(unasked(rng.uniform(0, 10, (40, 1)), 100 * rng.random(40)))
    tasks = teacher.ask(5000).tasks[:, 0]
    shown = teacher.snapshot()
    shares = (tasks[:, None] == shown["tasks"][:, 0]).mean(axis=0)
    spread = shown["disagreement"]
    np.testing.assert_allclose(shares, 0.8 * spread / spread.sum(), atol=0.03)
    # The spread that is shown is that of the networks' predictions, in units of the score.
    newest = teacher.state_dict()["algorithm"]["newest"]["values"]
    predicted = teacher._ensemble.predict(shown["tasks"] / 5 - 1)
    np.testing.assert_allclose(spread, predicted.std(axis=0) * newest.std())
    assert teacher.metrics()["disagreement"] == pytest.approx(spread.mean())
    p = spread / spread.sum()
    assert teacher.metrics()["steered"] == pytest.approx(1 - 1 / (5 * (p**2).sum()))


def test_the_scale_of_scores_plays_no_role():
    tasks = np.random.default_rng(0).uniform(0, 10, (80, 1))
    score = np.sin(tasks[:, 0])
    plain, scaled = make(fit_rate=40), make(fit_rate=40)
    plain.tell(unasked(tasks, score))
    scaled.tell(unasked(tasks, 1000 * score - 64))
    np.testing.assert_allclose(plain.ask(50).tasks, scaled.ask(50).tasks)
    ratio = scaled.snapshot()["disagreement"] / plain.snapshot()["disagreement"]
    np.testing.assert_allclose(ratio, 1000, rtol=1e-3)


@pytest.mark.parametrize("score", [0.0, 1e100, -3.0])
def test_equal_scores_teach_nothing(score):
    teacher = make(fit_rate=10)
    teacher.tell(unasked(np.arange(10.0)[:, None], np.full(10, score)))
    tasks = teacher.ask(3000).tasks
    np.testing.assert_allclose(np.histogram(tasks, 5, (0, 10))[0] / 3000, 0.2, atol=0.03)
    assert all(np.isfinite(value) for value in teacher.metrics().values())


def test_a_batch_is_told_like_its_rows():
    ends = []
    rng = np.random.default_rng(0)
    tasks, score = rng.uniform(0, 10, (50, 1)), rng.random(50)
    for cuts in ([], np.arange(1, 50), [7, 31]):
        teacher = make(fit_rate=15, steps=2, window=30)
        for part in np.split(np.arange(50), cuts):
            teacher.tell(unasked(tasks[part], score[part]))
        teacher.ask(3)
        ends.append(teacher.state_dict())
    assert ends[0]["algorithm"]["counters"].tolist() == [50, 0, 3]
    assert difference(ends[0], ends[1]) is None
    assert difference(ends[0], ends[2]) is None


def test_the_frontier_moves_out_faster_than_with_uniform_tasks():
    ensemble = {"networks": 5, "hidden": (32, 32), "batch_size": 32, "lr": 0.01}
    came = []
    for seed in range(4):
        teacher = make(SPACE, seed=seed, ensemble=ensemble)
        uniform = Frontier(seed).taught(teachers.make("random", SPACE, seed=seed), 1920)
        came.append(Frontier(seed).taught(teacher, 1920) - uniform)
    assert min(came) > 0.03
    assert np.mean(came) > 0.08


@pytest.mark.parametrize(
    ("option", "value"),
    [("fit_rate", 0), ("steps", 0), ("window", 0), ("candidates", 0), ("random_task_ratio", 2)],
)
def test_wrong_options_are_refused_by_name(option, value):
    with pytest.raises(ValueError, match=f"vds: {option}: expected"):
        make(**{option: value})
    with pytest.raises(TypeError, match=r"vds: ensemble: expected options among .*, got 'gan'"):
        make(ensemble={"gan": 3})
