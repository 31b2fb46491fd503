"""Bit sequences: answers worked by hand, what is drawn."""

import numpy as np
import pytest
import torch

from teacherstudent.envs.memory.bits import KINDS, answers, draw, latest, length_range

SEQUENCE = torch.tensor([[0.0], [1.0], [1.0], [0.0], [1.0]])
"""0 1 1 0 1, read from left to right."""


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_parity_by_hand():
    # the last two are 0 1, three 1 0 1, four 1 1 0 1, five 0 1 1 0 1
    found = answers("parity", latest(SEQUENCE, 5), [2, 3, 4, 5])
    assert found[:, 0].tolist() == [1, 0, 1, 1]


def test_delayed_match_by_hand():
    # the last is 1; the second from the end 0, the third 1, the fourth 1, the fifth 0
    found = answers("dms", latest(SEQUENCE, 5), [2, 3, 4, 5])
    assert found[:, 0].tolist() == [0, 1, 1, 0]


def test_only_the_last_bits_count():
    bits = draw("parity", 9, 50, generator())
    changed = bits.clone()
    changed[:6] = 1 - changed[:6]
    for kind in KINDS:
        equal = [torch.equal(*(answers(kind, latest(x, 4), [n]) for x in (bits, changed))) for n in (2, 3, 4)]
        assert equal == [True, True, False]


def test_sequences_of_different_lengths_end_where_they_say():
    bits = SEQUENCE.repeat(1, 3)
    recent = latest(bits, 2, torch.tensor([3, 4, 5]))
    assert recent.T.tolist() == [[1, 1], [0, 1], [1, 0]]
    assert answers("parity", recent, [2])[0].tolist() == [0, 1, 1]


def test_lengths():
    assert length_range(2) == (4, 9)
    assert length_range(10) == (12, 41)


def test_every_parity_sequence_has_its_own_share_of_ones():
    bits = draw("parity", 400, 2000, generator())
    assert bits.shape == (400, 2000)
    assert set(bits.unique().tolist()) == {0.0, 1.0}
    shares = np.sort(bits.mean(0).numpy())
    np.testing.assert_allclose(shares, (np.arange(2000) + 0.5) / 2000, atol=0.05)  # uniform
    # guessing "even" for N = 2 is right two times in three: the mean of p^2 + (1 - p)^2
    assert answers("parity", latest(bits, 2), [2]).float().mean() == pytest.approx(1 / 3, abs=0.03)


def test_matches_are_balanced():
    bits = draw("dms", 30, 4000, generator())
    assert bits.mean(0).std() < 0.11
    np.testing.assert_allclose(answers("dms", latest(bits, 9), [2, 5, 9]).float().mean(1), 0.5, atol=0.03)
