"""Data sets that say which example is which."""

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, IterableDataset

from teacherstudent.adapters.supervised.indexed import Indexed, check_data, check_indices, count


class Many(list):
    """Counts how often examples are read together."""

    calls = 0

    def __getitems__(self, indices):
        self.calls += 1
        return [self[i] for i in indices]


def test_a_loader_gives_batches_and_indices():
    loader = DataLoader(Indexed([10.0, 11.0, 12.0, 13.0]), batch_size=3)
    batch, indices = next(iter(loader))
    assert batch.tolist() == [10, 11, 12]
    assert indices.tolist() == [0, 1, 2]
    assert len(Indexed("abc")) == 3


def test_examples_of_any_form_stay_as_they_are():
    item = {"tokens": np.arange(3), "label": 1}
    assert Indexed([item])[0] == (item, 0)


def test_examples_are_read_together_where_the_data_can():
    data = Many([5, 6, 7])
    assert Indexed(data).__getitems__([2, 0]) == [(7, 2), (5, 0)]
    assert data.calls == 1


class Stream(IterableDataset):
    def __iter__(self):
        return iter([1])

    def __len__(self):
        return 1


@pytest.mark.parametrize("data", [Stream(), iter([1]), 3, None])
def test_what_is_only_iterated_is_refused(data):
    with pytest.raises(TypeError, match=r"expected a data set with len\(data\) and data\[index\]"):
        Indexed(data)
    with pytest.raises(TypeError, match="Sampler: expected"):
        check_data("Sampler", data)


def test_a_number_counts_as_a_data_set_of_so_many():
    assert (count("here", 4), count("here", [1, 2])) == (4, 2)
    with pytest.raises(ValueError, match="here: data"):
        count("here", 0)


def test_indices_are_whole_numbers_in_a_row():
    assert check_indices("here", torch.tensor([3, 1])).tolist() == [3, 1]
    for wrong in ([0.5], 3, [[1]]):
        with pytest.raises(ValueError, match="here: indices: expected whole numbers of shape"):
            check_indices("here", wrong)
