"""Samplers: passes, lengths, read-ahead, and going on within a pass, with torch's loaders and torchdata's."""

import numpy as np
import pytest
import torch
from taught_data import N, data, flat, listening, loader, one_pass, sampler
from torch.utils.data import DataLoader

from teacherstudent import teachers
from teacherstudent.adapters.supervised.samplers import TeacherBatchSampler, TeacherSampler
from teacherstudent.contract.spaces import Discrete

KINDS = ["batch", "rows"]


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_a_pass_is_what_the_teacher_chooses(kind, workers):
    teacher = listening()
    made = sampler(kind, teacher, epochs=2)
    load = loader(made, num_workers=workers)
    assert len(load) == 5
    first = one_pass(made, load)
    assert flat(first) == list(range(N))
    assert [len(batch) for batch in first] == [5, 5, 5, 5, 3]
    one_pass(made, load)
    assert [n for n, _ in teacher.asks] == [5, 5, 5, 5, 3] * 2
    assert [p for _, p in teacher.asks] == pytest.approx(
        [r / (2 * N) for r in [0, 5, 10, 15, 20, 23, 28, 33, 38, 43]]
    )
    assert [task for _, task, _ in teacher.told] == list(range(N)) * 2
    assert teacher.outstanding.size == 0
    assert made.progress == 1


@pytest.mark.parametrize(
    ("name", "workers"),
    [("uniform", 0), ("random", 0), ("loss-proportional", 0), ("superloss", 0), ("random", 2)],
)
def test_teachers_hear_of_every_row_whatever_is_read_ahead(name, workers):
    made = sampler("batch", name, n=41)
    for _ in range(3):
        assert len(flat(one_pass(made, loader(made, num_workers=workers)))) == 41
    assert made.teacher.outstanding.size == 0
    assert made.spent() == {"train": 123.0, "measure": 0.0}


def test_workers_may_stay_from_pass_to_pass():
    made = sampler("batch", listening())
    load = loader(made, num_workers=1, persistent_workers=True)
    assert flat(one_pass(made, load)) == flat(one_pass(made, load)) == list(range(N))
    assert made.teacher.outstanding.size == 0


def test_short_batches_are_left_out_before_the_teacher_is_asked():
    teacher = listening()
    made = sampler("batch", teacher, drop_last=True)
    assert len(made) == 4
    assert one_pass(made, loader(made)) == [list(range(k, k + 5)) for k in (0, 5, 10, 15)]
    # The next pass goes on where this one has ended: nothing was asked for and thrown away.
    assert one_pass(made, loader(made))[0] == [20, 21, 22, 0, 1]


def test_rows_that_a_loader_drops_are_given_up():
    teacher = listening()
    made = sampler("rows", teacher)
    load = loader(made, drop_last=True)
    assert len(one_pass(made, load)) == 4
    assert len(teacher.outstanding) == 3
    one_pass(made, load)
    one_pass(made, load)
    # Of the last pass and the one before, whose losses could still come late.
    assert len(teacher.outstanding) == 6


def test_a_pass_may_be_left_and_begun_anew():
    teacher = listening()
    made = sampler("batch", teacher)
    assert one_pass(made, loader(made, num_workers=1), steps=2) == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]
    assert sum(len(batch) for batch in one_pass(made, loader(made))) == N


def test_the_batch_size_may_change_within_a_pass():
    made = sampler("batch", listening())
    batches = iter(made)
    assert len(next(batches)) == 5
    made.batch_size = 12
    assert len(next(batches)) == 12
    assert len(next(batches)) == 6
    assert next(batches, None) is None


def fresh(kind, name, workers, cls=DataLoader):
    made = sampler(kind, name, n=43)
    return made, loader(made, cls, num_workers=workers)


@pytest.mark.parametrize(
    ("name", "kind", "workers", "done"),
    [
        *[
            (name, kind, 0, done)
            for name in ("uniform", "loss-proportional")
            for kind in KINDS
            for done in (0, 4)
        ],
        ("uniform", "batch", 0, 9),
        ("uniform", "rows", 2, 1),
        ("loss-proportional", "batch", 2, 4),
    ],
)
def test_a_run_goes_on_within_a_pass_as_if_it_had_not_stopped(name, kind, workers, done):
    made, load = fresh(kind, name, workers)
    one_pass(made, load)
    batches = iter(load)
    tell_of(made, batches, done)
    state = made.state_dict()
    rest = tell_of(made, batches, 9 - done)
    after = one_pass(made, load)
    made, load = fresh(kind, name, workers)
    made.load_state_dict(state)
    if done < 9:
        assert tell_of(made, iter(load), 9 - done) == rest
    assert one_pass(made, load) == after


def tell_of(made, batches, steps):
    """Return the examples of the next steps, told of after each."""
    seen = []
    for _ in range(steps):
        (numbers,), indices = next(batches)
        made.tell(numbers + made.progress, indices)
        seen.append(indices.tolist())
    return seen


@pytest.mark.parametrize(
    ("kind", "workers", "done"),
    [*[(kind, 0, done) for kind in KINDS for done in (0, 1, 8)], ("batch", 2, 4), ("rows", 2, 1)],
)
def test_torchdata_s_loader_saves_the_sampler_with_itself(kind, workers, done):
    stateful = pytest.importorskip("torchdata.stateful_dataloader", reason="extra loaders").StatefulDataLoader
    made, load = fresh(kind, "uniform", workers, stateful)
    seen = []
    batches = iter(load)
    for _ in range(done):
        (numbers,), indices = next(batches)
        seen.append(indices.tolist())
        made.tell(numbers, indices)
    state = load.state_dict()
    made, load = fresh(kind, "uniform", workers, stateful)
    load.load_state_dict(state)
    rest = one_pass(made, load)
    # Together they are one pass: nothing is lost or repeated.
    assert sorted(flat(seen + rest)) == list(range(43))
    assert len(flat(one_pass(made, load))) == 43
    assert made.teacher.outstanding.size == 0


def test_torchdata_s_loader_begins_a_new_pass_after_a_whole_one():
    stateful = pytest.importorskip("torchdata.stateful_dataloader", reason="extra loaders").StatefulDataLoader
    made, load = fresh("batch", "uniform", 0, stateful)
    one_pass(made, load)
    state = load.state_dict()
    made, load = fresh("batch", "uniform", 0, stateful)
    load.load_state_dict(state)
    assert len(flat(one_pass(made, load))) == 43


def short(kind, cls=DataLoader, **options):
    """Return a sampler and a loader that leaves out the last 36 of 100 examples."""
    if kind == "batch":
        made = TeacherBatchSampler(listening(100), 100, batch_size=64, drop_last=True, **options)
        return made, cls(data(100), batch_sampler=made)
    made = TeacherSampler(listening(100), 100, batch_size=64, **options)
    return made, cls(data(100), sampler=made, batch_size=64, drop_last=True)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("steps", [None, 1])
def test_every_pass_has_its_batches_after_a_load_at_its_end(kind, steps):
    made, load = short(kind)
    one_pass(made, load, steps)
    state = made.state_dict()
    made, load = short(kind)
    made.load_state_dict(state)
    lengths = [len(one_pass(made, load)) for _ in range(4)]
    if kind == "rows" and steps == 1:
        # The loader has not asked for the rest yet, and drops it now.
        assert lengths == [0, 1, 1, 1]
    else:
        assert lengths == [1, 1, 1, 1]


@pytest.mark.parametrize("kind", KINDS)
def test_torchdata_s_loader_begins_a_new_pass_after_one_with_a_rest(kind):
    stateful = pytest.importorskip("torchdata.stateful_dataloader", reason="extra loaders").StatefulDataLoader
    made, load = short(kind, stateful)
    one_pass(made, load)
    state = load.state_dict()
    made, load = short(kind, stateful)
    load.load_state_dict(state)
    assert [len(one_pass(made, load)) for _ in range(3)] == [1, 1, 1]


def test_whole_batches_that_were_read_ahead_at_the_end_come_again():
    made = sampler("rows", listening())
    batches = iter(loader(made, drop_last=True, num_workers=1, prefetch_factor=4))
    tell_of(made, batches, 2)
    state = made.state_dict()
    assert state["ended"] == 1
    made = sampler("rows", listening())
    made.load_state_dict(state)
    assert flat(one_pass(made, loader(made, drop_last=True))) == list(range(10, 20))


@pytest.mark.parametrize("kind", KINDS)
def test_progress_is_1_after_the_last_pass_also_where_rows_are_left_out(kind):
    made, load = short(kind, epochs=2)
    one_pass(made, load)
    assert made.progress == 0.5
    one_pass(made, load)
    assert made.progress == 1
    if kind == "batch":
        made.batch_size = 200
        assert made.progress < 1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: sampler(drop_last=1), "drop_last"),
        (lambda: sampler(n=3, drop_last=True), "expected at least a batch of 5"),
        (lambda: sampler(batch_size=0), "batch_size"),
        (lambda: sampler(epochs=0), "epochs: expected a number above 0, got 0"),
        (lambda: sampler(late=0), "late"),
        (lambda: setattr(sampler(), "batch_size", 0), "batch_size"),
        (lambda: sampler(teacher=listening(22)), r"expected a teacher over Discrete\(23\)"),
    ],
)
def test_wrong_arguments_are_refused(make, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make()


def test_tasks_need_not_begin_at_0():
    teacher = listening(start=7)
    made = sampler("batch", teacher)
    assert flat(one_pass(made, loader(made))) == list(range(N))


def test_cost_does_not_grow_with_the_number_of_examples():
    """Nothing of the size of the data is made or copied in a step."""
    n = 10_000_000
    made = TeacherBatchSampler(listening(n), n, batch_size=64)
    batches = iter(made)
    for _ in range(20):
        rows = next(batches)
        made.tell(torch.zeros(64), rows)
    assert made._open.ids.base is None or len(made._open) == 0


def test_a_number_serves_in_place_of_the_data():
    made = TeacherSampler(teachers.make("uniform", Discrete(4), seed=0), 4)
    assert sorted(made) == [0, 1, 2, 3]
    assert np.isscalar(len(made))
