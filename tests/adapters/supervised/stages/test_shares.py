"""Passes over a share of the data, in batches whose size may change."""

import pytest
import torch
from torch.utils.data import DataLoader

from teacherstudent.adapters.supervised.stages.shares import ShareBatchSampler


def made(n=20, batch_size=4):
    return ShareBatchSampler(n, batch_size=batch_size, seed=0)


def flat(batches):
    return [row for batch in batches for row in batch]


def test_a_pass_holds_every_example_once_and_the_next_one_in_another_order():
    sampler = made()
    first, second = list(sampler), list(sampler)
    assert sorted(flat(first)) == sorted(flat(second)) == list(range(20))
    assert first != second
    assert len(sampler) == len(first) == 5


def test_a_share_is_drawn_by_scores():
    sampler = made()
    sampler.fraction = 0.25
    sampler.log_scores = lambda: torch.where(torch.arange(20) < 5, 0.0, -1e9)
    assert len(sampler) == 1
    assert all(row < 5 for row in flat(sampler))
    sampler.batch_size = 5
    assert sorted(flat(sampler)) == list(range(5))


def test_size_and_share_change_between_steps():
    sampler = made()
    batches = iter(sampler)
    next(batches)
    sampler.batch_size = 10
    assert len(next(batches)) == 10
    sampler.fraction = 0.5
    assert next(batches, None) is None
    assert [len(batch) for batch in sampler] == [10]


def test_a_pass_goes_on_after_a_load():
    sampler = made()
    batches = iter(sampler)
    next(batches)
    state = sampler.state_dict()
    rest = list(batches)
    other = made()
    other.load_state_dict(state)
    assert list(other) == rest
    assert list(other) == list(sampler)


def test_loaders_take_it():
    data = list(range(20))
    loader = DataLoader(data, batch_sampler=ShareBatchSampler(data, batch_size=4, seed=0))
    assert sorted(torch.cat(list(loader)).tolist()) == data


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: made(3), "batch_size"),
        (lambda: made(batch_size=0), "batch_size"),
        (lambda: setattr(made(), "fraction", 0), "expected a share in"),
        (lambda: setattr(made(), "fraction", 1.1), "expected a share in"),
        (lambda: ShareBatchSampler(None, batch_size=1, seed=0), "expected a data set"),
    ],
)
def test_wrong_arguments_are_refused(wrong, message):
    with pytest.raises((ValueError, TypeError), match=message):
        wrong()


def test_a_state_with_a_loader_is_exact_without_workers_and_says_that_it_is_not_with_them():
    def half(workers):
        sampler = made()
        batches = iter(DataLoader(range(20), batch_sampler=sampler, num_workers=workers))
        seen = [next(batches).tolist() for _ in range(2)]
        other = made()
        other.load_state_dict(sampler.state_dict())
        return sorted(flat(seen) + flat(other))

    assert half(0) == list(range(20))
    assert half(1) != list(range(20))
    assert "num_workers=0" in ShareBatchSampler.__doc__
