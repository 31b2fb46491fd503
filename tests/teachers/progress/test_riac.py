import numpy as np
import pytest
from regions import SPACE, VARIANTS, nodes, rows, stream

from teacherstudent.teachers.progress.riac import RIAC
from teacherstudent.testing.sessions import difference


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_batch_told_at_once_gives_the_state_of_its_rows_told_singly(variant):
    tasks, scores = stream(2500)
    states = []
    for size in (2500, 1, 37):
        teacher = RIAC(SPACE, seed=4, variant=variant, region_size=60)
        for i in range(0, 2500, size):
            teacher.tell(rows(tasks[i : i + size], scores[i : i + size]))
        states.append(teacher.state_dict())
    assert len(states[0]["algorithm"]["dim"]) > 9
    assert difference(states[0], states[1]) is None
    assert difference(states[0], states[2]) is None


@pytest.mark.parametrize("variant", VARIANTS)
def test_tasks_go_where_progress_is(variant):
    # Only the strip a > 1.5 is learnt, all along; everywhere else the score is a constant.
    teacher = RIAC(SPACE, seed=0, variant=variant)
    for step in range(200):
        tasks = teacher.ask(20)
        learnt = np.where(tasks.tasks[:, 0] > 1.5, 0.5 * (1 + np.sin(step / 20)), 0.3)
        teacher.tell(rows(tasks.tasks, learnt, tasks.ids))
    asked = teacher.ask(5000).tasks
    assert np.mean(asked[:, 0] > 1.5) > 0.4  # uniform: 0.25
    snapshot = teacher.snapshot()
    inner = snapshot["leaf"] & (snapshot["high"][:, 0] < 1.45)
    strip = snapshot["leaf"] & (snapshot["low"][:, 0] > 1.5)
    assert snapshot["alp"][inner].max() < 1e-9
    assert snapshot["alp"][strip].max() > 0.01


def test_regions_are_drawn_in_proportion_to_progress():
    teacher = RIAC(SPACE, seed=0, region_size=24)
    teacher.tell(rows(*stream(400)))
    alp = nodes(teacher)["alp"]
    pick = (np.arange(100_000) + 0.5) / 100_000
    share = np.bincount(teacher._draw_regions(pick), minlength=len(alp)) / 100_000
    assert share == pytest.approx(alp / alp.sum(), abs=2e-5)


@pytest.mark.parametrize("variant", VARIANTS)
def test_without_progress_tasks_are_uniform(variant):
    teacher = RIAC(SPACE, seed=0, variant=variant)
    asked = teacher.ask(8000).tasks  # nothing told yet: the authors' code fails here
    counts = np.histogram2d(*asked.T, bins=2, range=[[0, 2], [-3, 3]])[0]
    assert np.abs(counts - 2000).max() < 200


def test_mutations_stay_near_the_lowest_score_in_units_of_the_variant():
    for variant, spread in (("paper", [0.1, 0.1]), ("fixed", [0.2, 0.6])):  # 0.1 units; 0.1 of the range
        teacher = RIAC(SPACE, seed=0, variant=variant)
        tasks = np.tile([1.0, 0.5], (5, 1)) + np.arange(5)[:, None] * 0.05
        teacher.tell(rows(tasks, [0.5, 0.4, -3.0, 0.1, 0.2]))
        teacher.rng = FixedMode(teacher.rng, 0.05)
        asked = teacher.ask(4000).tasks
        assert asked.mean(axis=0) == pytest.approx(tasks[2], abs=0.05)
        assert asked.std(axis=0) == pytest.approx(spread, rel=0.05)


class FixedMode:
    """A generator whose first draw of each ask says which mode every task takes."""

    def __init__(self, rng, mode):
        self.rng, self.mode = rng, mode

    def random(self, shape):
        draws = self.rng.random(shape)
        if shape[0] == 2 and len(draws[0]) > 2:
            draws[0] = self.mode
        return draws

    def standard_normal(self, shape):
        return self.rng.standard_normal(shape)


def test_uniform_tasks_cover_the_space_but_not_in_paper_with_leaves_only():
    covered = {}
    for variant in VARIANTS:
        teacher = RIAC(SPACE, seed=0, variant=variant, leaves_only=True)
        teacher.tell(rows(*stream(4000)))
        teacher.rng = FixedMode(teacher.rng, 0.2)
        covered[variant] = np.ptp(teacher.ask(2000).tasks, axis=0)
    assert (covered["fixed"] > [1.95, 5.9]).all()
    assert (covered["paper"] < [1.5, 4.5]).any()


@pytest.mark.parametrize("variant", VARIANTS)
def test_identical_tasks_neither_hang_nor_split(variant):
    teacher = RIAC(SPACE, seed=0, variant=variant, region_size=40)
    teacher.tell(rows(np.tile([1.0, 1.0], (2000, 1)), np.linspace(0, 1, 2000)))
    state = nodes(teacher)
    assert state["dim"].tolist() == [-1]
    assert 30 <= state["count"][0] <= 40
    assert teacher.ask(100).tasks.std(axis=0).min() > 0.1


@pytest.mark.parametrize("variant", VARIANTS)
def test_tasks_on_a_lattice_are_told_apart(variant):
    rng = np.random.default_rng(0)
    tasks = np.stack([rng.integers(0, 3, 5000), rng.integers(-3, 4, 5000)], axis=1)
    teacher = RIAC(SPACE, seed=0, variant=variant, region_size=40)
    teacher.tell(rows(tasks, tasks[:, 0] * np.linspace(0, 1, 5000)))
    assert teacher.metrics()["leaves"] >= 8


def test_scores_are_scaled_to_the_range_and_saturate():
    teacher = RIAC(SPACE, seed=0, score_range=(-150.0, 350.0))
    teacher.tell(rows(np.ones((4, 2)), [-500.0, -150.0, 100.0, 900.0]))
    assert nodes(teacher)["scores"][0, :4].tolist() == [0.0, 0.0, 0.5, 1.0]
    assert teacher.metrics()["alp_max"] == 0.75  # |mean(0, 0) - mean(.5, 1)|


def test_a_state_of_another_size_is_refused():
    state = RIAC(SPACE, seed=0, region_size=40).state_dict()
    with pytest.raises(ValueError, match=r"scores: expected shape \(1, 201\), got \(1, 41\)"):
        RIAC(SPACE, seed=0).load_state_dict(state)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"variant": "papr"}, "variant: expected 'fixed' or 'paper', got 'papr'"),
        ({"score_range": (1.0, 1.0)}, r"score_range: expected finite low < high, got \(1.0, 1.0\)"),
        ({"score_range": (0.0, float("inf"))}, "score_range: expected finite"),
        ({"region_size": 3}, "region_size: expected a whole number of at least 4, got 3"),
        ({"alp_window": 201}, "alp_window: expected a whole number of at most 200, got 201"),
        ({"split_attempts": 0}, "split_attempts: expected a whole number of at least 1, got 0"),
        ({"min_share": 1.0}, "min_share: expected a share"),
        ({"discard": 0.001}, "discard: expected a share"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        RIAC(SPACE, seed=0, **options)
