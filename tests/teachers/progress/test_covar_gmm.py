import numpy as np
import pytest
from sklearn.mixture import GaussianMixture

from teacherstudent.contract.spaces import Parameters
from teacherstudent.contract.types import Outcomes
from teacherstudent.teachers.progress.covar_gmm import CovarGMM
from teacherstudent.teachers.progress.mixture import Mixture
from teacherstudent.testing.sessions import difference

SPACE = Parameters(a=(0, 3), b=(-2, 6))
UNIT = Parameters(a=(0, 1), b=(0, 1))
VARIANTS = ("paper", "fixed")


def rows(tasks, score, ids=None):
    tasks, score = np.asarray(tasks, float), np.asarray(score, float)
    ids = np.full(len(tasks), -1) if ids is None else ids
    return Outcomes(ids=ids, tasks=tasks, score=score, cost=np.ones(len(tasks)))


def stream(n, seed=0, space=SPACE):
    """Tasks all over the space; scores rise with time where ``a`` is small."""
    rng = np.random.default_rng(seed)
    unit = rng.random((n, 2))
    score = np.where(unit[:, 0] < 0.3, np.linspace(0, 1, n), 0.2) + 0.05 * rng.standard_normal(n)
    return space.low + unit * (space.high - space.low), score


@pytest.mark.parametrize("variant", VARIANTS)
def test_utility_by_hand(variant):
    line, tasks = Parameters(x=(0, 1)), [[0.0], [0.5], [1.0], [0.5]]
    # times 0, 1/4, 1/2, 3/4; scores 0 1 2 3: E[t s] - E[t] E[s] = 3.5 / 4 - 0.375 x 1.5 = 0.3125
    for score, absolute, expected in (
        ([0, 1, 2, 3], False, 0.3125),
        ([3, 2, 1, 0], False, 0.0),
        ([3, 2, 1, 0], True, 0.3125),
        ([1, 1, 1, 1], True, 0.0),
    ):
        teacher = CovarGMM(line, seed=0, variant=variant, fit_rate=4, n_components=(1, 1), absolute=absolute)
        teacher.tell(rows(tasks, score))
        shown = teacher.snapshot()
        assert shown["utility"] == pytest.approx(np.array([expected]), abs=1e-12)
        # the mean of (task, time, score)
        np.testing.assert_allclose(shown["means"], [[0.5, 0.375, np.mean(score)]], atol=1e-12)
        assert teacher.metrics()["utility"] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("variant", VARIANTS)
def test_components_are_sampled_in_proportion_to_their_utility(variant):
    means = np.array([[0.1, 0.1], [0.1, 0.9], [0.9, 0.1], [0.9, 0.9]])
    covariances = np.repeat(np.diag([1e-4, 1e-4, 0.1, 0.1])[None], 4, axis=0)
    covariances[:, 2, 3] = covariances[:, 3, 2] = [0.06, 0.02, -0.09, 0.0]
    for absolute, expected in ((False, [6, 2, 0, 0]), (True, [6, 2, 9, 0])):
        teacher = CovarGMM(UNIT, seed=0, variant=variant, random_task_ratio=0.0, absolute=absolute)
        mixture = Mixture(np.full(4, 0.25), np.column_stack([means, np.zeros((4, 2))]), covariances)
        teacher._draws.use(mixture, teacher.utility(mixture))
        near = np.linalg.norm(teacher.ask(3000).tasks[:, None] - means, axis=2) < 0.06
        np.testing.assert_allclose(near.mean(axis=0), np.array(expected) / sum(expected), atol=0.035)


@pytest.mark.parametrize("variant", VARIANTS)
def test_without_utility_any_component_is_sampled(variant):
    means = np.array([[0.1, 0.1, 0, 0], [0.9, 0.9, 0, 0]])
    mixture = Mixture(np.array([0.9, 0.1]), means, np.repeat(1e-4 * np.eye(4)[None], 2, axis=0))
    teacher = CovarGMM(UNIT, seed=0, variant=variant, random_task_ratio=0.0)
    teacher._draws.use(mixture, teacher.utility(mixture))
    assert (teacher.ask(1000).tasks[:, 0] < 0.5).mean() == pytest.approx(0.5, abs=0.06)


def test_the_paper_restated():
    tasks, score = stream(300, space=SPACE)
    teacher = CovarGMM(SPACE, seed=5, variant="paper", fit_rate=100, n_components=(2, 4))
    window = []
    for i in range(300):
        teacher.tell(rows(tasks[i : i + 1], score[i : i + 1]))
        window.append([*tasks[i], np.arange(0, 1, 1 / 100)[i % 100], score[i]])
        if len(window) == 100:
            models = [GaussianMixture(k, random_state=5).fit(np.array(window)) for k in (2, 3, 4)]
            best = min(models, key=lambda model, window=window: model.aic(np.array(window)))
            shown = teacher.snapshot()
            assert np.array_equal(shown["means"], best.means_)
            expected = np.maximum(best.covariances_[:, 2, 3], 0)
            assert shown["utility"].tolist() == expected.tolist()
            window = []


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_batch_is_told_like_its_rows(variant):
    tasks, score = stream(330, space=SPACE)
    states = []
    for cuts in ([], np.arange(1, 330), [10, 149, 150, 260]):
        teacher = CovarGMM(SPACE, seed=0, variant=variant, fit_rate=50, n_components=(2, 3))
        for part in np.split(np.arange(330), cuts):
            teacher.tell(rows(tasks[part], score[part]))
        states.append(teacher.state_dict())
    assert difference(states[0], states[1]) is None
    assert difference(states[0], states[2]) is None


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_snapshot_is_in_task_units(variant):
    tasks, score = stream(200, space=SPACE)
    teacher = CovarGMM(SPACE, seed=0, variant=variant, fit_rate=200, n_components=(1, 1))
    assert teacher.snapshot() == {}
    teacher.tell(rows(tasks, 500 * score))
    shown = teacher.snapshot()
    window = np.column_stack([tasks, np.arange(200) / 200, 500 * score])
    np.testing.assert_allclose(shown["means"][0], window.mean(axis=0), rtol=1e-9)
    np.testing.assert_allclose(shown["covariances"][0], np.cov(window.T, bias=True), rtol=1e-3, atol=1e-3)
    assert shown["utility"][0] == pytest.approx(np.cov(window.T, bias=True)[2, 3])


@pytest.mark.parametrize("fit_rate", [1, 3, 250])
def test_degenerate_outcomes(fit_rate):
    rng = np.random.default_rng(0)
    for tasks in (np.full((500, 2), 0.5), rng.integers(0, 2, (500, 2))):
        for score in (np.zeros(500), 1e6 * rng.standard_normal(500)):
            teacher = CovarGMM(UNIT, seed=0, fit_rate=fit_rate)
            teacher.tell(rows(tasks, score))
            assert teacher.ask(20).tasks.shape == (20, 2)
            assert all(np.isfinite(value).all() for value in teacher.snapshot().values())


@pytest.mark.parametrize("variant", VARIANTS)
def test_it_finds_where_scores_rise(variant):
    teacher, rng, skill, inside = CovarGMM(UNIT, seed=0, variant=variant), np.random.default_rng(0), 0.0, []
    for _ in range(120):
        asked = teacher.ask(25)
        there = (asked.tasks > 0.75).all(axis=1)
        skill += there.sum() / 100
        score = np.where(there, skill, 0.0) + 0.05 * rng.standard_normal(25)
        teacher.tell(rows(asked.tasks, score, asked.ids))
        inside.append(there)
    assert np.concatenate(inside)[2000:].mean() > 0.5  # uniform tasks give 0.0625


def test_bad_options_and_states_are_refused():
    for options, message in (
        ({"variant": "old"}, "variant: expected 'fixed' or 'paper', got 'old'"),
        ({"fit_rate": 5, "variant": "paper"}, "at least 10 rows for 10 components"),
        ({"score_range": (2.0, np.inf)}, "score_range: expected finite low < high"),
    ):
        with pytest.raises(ValueError, match=message):
            CovarGMM(UNIT, seed=0, **options)
    teacher = CovarGMM(UNIT, seed=0, fit_rate=20)
    teacher.tell(rows(*stream(50, space=UNIT)))
    state = teacher.state_dict()
    with pytest.raises(ValueError, match=r"window: tasks: expected shape \(9, 2\)"):
        teacher.load_state_dict(
            state
            | {"algorithm": state["algorithm"] | {"window": state["algorithm"]["window"] | {"told": 49}}}
        )
