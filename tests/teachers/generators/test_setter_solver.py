import numpy as np
import pytest
from strips import SPACE, Frontier, unasked

from teacherstudent import teachers
from teacherstudent.contract.spaces import Parameters
from teacherstudent.teachers.generators.setter_solver import SetterSolverTeacher
from teacherstudent.teachers.generators.trained import MOST_DUE
from teacherstudent.testing.sessions import difference

SMALL = {"judge": (8,), "hidden": 4, "blocks": 1, "layers": 1, "batch_size": 16}
LINE = Parameters(x=(0, 10))


def make(space=LINE, seed=0, **options):
    return SetterSolverTeacher(space, seed=seed, **({"mastered": 0.5, "networks": SMALL} | options))


def test_updates_are_made_at_the_next_ask_and_none_is_lost():
    teacher = make(fit_rate=10, steps=2)
    teacher.tell(unasked(np.full((35, 1), 5.0), np.arange(35) % 2))
    assert teacher.metrics()["updates"] == 0
    first = teacher.ask(3).tasks
    assert teacher.metrics()["updates"] == 3
    assert {"judge_loss", "validity_loss"} <= set(teacher.metrics())
    # Two of them would have led elsewhere.
    other = make(fit_rate=10, steps=2)
    other.tell(unasked(np.full((29, 1), 5.0), np.arange(29) % 2))
    assert not np.array_equal(other.ask(3).tasks, first)
    teacher.tell(unasked(np.full((10 * MOST_DUE + 50, 1), 5.0), np.ones(10 * MOST_DUE + 50)))
    teacher.ask(1)
    assert teacher.metrics()["updates"] == 3 + MOST_DUE


def test_a_share_is_uniform():
    space = Parameters(a=(0, 1), b=(0, 1))
    teacher = make(space, random_task_ratio=1.0)
    tasks = teacher.ask(3000).tasks
    np.testing.assert_allclose(np.histogram(tasks[:, 0], 5, (0, 1))[0] / 3000, 0.2, atol=0.03)
    none = make(space, random_task_ratio=0.0)
    assert np.abs(np.histogram(none.ask(3000).tasks[:, 0], 5, (0, 1))[0] / 3000 - 0.2).max() > 0.05


def test_the_picture_tells_what_was_wanted_and_what_is_judged():
    teacher = make(fit_rate=20)
    before = teacher.state_dict()
    shown = teacher.snapshot()
    assert shown["tasks"].shape == (256, 1)
    assert (np.diff(shown["wanted"]) > 0).all()
    assert ((shown["judged"] > 0) & (shown["judged"] < 1)).all()
    assert difference(before, teacher.state_dict()) is None


def test_a_batch_is_told_like_its_rows():
    ends = []
    tasks, score = np.random.default_rng(0).uniform(0, 10, (50, 1)), np.arange(50) % 2
    for cuts in ([], np.arange(1, 50), [7, 31]):
        teacher = make(fit_rate=15, steps=2, window=30)
        for part in np.split(np.arange(50), cuts):
            teacher.tell(unasked(tasks[part], score[part]))
        teacher.ask(3)
        ends.append(teacher.state_dict())
    assert difference(ends[0], ends[1]) is None
    assert difference(ends[0], ends[2]) is None


def test_the_frontier_moves_out_faster_than_with_uniform_tasks():
    networks = {"hidden": 16, "judge": (32,), "blocks": 1, "layers": 1, "batch_size": 64, "lr": 3e-3}
    for seed in range(3):
        teacher = make(SPACE, seed=seed, networks=networks)
        uniform = Frontier(seed).taught(teachers.make("random", SPACE, seed=seed), 1920)
        assert Frontier(seed).taught(teacher, 1920) > uniform + 0.07


@pytest.mark.parametrize(
    ("option", "value"),
    [("mastered", None), ("fit_rate", 0), ("steps", 0), ("window", 0), ("random_task_ratio", 2)],
)
def test_wrong_options_are_refused_by_name(option, value):
    with pytest.raises(ValueError, match=f"setter-solver: {option}: expected"):
        make(**{option: value})
    with pytest.raises(TypeError, match=r"setter-solver: networks: expected options among .*, got 'gan'"):
        make(networks={"gan": 3})
