"""ALP-GMM with an incremental mixture: the unit of ALP, batches, a planted learner, bad input."""

import numpy as np
import pytest

from teacherstudent import teachers
from teacherstudent.contract.spaces import Parameters
from teacherstudent.contract.stored.saved import difference
from teacherstudent.contract.types import Outcomes
from teacherstudent.teachers.progress.alp_figmn import BLOCK, START

SPACE = Parameters(a=(0, 10), b=(-1, 1))


def make(seed=0, **options):
    return teachers.make("alp-figmn", SPACE, seed=seed, **options)


def told(tasks, scores):
    return Outcomes(ids=np.full(len(tasks), -1), tasks=tasks, score=scores, cost=np.ones(len(tasks)))


def stream(n, scale=1.0):
    rng = np.random.default_rng(0)
    tasks = rng.random((n, 2)) * [10, 2] - [0, 1]
    return told(tasks, scale * np.where(tasks[:, 0] < 3, rng.random(n), 0.0))


def test_tasks_are_uniform_until_alp_has_a_unit():
    teacher = make()
    assert teacher.first_action().rows == START
    rows = stream(START)
    teacher.tell(rows.select(slice(0, START - 1)))
    assert teacher.snapshot() == {}
    teacher.tell(rows.select(slice(START - 1, START)))
    assert teacher.metrics()["told"] == START
    assert teacher.metrics()["components"] >= 1
    # Twice the scores give twice the ALP and else the same mixture.
    other = make()
    other.tell(stream(START, scale=1024.0))
    one, two = teacher.snapshot(), other.snapshot()
    np.testing.assert_allclose(two["weights"], one["weights"])
    np.testing.assert_allclose(two["means"], one["means"] * [1, 1, 1024])
    assert one["means"][:, 0].max() > 1  # task units


@pytest.mark.parametrize("size", [1, 7, 300])
def test_batches_make_no_difference(size):
    rows = stream(300)
    one, two = make(), make()
    for start in range(0, 300, size):
        one.tell(rows.select(slice(start, start + size)))
    two.tell(rows)
    assert difference(one.state_dict(), two.state_dict()) is None


def test_tasks_come_from_where_scores_change():
    """Scores of a corner of 9 % go up and down; all others stay 0."""
    teacher = make(max_size=300)  # a task's neighbours of long ago would look like progress for long
    shares = []
    for i in range(60):
        asked = teacher.ask(50)
        corner = (asked.tasks[:, 0] < 3) & (asked.tasks[:, 1] < -0.4)
        shares.append(corner.mean())
        teacher.tell(Outcomes.of(asked, score=np.where(corner, i % 2, 0), cost=np.ones(50)))
    assert np.mean(shares[-20:]) > 0.5
    # The corner falls silent, another one begins: it moves there.
    for i in range(120):
        asked = teacher.ask(50)
        corner = (asked.tasks[:, 0] > 7) & (asked.tasks[:, 1] > 0.4)
        shares.append(corner.mean())
        teacher.tell(Outcomes.of(asked, score=np.where(corner, i % 2, 0), cost=np.ones(50)))
    assert np.mean(shares[-20:]) > 0.5


def test_the_ratio_of_random_tasks_is_kept():
    teacher = make(random_task_ratio=1.0)
    teacher.tell(stream(10 * BLOCK))
    drawn = teacher.ask(4000).tasks
    np.testing.assert_allclose(np.histogram(drawn[:, 0], 4, (0, 10))[0] / 4000, 0.25, atol=0.03)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"components": 0}, "components: expected a whole number of at least 1"),
        ({"novelty": 0}, "novelty: expected a finite number above 0 and below 1"),
        ({"spread": 0}, "spread: expected a finite number of at least 0.001"),
        ({"memory": 5}, "memory: expected a finite number of at least 8"),
        ({"random_task_ratio": 2}, "random_task_ratio: expected 0 to 1"),
        ({"max_size": 0}, "max_size: expected a whole number of at least 1"),
        ({"score_range": (1, 0)}, "score_range: expected finite low < high"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        make(**options)


@pytest.mark.parametrize("change", [{"unit": 0.0}, {"first": np.zeros((2, 3))}])
def test_first_rows_beside_a_mixture_are_refused(change):
    teacher = make()
    teacher.tell(stream(START))
    state = teacher.state_dict()
    with pytest.raises(ValueError, match="first: expected fewer than 48 rows, and none beside a mixture"):
        teacher.load_state_dict(state | {"algorithm": state["algorithm"] | change})
