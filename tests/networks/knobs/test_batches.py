"""Batches of another size, and shorter sequences."""

import pytest
import torch
from torch.utils.data import DataLoader

from teacherstudent.networks.knobs.batches import batch_size, batches_of, sequence_length


def test_torch_s_loader_makes_batches_of_another_size_at_once():
    loader = DataLoader(range(20), batch_size=4)
    sizes = []
    for batch in loader:
        sizes.append(len(batch))
        batch_size(loader, 6)
    assert sizes == [4, 6, 6, 4]
    assert len(loader) == 4


def test_with_drop_last_the_next_pass_has_them():
    loader = DataLoader(range(20), batch_size=4, drop_last=True)
    batch_size(loader, 6)
    assert [len(batch) for batch in loader] == [6, 6, 6]


@pytest.mark.parametrize("loader", [DataLoader([1, 2], batch_size=None), [[1], [2]], None])
def test_a_loader_that_cannot_change_is_refused(loader):
    with pytest.raises(
        ValueError, match="batch_size: touches nothing: expected a loader with a batch sampler"
    ):
        batch_size(loader, 2)


@pytest.mark.parametrize("rows", [0, 1.5, True])
def test_a_size_is_a_whole_number(rows):
    loader = DataLoader([1, 2], batch_size=1)
    with pytest.raises((ValueError, TypeError), match="batch_size"):
        batch_size(loader, rows)
    assert batches_of(loader).batch_size == 1


TOKENS = torch.arange(24).view(2, 12)


@pytest.mark.parametrize(
    ("length", "kept"), [(0, 12), (1, 12), (0.5, 6), (0.01, 1), (3, 3), (3.4, 3), (40, 12)]
)
def test_sequences_keep_their_first_tokens(length, kept):
    assert torch.equal(sequence_length(TOKENS, length), TOKENS[:, :kept])


def test_all_sequences_of_a_batch_are_cut_and_nothing_else():
    labels = torch.tensor([0, 1])
    one_hot = torch.eye(2, 5)
    cut = sequence_length(
        {"ids": TOKENS, "mask": TOKENS > 0, "labels": labels, "targets": one_hot, "n": 2}, 4
    )
    assert cut["ids"].shape == cut["mask"].shape == (2, 4)
    assert cut["labels"] is labels
    assert cut["targets"] is one_hot
    assert cut["n"] == 2
    first, (second, third) = sequence_length((labels, [TOKENS, TOKENS.float()]), 4)
    assert first is labels
    assert second.shape == third.shape == (2, 4)


@pytest.mark.parametrize(
    ("batch", "length", "message"),
    [(torch.ones(3), 2, "got none in Tensor"), ({"n": 3}, 2, "got none in dict"), (TOKENS, -1, "got -1")],
)
def test_batches_without_sequences_are_refused(batch, length, message):
    with pytest.raises(ValueError, match=message):
        sequence_length(batch, length)
