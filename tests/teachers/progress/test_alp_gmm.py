import time

import numpy as np
import pytest
from sklearn.mixture import GaussianMixture

from teacherstudent.contract.spaces import Box, Parameters
from teacherstudent.contract.types import Outcomes
from teacherstudent.teachers.progress.alp_gmm import ALPGMM
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
    """Tasks all over the space, and scores of a student whose frontier moves through it."""
    rng = np.random.default_rng(seed)
    unit = rng.random((n, space.shape[0]))
    frontier = np.linspace(0.2, 0.8, n)
    score = 1 / (1 + np.exp(12 * (unit[:, :2].mean(axis=1) - frontier))) + 0.05 * rng.standard_normal(n)
    return space.low + unit * (space.high - space.low), score


def with_mixture(variant, alp, means, spread, space=UNIT, **options):
    """Return a teacher that samples the given components; ``means`` lie in the unit square."""
    teacher = ALPGMM(space, seed=0, variant=variant, **options)
    k = len(alp)
    covariances = np.repeat(np.diag([spread**2, spread**2, 1e-6])[None], k, axis=0)
    teacher._mixture = Mixture(np.full(k, 1 / k), np.column_stack([means, alp]), covariances)
    teacher._use()
    return teacher


def test_progress_by_hand():
    line = Parameters(x=(0, 4))
    told = rows([[0], [1], [2], [3], [0], [1.2], [0.9], [4]], [1, 2, 4, 8, 1.5, 2.5, 7, 10])
    alp = {}
    for variant in VARIANTS:
        teacher = ALPGMM(line, seed=0, variant=variant, fit_rate=8, n_components=(2, 3))
        teacher.tell(told)
        alp[variant] = teacher.snapshot()["alp"]
    # 0.9 is nearest to the 1 of the second row: |7 - 2|; 4 to 3: |10 - 8|; the paper's first six are 0
    np.testing.assert_allclose(alp["paper"], [0, 0, 0, 0, 0, 0, 5, 2])
    np.testing.assert_allclose(alp["fixed"], [0, 1, 2, 4, 0.5, 0.5, 5, 2])


def test_units_decide_who_is_near():
    space, alp = Parameters(a=(0, 1), b=(0, 100)), {}
    for variant in VARIANTS:
        teacher = ALPGMM(space, seed=0, variant=variant, fit_rate=10, n_components=(2, 3))
        # the last task is 0.9 of a's range away from the first, and 0.03 of b's from the second
        teacher.tell(rows([[0, 50], [0.9, 53], *[[0, 0]] * 7, [0.9, 50]], [1, 4, *[0] * 7, 0]))
        alp[variant] = teacher.snapshot()["alp"][-1]
    assert alp == {"paper": 1.0, "fixed": 4.0}


def test_of_equally_near_tasks_the_oldest_counts():
    teacher = ALPGMM(Parameters(x=(0, 4)), seed=0, fit_rate=6)
    teacher.tell(rows([[0], [2], [2], [1], [2], [0]], [1, 2, 4, 8, 16, 32]))
    # 2 is compared with the first 2 each time, 1 with 0 rather than with 2
    np.testing.assert_allclose(teacher.snapshot()["alp"], [0, 1, 2, 7, 14, 31])


def test_score_range_by_hand():
    for variant in VARIANTS:
        teacher = ALPGMM(
            Parameters(x=(0, 1)),
            seed=0,
            variant=variant,
            fit_rate=9,
            n_components=(2, 3),
            score_range=(-150, 350),
        )
        teacher.tell(rows(np.linspace(0, 1, 9)[:, None], [0, 0, 0, 0, 0, 0, 1000, 225, -1000]))
        # mapped: 0.3 six times, then 1, 0.75, 0
        np.testing.assert_allclose(teacher.snapshot()["alp"][6:], [0.7, 0.25, 0.75], atol=1e-12)


class Restated:
    """The paper's teacher without trees; ``tell`` returns the ALP and the mixture of a full window."""

    def __init__(self, fit_rate, counts, seed, max_size):
        self.fit_rate, self.counts, self.seed, self.max_size = fit_rate, counts, seed, max_size
        self.main, self.buffer, self.rows = [], [], []

    def tell(self, task, score):
        alp = 0.0
        if len(self.main) + len(self.buffer) > 5:
            found = [
                min(part, key=lambda old: np.hypot(*(old[0] - task)))
                for part in (self.main, self.buffer)
                if part
            ]
            alp = abs(score - min(found, key=lambda old: np.hypot(*(old[0] - task)))[1])
        if len(self.buffer) == 500:
            self.main, self.buffer = (self.main + self.buffer)[-self.max_size :], []
        self.buffer.append((task, score))
        self.rows.append([*task, alp])
        if len(self.rows) % self.fit_rate:
            return None
        window = np.array(self.rows[-self.fit_rate :])
        models = [GaussianMixture(k, random_state=self.seed).fit(window) for k in self.counts]
        return window[:, -1], min(models, key=lambda model: model.aic(window))


@pytest.mark.parametrize("max_size", [None, 600])
def test_the_paper_restated(max_size):
    tasks, score = stream(1300, seed=1, space=SPACE)
    teacher = ALPGMM(SPACE, seed=3, variant="paper", fit_rate=100, n_components=(2, 4), max_size=max_size)
    restated = Restated(100, range(2, 5), 3, max_size or 10**6)
    fits = 0
    for task, value in zip(tasks, score, strict=True):
        teacher.tell(rows([task], [value]))
        fitted = restated.tell(task, value)
        if fitted is not None:
            alp, model = fitted
            shown = teacher.snapshot()
            assert shown["alp"].tolist() == alp.tolist()
            assert np.array_equal(shown["means"], model.means_)
            assert np.array_equal(shown["covariances"], model.covariances_)
            fits += 1
    assert fits == 13
    assert len(teacher._history._store) == (1300 if max_size is None else 600 + 300)


@pytest.mark.parametrize("variant", VARIANTS)
def test_components_are_sampled_in_proportion_to_their_progress(variant):
    means = np.array([[0.1, 0.1], [0.1, 0.9], [0.9, 0.1], [0.9, 0.9]])
    teacher = with_mixture(variant, [0.3, 0.1, 0.0, 0.6], means, 0.01)
    tasks = teacher.ask(4000).tasks
    near = np.linalg.norm(tasks[:, None] - means, axis=2) < 0.06
    shares = near.sum(axis=0) / len(tasks)
    # 80 % from the components, and of the 20 % uniform ones pi 0.06^2 = 1.1 % near each mean
    np.testing.assert_allclose(shares, 0.8 * np.array([0.3, 0.1, 0.0, 0.6]) + 0.2 * 0.0113, atol=0.025)
    assert near.any(axis=1).mean() == pytest.approx(0.8 + 0.2 * 0.0452, abs=0.02)


@pytest.mark.parametrize("variant", VARIANTS)
def test_without_progress_any_component_is_sampled(variant):
    means = np.array([[0.1, 0.1], [0.1, 0.9], [0.9, 0.1], [0.9, 0.9]])
    teacher = with_mixture(variant, [0.0] * 4, means, 0.01, random_task_ratio=0.0)
    near = np.linalg.norm(teacher.ask(2000).tasks[:, None] - means, axis=2) < 0.06
    np.testing.assert_allclose(near.mean(axis=0), 0.25, atol=0.05)


@pytest.mark.parametrize("variant", VARIANTS)
def test_tasks_are_clipped_and_spread_like_the_component(variant):
    teacher = with_mixture(variant, [1.0], [[0.0, 0.5]], 0.1, random_task_ratio=0.0)
    tasks = teacher.ask(3000).tasks
    assert np.mean(tasks[:, 0] == 0) == pytest.approx(0.5, abs=0.05)
    assert tasks[:, 1].std() == pytest.approx(0.1, rel=0.1)
    if variant == "paper":
        assert (tasks == tasks.astype(np.float32)).all()


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("max_size", [None, 300])
def test_a_batch_is_told_like_its_rows(variant, max_size):
    tasks, score = stream(1100, space=SPACE)
    ends = {}
    for name, cuts in {
        "at once": [],
        "one by one": np.arange(1, 1100),
        "odd": np.random.default_rng(0).integers(1, 1100, 40),
    }.items():
        options = {"fit_rate": 50, "n_components": (2, 3), "max_size": max_size}
        teacher = ALPGMM(SPACE, seed=0, variant=variant, **options)
        alp = []
        for part in np.split(np.arange(1100), np.sort(cuts)):
            if part.size:
                teacher.tell(rows(tasks[part], score[part]))
                alp.append(teacher.metrics().get("alp"))
        ends[name] = teacher.state_dict()
        assert len(set(alp)) > (1 if len(cuts) else 0)
    assert difference(ends["at once"], ends["one by one"]) is None
    assert difference(ends["at once"], ends["odd"]) is None


@pytest.mark.parametrize("variant", VARIANTS)
def test_fits_happen_at_multiples_of_the_rate_on_the_newest_rows(variant):
    tasks, score = stream(120, space=SPACE)
    teacher = ALPGMM(SPACE, seed=0, variant=variant, fit_rate=50, n_components=(2, 3))
    seen = []
    for i in range(120):
        teacher.tell(rows(tasks[i : i + 1], score[i : i + 1]))
        shown = teacher.snapshot()
        seen.append(None if not shown else shown["tasks"][0, 0])
    assert seen == [None] * 49 + [tasks[0, 0]] * 50 + [tasks[50, 0]] * 21
    assert np.array_equal(shown["tasks"], tasks[50:100])
    assert teacher.metrics()["told"] == 120


@pytest.mark.parametrize("variant", VARIANTS)
def test_rows_that_were_not_asked_for_count_alike(variant):
    options = {"fit_rate": 60, "n_components": (2, 3), "variant": variant}
    asker, listener = ALPGMM(SPACE, seed=0, **options), ALPGMM(SPACE, seed=1, **options)
    rng = np.random.default_rng(0)
    for _ in range(5):
        asked = asker.ask(30)
        outcomes = rows(asked.tasks, rng.random(30), asked.ids)
        asker.tell(outcomes)
        listener.tell(rows(outcomes.tasks, outcomes.score))
    for key in ("tasks", "alp"):
        assert np.array_equal(asker.snapshot()[key], listener.snapshot()[key])


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_snapshot_is_in_task_units(variant):
    tasks, score = stream(200, space=SPACE)
    teacher = ALPGMM(SPACE, seed=0, variant=variant, fit_rate=200, n_components=(1, 1))
    assert teacher.snapshot() == {}
    teacher.tell(rows(tasks, score))
    shown = teacher.snapshot()
    window = np.column_stack([tasks, shown["alp"]])
    ranges = np.array([3.0, 8.0, 1.0]) if variant == "fixed" else np.ones(3)
    np.testing.assert_allclose(shown["weights"], [1.0])
    np.testing.assert_allclose(shown["means"][0], window.mean(axis=0), atol=1e-12)
    expected = np.cov(window.T, bias=True) + 1e-6 * np.diag(ranges**2)
    np.testing.assert_allclose(shown["covariances"][0], expected, atol=1e-10)
    shown["alp"][:] = 7
    assert teacher.snapshot()["alp"].max() < 2


def test_a_rebuilt_index_answers_as_before():
    tasks, score = stream(3000, space=UNIT)
    one = ALPGMM(UNIT, seed=0)
    for part in np.split(np.arange(2000), 40):
        one.tell(rows(tasks[part], score[part]))
    two = ALPGMM(UNIT, seed=9)
    two.load_state_dict(one.state_dict())
    for part in np.split(np.arange(2000, 3000), 8):
        a, b = one.ask(7), two.ask(7)
        assert np.array_equal(a.tasks, b.tasks)
        for teacher in (one, two):
            teacher.tell(rows(tasks[part], score[part]))
        assert difference(one.state_dict(), two.state_dict()) is None


@pytest.mark.parametrize("size", [1.0, 1e5, 1e99])
def test_the_scale_of_scores_does_not_move_the_tasks_of_the_paper_variant(size):
    """Scores rise near 0.8 alone, so tasks are drawn there, however great the scores are."""
    teacher = ALPGMM(UNIT, seed=0, fit_rate=100, variant="paper", random_task_ratio=0.0)
    rng = np.random.default_rng(0)
    for i in range(3):
        tasks = rng.random((100, 2))
        tasks[:50] = 0.8 + 0.01 * rng.standard_normal((50, 2))
        near = (np.abs(tasks - 0.8) < 0.1).all(axis=1)
        teacher.tell(rows(tasks, size * (i + rng.random(100)) * near))
    drawn = teacher.ask(200).tasks
    assert np.mean((np.abs(drawn - 0.8) < 0.1).all(axis=1)) > 0.7


def test_bad_states_are_refused():
    teacher = ALPGMM(UNIT, seed=0, fit_rate=20)
    tasks, score = stream(50, space=UNIT)
    teacher.tell(rows(tasks, score))
    state = teacher.state_dict()
    for change, message in (
        ({"window": state["algorithm"]["window"] | {"told": 49}}, r"window: tasks: expected shape \(9, 2\)"),
        ({"history": {"points": tasks, "scores": score[:9]}}, r"scores: expected shape \(50\), got \(9,\)"),
        (
            {"history": {"points": tasks * np.nan, "scores": score}},
            "history: points: expected finite numbers",
        ),
        ({"fit_seed": -1}, "alp-gmm: fit_seed: expected a whole number"),
        ({"fitted": {"tasks": tasks, "alp": score[:9]}}, r"alp-gmm: alp: expected shape \(50\)"),
        ({"range": {"told": 3, "outside": 4}}, "range: outside: expected a whole number from 0 to 3, got 4"),
        ({"fitted": {}}, "missing"),
        ({"draws": np.full((3, 2), 2.0)}, "expected a task in"),
    ):
        with pytest.raises(ValueError, match=message):
            teacher.load_state_dict(state | {"algorithm": state["algorithm"] | change})


@pytest.mark.parametrize("fit_rate", [1, 3, 250])
def test_degenerate_outcomes(fit_rate):
    rng = np.random.default_rng(0)
    for tasks in (
        np.full((600, 2), 0.5),
        rng.integers(0, 2, (600, 2)),
        np.repeat(rng.random((1, 2)), 600, axis=0),
    ):
        for score in (np.zeros(600), 1e6 * rng.standard_normal(600)):
            teacher = ALPGMM(UNIT, seed=0, fit_rate=fit_rate)
            for part in np.split(np.arange(600), 3):
                teacher.tell(rows(tasks[part], score[part]))
                assert teacher.ask(20).tasks.shape == (20, 2)
            shown = teacher.snapshot()
            assert all(np.isfinite(value).all() for value in shown.values())
            assert (shown["means"][:, -1] >= -1e-6).all()


def test_integer_and_narrow_boxes():
    for space in (Box(0, 9, (2,), np.int64), Box(-1, 1, (3, 1), np.float32)):
        teacher = ALPGMM(space, seed=0, fit_rate=30)
        for _ in range(5):
            asked = teacher.ask(30)
            assert asked.tasks.dtype == space.dtype
            assert all(space.contains(task) for task in asked.tasks)
            score = asked.tasks.reshape(30, -1).sum(axis=1) + np.arange(30.0)
            teacher.tell(Outcomes(ids=asked.ids, tasks=asked.tasks, score=score, cost=np.ones(30)))


def test_max_size_bounds_what_is_remembered():
    teacher = ALPGMM(Parameters(x=(0, 9)), seed=0, fit_rate=4, max_size=8)
    told = [([[0], [2], [4], [6]], [1, 2, 3, 4])] + [([[9], [8], [9], [8]], [0, 0, 0, 0])] * 3
    for tasks, score in told:
        teacher.tell(rows(tasks, score))
    # 16 rows are more than 8 + 4, so the 8 oldest went: 0 is nearest to an 8
    assert len(teacher._history._index) == 8
    teacher.tell(rows([[0], [0], [9], [9]], [10, 12, 0, 0]))
    np.testing.assert_allclose(teacher.snapshot()["alp"], [10, 2, 0, 0])
    assert len(teacher._history._index) == 12


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_first_tasks_follow_the_initial_distribution(variant):
    teacher = ALPGMM(SPACE, seed=0, variant=variant, fit_rate=300, initial=([0.5, 4.0], [0.01, 0.25]))
    tasks = teacher.ask(300).tasks
    np.testing.assert_allclose(tasks.mean(axis=0), [0.5, 4.0], atol=0.1)
    np.testing.assert_allclose(tasks.std(axis=0), [0.1, 0.5], rtol=0.15)
    teacher.tell(rows(*stream(300, space=SPACE)))
    assert teacher.ask(300).tasks[:, 0].std() > 0.3
    full = ALPGMM(SPACE, seed=0, variant=variant, initial=([1.0, 1.0], [[0.04, 0.05], [0.05, 0.09]]))
    assert np.corrcoef(full.ask(500).tasks.T)[0, 1] == pytest.approx(0.05 / 0.06, abs=0.05)


def test_bad_options_are_refused():
    for options, message in (
        ({"variant": "old"}, "variant: expected 'fixed' or 'paper', got 'old'"),
        ({"criterion": "cv"}, "criterion: expected 'aic', 'bic' or 'aicc', got 'cv'"),
        ({"fit_rate": 0}, "fit_rate: expected a whole number of at least 1, got 0"),
        ({"fit_rate": 9, "variant": "paper"}, "at least 10 rows for 10 components"),
        ({"random_task_ratio": 1.2}, "random_task_ratio: expected 0 to 1, got 1.2"),
        ({"n_components": (3, 2)}, "n_components: expected 1 <= fewest <= most, got"),
        ({"max_size": 0}, "max_size: expected a whole number of at least 1, got 0"),
        ({"score_range": (1.0, 1.0)}, "score_range: expected finite low < high"),
        ({"initial": ([0.5], [0.1])}, r"initial: expected a mean \(2,\)"),
        ({"initial": ([0.5, 0.5], [0.1, -0.1])}, "initial: expected variances of at least 0"),
        ({"initial": ([0.5, np.nan], [0.1, 0.1])}, "initial: expected finite numbers"),
    ):
        with pytest.raises(ValueError, match=message):
            ALPGMM(UNIT, seed=0, **options)


class Learner:
    """Improves in one corner, a sixteenth of the square; elsewhere its score is noise around 0."""

    def __init__(self):
        self.skill, self.rng = 0.0, np.random.default_rng(0)

    def play(self, asked):
        inside = (asked.tasks > 0.75).all(axis=1)
        self.skill += inside.sum() / 100
        score = np.where(inside, self.skill, 0.0) + 0.05 * self.rng.standard_normal(len(asked))
        return rows(asked.tasks, score, asked.ids), inside


@pytest.mark.parametrize("variant", VARIANTS)
def test_it_finds_the_corner_where_something_is_learnt(variant):
    teacher, learner, inside = ALPGMM(UNIT, seed=0, variant=variant), Learner(), []
    for _ in range(3000 // 25):
        outcomes, there = learner.play(teacher.ask(25))
        teacher.tell(outcomes)
        inside.append(there)
    shares = np.concatenate(inside).reshape(3, 1000).mean(axis=1)
    assert shares[-1] > 0.6  # uniform tasks give 0.0625, and at most 0.8 come from the mixture
    shown = teacher.snapshot()
    best = shown["means"][shown["means"][:, -1].argmax()]
    assert (best[:2] > 0.7).all()


def energy_distance(a, b):
    """Return 2 E|A - B| - E|A - A'| - E|B - B'| of two samples, without bias."""

    def mean(x, y):
        return np.linalg.norm(x[:, None] - y, axis=2).mean()

    n = len(a) / (len(a) - 1)
    return 2 * mean(a, b) - n * (mean(a, a) + mean(b, b))


def test_both_variants_sample_alike():
    """On one stream, fixed and paper differ as much as paper and paper with another seed."""
    paper = [ALPGMM(UNIT, seed=seed, variant="paper") for seed in (1, 2, 3)]
    fixed = [ALPGMM(UNIT, seed=seed) for seed in (1, 2, 3)]
    student, sizes = np.random.default_rng(0), []
    within_paper, within_fixed, between, uniform = [], [], [], []
    for window in range(10):
        tasks = paper[0].ask(250).tasks
        frontier = 0.2 + 0.06 * window
        score = 1 / (1 + np.exp(12 * (tasks.mean(axis=1) - frontier))) + 0.05 * student.standard_normal(250)
        for teacher in paper + fixed:
            teacher.tell(rows(tasks, score))
        drawn = [teacher.ask(400).tasks for teacher in paper + fixed]
        within_paper += [energy_distance(drawn[i], drawn[j]) for i, j in ((0, 1), (0, 2), (1, 2))]
        within_fixed += [energy_distance(drawn[i], drawn[j]) for i, j in ((3, 4), (3, 5), (4, 5))]
        between += [energy_distance(drawn[i], drawn[j]) for i in range(3) for j in range(3, 6)]
        uniform += [energy_distance(tasks, student.random((400, 2))) for tasks in drawn]
        sizes.append([teacher.metrics()["components"] for teacher in paper + fixed])
    assert np.mean(within_paper) > 0  # k-means starts differ
    assert np.mean(between) < 1.2 * np.mean(within_paper + within_fixed)
    assert 0.5 < np.mean(within_fixed) / np.mean(within_paper) < 2
    assert np.mean(uniform) > 3 * np.mean(between)  # the measure tells different distributions apart
    assert np.abs(np.mean(np.array(sizes)[:, :3]) - np.mean(np.array(sizes)[:, 3:])) < 1


def test_the_fixed_variant_is_cheap():
    """Far below the benchmark's ratio of ten, so that a busy machine passes."""
    cost = {}
    for variant in VARIANTS:
        teacher = ALPGMM(UNIT, seed=0, variant=variant)
        teacher.tell(rows(*stream(500, space=UNIT)))
        start = time.thread_time()
        for _ in range(12):
            asked = teacher.ask(64)
            teacher.tell(rows(asked.tasks, asked.tasks.sum(axis=1), asked.ids))
        cost[variant] = time.thread_time() - start
    assert cost["paper"] > 5 * cost["fixed"]
