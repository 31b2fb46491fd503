"""A teacher for slots whose rewards and ends are torch tensors."""

import pickle

import numpy as np
import pytest
import torch
from adapted import HEIGHT, Listener

from teacherstudent import Parameters, TeacherSlots, teachers
from teacherstudent.adapters.serving.client import TeacherClient
from teacherstudent.adapters.serving.server import TeacherServer
from teacherstudent.contract.spaces import Discrete
from teacherstudent.students.rollouts.play import EpisodeError


def ids(*numbers):
    return torch.tensor(numbers, dtype=torch.int64)


def told(teacher):
    """Return what a listener heard: (id, score, length) in this order."""
    rows = []
    for batch in teacher.told:
        rows += zip(batch.ids.tolist(), batch.score.tolist(), batch.signals["length"].tolist(), strict=True)
    return rows


def test_returns_and_lengths_are_summed_and_told_by_mask():
    teacher = Listener(HEIGHT)
    slots = TeacherSlots(teacher, 3, mastered=2.5)
    first = slots.restart()
    assert first.shape == (3, 1)
    slots.add(torch.tensor([1.0, 2.0, 3.0]))
    slots.add(torch.tensor([0.5, 0.0, -1.0]))
    again = slots.restart(torch.tensor([True, False, True]))
    assert again.shape == (2, 1)
    assert told(teacher) == [(0, 1.5, 2.0), (2, 2.0, 2.0)]
    assert teacher.told[0].cost.tolist() == [2.0, 2.0]
    assert teacher.told[0].signals["success"].tolist() == [False, False]
    np.testing.assert_array_equal(teacher.told[0].tasks[:, 0], first[[0, 2], 0].numpy())
    # The slot in between plays on: its sum goes on from 2.
    slots.add(torch.tensor([1.0, 2.0, 3.0]))
    slots.restart(ids(2, 1))
    assert told(teacher)[2:] == [(4, 3.0, 1.0), (1, 4.0, 3.0)]
    assert teacher.told[1].signals["success"].tolist() == [True, True]
    assert sorted(teacher.outstanding.tolist()) == sorted(slots.ids.tolist()) == [3, 5, 6]


def test_tasks_are_written_into_one_tensor_in_the_order_of_the_slots():
    teacher = Listener(HEIGHT)
    slots = TeacherSlots(teacher, 4)
    slots.restart()
    tasks = slots.tasks
    before = tasks.clone()
    slots.add(torch.zeros(4))
    given = slots.restart(ids(3, 1))
    assert slots.tasks is tasks
    assert torch.equal(tasks[ids(3, 1)], given)
    assert torch.equal(tasks[ids(0, 2)], before[ids(0, 2)])
    for slot in range(4):
        assert tasks[slot].numpy() == teacher.asked[int(slots.ids[slot])]


def test_what_the_loop_writes_into_the_tensor_is_not_told_as_the_task():
    teacher = Listener(HEIGHT)
    slots = TeacherSlots(teacher, 2)
    played = slots.restart().clone()
    slots.tasks.fill_(0.25)
    slots.add(torch.ones(2))
    slots.restart()
    np.testing.assert_array_equal(teacher.told[0].tasks, played.numpy())


def test_scores_and_lengths_of_the_loop_need_no_add():
    teacher = Listener(HEIGHT)
    slots = TeacherSlots(teacher, 3, budget=100)
    slots.restart()
    success = torch.tensor([True, False])
    slots.restart(ids(2, 0), score=torch.tensor([5.0, 1.0]), length=ids(7, 3), success=success)
    assert told(teacher) == [(2, 5.0, 7.0), (0, 1.0, 3.0)]
    assert teacher.told[0].signals["success"].tolist() == [True, False]
    assert slots._teachers.steps == 10


def test_a_signal_never_goes_missing_in_silence():
    slots = TeacherSlots(Listener(HEIGHT), 2)
    with pytest.raises(RuntimeError, match=r"expected a restart\(\) before the first step"):
        slots.add(torch.zeros(2))
    with pytest.raises(ValueError, match=r"expected all slots in the first restart\(\)"):
        slots.restart(ids())
    slots.restart()
    with pytest.raises(ValueError, match=r"2 episodes end, but nothing says how long .* call add\(rewards\)"):
        slots.restart()
    with pytest.raises(ValueError, match="nothing says how long"):
        slots.restart(ids(1), score=torch.ones(1))
    # Given up, they may start again.
    slots.drop()
    slots.restart()
    assert slots.ids.tolist() == [2, 3]


def test_an_episode_without_a_step_is_dropped():
    teacher = Listener(HEIGHT)
    slots = TeacherSlots(teacher, 2)
    slots.restart()
    slots.add(torch.ones(2))
    slots.restart(ids(0))
    slots.restart()  # slot 0 has just begun
    assert told(teacher) == [(0, 1.0, 1.0), (1, 1.0, 1.0)]
    assert teacher.outstanding.tolist() == sorted(slots.ids.tolist())


def test_what_is_given_up_is_not_told():
    teacher = Listener(HEIGHT)
    slots = TeacherSlots(teacher, 2)
    slots.restart()
    slots.add(torch.ones(2))
    slots.drop(torch.tensor([False, True]))
    slots.drop(ids(1))
    slots.end()
    assert told(teacher) == [(0, 1.0, 1.0)]
    assert teacher.outstanding.tolist() == []
    assert slots.ids.tolist() == [-1, -1]
    # Steps while nothing is played belong to no episode.
    slots.add(torch.full((2,), 9.0))
    slots.restart()
    slots.add(torch.ones(2))
    slots.restart()
    assert told(teacher)[1:] == [(2, 1.0, 1.0), (3, 1.0, 1.0)]


@pytest.mark.parametrize(
    ("slots", "message"),
    [
        (ids(0, 3), "expected numbers from 0 to 2, each once, got \\[0, 3\\]"),
        (ids(-1), "expected numbers from 0 to 2"),
        (ids(1, 1), "each once"),
        (torch.ones(2, dtype=torch.bool), r"expected a mask \(3,\)"),
        (torch.ones(3), r"expected a mask \(3,\) or numbers"),
        ([0, 1], "expected a mask"),
    ],
)
def test_wrong_slots_are_refused_and_nothing_changes(slots, message):
    teacher = Listener(HEIGHT)
    found = TeacherSlots(teacher, 3)
    found.restart()
    found.add(torch.ones(3))
    with pytest.raises(ValueError, match=message):
        found.restart(slots)
    assert teacher.told == []
    assert found.ids.tolist() == [0, 1, 2]


def test_wrong_columns_are_refused():
    slots = TeacherSlots(Listener(HEIGHT), 3)
    slots.restart()
    with pytest.raises(ValueError, match=r"rewards: expected \(3,\) on cpu, got \(3, 1\)"):
        slots.add(torch.zeros(3, 1))
    slots.add(torch.tensor([0.0, np.nan, 0.0]))
    with pytest.raises(ValueError, match=r"score: expected \(2,\)"):
        slots.restart(ids(0, 1), score=torch.zeros(3))
    with pytest.raises(EpisodeError, match=r"slot 1, task .*: expected a finite score, got nan"):
        slots.restart()
    with pytest.raises(ValueError, match="TeacherSlots: n: expected a whole number"):
        TeacherSlots(Listener(HEIGHT), 0)
    with pytest.raises(ValueError, match="needs"):
        TeacherSlots(teachers.make("sfl", Discrete(3), seed=0), 2)


def legged_gym(level, up, down, most, rng):
    """Move terrain levels as the authors' code does."""
    level = level + up - down
    return np.where(level >= most, rng.integers(0, most, len(level)), np.maximum(level, 0))


def test_every_slot_is_promoted_and_demoted_by_what_it_did_itself():
    """The levels are those of legged_gym's `_update_terrain_curriculum`, slot by slot."""
    n, most = 16, 50
    teacher = teachers.make("terrain-levels", Discrete(most), seed=0, mastered=0.5, demoted=-0.5, max_start=5)
    slots = TeacherSlots(teacher, n)
    slots.restart()
    expected = slots.tasks.numpy().copy()
    assert len(set(expected.tolist())) > 1
    rng = np.random.default_rng(1)
    for _ in range(200):
        slots.add(torch.zeros(n))
        env_ids = rng.permutation(n)[: rng.integers(1, n)]
        move = rng.integers(-1, 2, len(env_ids))
        # Some end at once again, before a step: they keep their level.
        if rng.random() < 0.2:
            slots.restart(torch.from_numpy(env_ids), score=torch.zeros(len(env_ids)))
        given = slots.restart(
            torch.from_numpy(env_ids), score=torch.from_numpy(move), length=torch.ones(len(env_ids))
        )
        expected[env_ids] = legged_gym(expected[env_ids], move == 1, move == -1, most, rng)
        assert given.tolist() == expected[env_ids].tolist()
        assert slots.tasks.tolist() == expected.tolist()
    assert expected.max() > 8
    assert teacher.metrics()["walkers"] == n


def test_a_loop_in_inference_mode_may_go_on_outside_it():
    slots = TeacherSlots(Listener(HEIGHT), 2)
    with torch.inference_mode():
        slots.restart()
        slots.add(torch.ones(2))
        slots.restart(ids(0))
    slots.add(torch.ones(2, requires_grad=True))
    assert not slots.restart().requires_grad


def test_a_test_plays_each_task_and_no_teacher_hears_of_it():
    tasks = np.array([[0.1], [0.2], [0.3], [0.4], [0.5]])
    tests = TeacherSlots.evaluation(tasks, 2)
    tests.restart()
    steps = 0
    while not tests.finished:
        assert steps < 10
        tests.add(tests.tasks[:, 0].float() * 10)
        steps += 1
        if steps % 2 == 0:
            tests.restart()
    np.testing.assert_allclose(tests.scores, [2.0, 4.0, 6.0, 8.0, 10.0], rtol=1e-6)
    # More slots than tasks: the first result of each counts.
    few = TeacherSlots.evaluation(tasks[:1], 3)
    few.restart()
    few.add(torch.tensor([1.0, 2.0, 3.0]))
    few.restart(ids(2, 0, 1))
    few.add(torch.full((3,), 7.0))
    few.restart()
    assert few.scores.tolist() == [3.0]


def test_a_pickle_holds_a_client_and_no_episodes():
    teacher = Listener(HEIGHT)
    slots = TeacherSlots(teacher, 2)
    slots.restart()
    with TeacherServer(teacher):
        other = pickle.loads(pickle.dumps(slots))
        assert isinstance(other.teacher, TeacherClient)
        assert other.ids.tolist() == [-1, -1]
        other.restart()
        other.add(torch.ones(2))
        other.restart()
        other.teacher.flush()
        assert told(teacher) == [(2, 1.0, 1.0), (3, 1.0, 1.0)]
        with pytest.raises(TypeError, match="in the process that made it"):
            other.save("never.npz")
        other.teacher.close()
    assert slots.ids.tolist() == [0, 1]


def test_saved_and_loaded(tmp_path):
    space = Parameters(height=(0, 1))
    slots = TeacherSlots(teachers.make("riac", space, seed=0), 4, budget=100)
    slots.restart()
    for _ in range(3):
        slots.add(torch.ones(4))
        slots.restart()
    slots.save(tmp_path / "slots.npz")
    other = TeacherSlots(teachers.make("riac", space, seed=7), 4, budget=100)
    assert other.load(tmp_path / "slots.npz") == 4
    assert other._teachers.steps == 12
    assert other.ids.tolist() == [-1] * 4
    expected = slots.teacher
    expected.drop(expected.outstanding)
    assert torch.equal(other.restart(), torch.from_numpy(expected.ask(4, progress=0.12).tasks))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_tensors_stay_on_the_gpu():
    teacher = Listener(HEIGHT)
    slots = TeacherSlots(teacher, 3, device="cuda")
    assert slots.restart().device.type == "cuda"
    slots.add(torch.ones(3, device="cuda"))
    assert slots.restart(torch.tensor([True, False, True], device="cuda")).shape == (2, 1)
    assert told(teacher) == [(0, 1.0, 1.0), (2, 1.0, 1.0)]
    with pytest.raises(ValueError, match=r"on cuda:0, got \(3,\) on cpu"):
        slots.add(torch.ones(3))
