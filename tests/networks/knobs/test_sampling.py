"""Index batches, draws by score, and the tables of examples."""

import itertools
import math

import numpy as np
import pytest
import torch

from teacherstudent.networks.knobs.sampling import ExampleTable, IndexSampler, distil, draw_by_score

CPU = torch.device("cpu")


def sampler(n, seed=0):
    return IndexSampler(n, seed=seed, device=CPU)


def test_no_example_comes_twice_in_a_pass():
    draws = sampler(103)
    for _ in range(5):
        batches = [draws.next(10) for _ in range(10)]  # three examples are left out
        assert len(torch.cat(batches).unique()) == 100
        assert draws.ends(10, 1.0)
    assert draws.passes == 5


def test_every_example_is_drawn_equally_often():
    draws, counts, passes = sampler(23), np.zeros(23), 4000
    for _ in range(passes):
        for _ in range(2):
            counts[draws.next(10).numpy()] += 1
    share = 20 / 23
    deviation = np.sqrt(passes * share * (1 - share))
    assert np.abs(counts - passes * share).max() < 4 * deviation


def test_a_change_of_the_share_begins_a_pass():
    draws = sampler(100)
    first = [draws.next(10) for _ in range(3)]
    rest = [draws.next(10, 0.5) for _ in range(5)]
    assert len(torch.cat(rest).unique()) == 50
    assert draws.passes == 2
    assert len(torch.cat(first).unique()) == 30
    with pytest.raises(ValueError, match="leaves 5: expected at least a batch of 10"):
        draws.next(10, 0.05)


def test_the_sampler_continues_to_the_bit():
    draws = sampler(50)
    for _ in range(7):
        draws.next(8)
    again = sampler(50, seed=9)
    again.load_state_dict(draws.state_dict())
    for _ in range(20):
        assert torch.equal(draws.next(8), again.next(8))
    assert draws.passes == again.passes


def test_draws_by_score_equal_sequential_draws():
    scores = np.array([1.0, 2.0, 3.0, 6.0])
    expected = {}  # the probability of each set of two, draw by draw
    for a, b in itertools.permutations(range(4), 2):
        p = scores[a] / scores.sum() * scores[b] / (scores.sum() - scores[a])
        expected[frozenset((a, b))] = expected.get(frozenset((a, b)), 0) + p
    generator = torch.Generator().manual_seed(0)
    counts = dict.fromkeys(expected, 0)
    n = 20_000
    for _ in range(n):
        drawn = draw_by_score(torch.from_numpy(scores).log(), 2, generator)
        counts[frozenset(drawn.tolist())] += 1
    for pair, p in expected.items():
        assert abs(counts[pair] - n * p) < 4 * math.sqrt(n * p * (1 - p)), pair
    with pytest.raises(ValueError, match="from 1 to 4"):
        draw_by_score(torch.zeros(4), 5, generator)


def test_scores_say_who_is_in_a_share():
    scores = torch.full((100,), -50.0)
    scores[:20] = 0
    drawn = sampler(100).next(20, 0.2, scores)
    assert sorted(drawn.tolist()) == list(range(20))


def test_self_distillation_over_two_passes_by_hand():
    table = ExampleTable(3, classes=2, device=CPU)
    labels, rows = torch.tensor([1, 0]), torch.tensor([2, 0])
    assert table.targets(labels, rows, 0.8).tolist() == [[0, 1], [1, 0]]  # no past: one-hot
    logits = torch.log(torch.tensor([[0.25, 0.75], [0.9, 0.1]]))
    table.remember(rows, torch.tensor([0.3, 0.1]), logits)
    found = table.targets(torch.tensor([0, 1, 0]), torch.tensor([0, 2, 1]), 0.4)
    assert torch.allclose(found, torch.tensor([[0.6 + 0.36, 0.04], [0.1, 0.9], [1.0, 0.0]]))
    with pytest.raises(ValueError, match="table of predictions"):
        ExampleTable(3, classes=0, device=CPU).targets(labels, rows, 0.5)


def test_scores_are_one_over_the_loss():
    table = ExampleTable(4, classes=0, device=CPU)
    assert table.log_scores(1e-3).tolist() == [0.0] * 4
    table.remember(torch.tensor([0, 1, 3]), torch.tensor([2.0, 0.5, 0.0]), torch.zeros(3, 2))
    expected = [1 / 2, 1 / 0.5, 1 / 0.5, 1 / 1e-3]  # unseen: the median loss; 0: the floor
    assert torch.allclose(table.log_scores(1e-3).exp(), torch.tensor(expected))


def test_targets_mix_labels_with_the_last_prediction():
    previous = torch.tensor([[0.25, 0.75], [0.0, 0.0]])
    found = distil(torch.tensor([0, 1]), previous, 0.4)
    assert torch.allclose(found, torch.tensor([[0.7, 0.3], [0.0, 1.0]]))


def test_a_table_moves_to_another_device():
    table = ExampleTable(3, classes=2, device=torch.device("cpu"))
    losses = table.losses
    table.to(torch.device("cpu"))
    assert table.losses is losses
    table.to(torch.device("meta"))
    assert (table.losses.device.type, table.predictions.device.type) == ("meta", "meta")
    plain = ExampleTable(3, classes=0, device=torch.device("cpu"))
    plain.to(torch.device("meta"))
    assert plain.predictions is None
