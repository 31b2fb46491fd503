"""What random augmentation draws."""

import numpy as np
import pytest
import torch

from teacherstudent.networks.knobs.augmentation import FAINTEST, OPERATIONS, RandomAugmentation, augment


def test_strength_zero_is_none_and_more_is_more():
    augment = RandomAugmentation()
    x = torch.linspace(0, 1, 28).outer(torch.linspace(0.2, 1, 28)).expand(32, 1, 28, 28)
    assert augment(x, 0.0) is x
    assert augment(x, 0.99 * FAINTEST) is x
    with torch.random.fork_rng():
        torch.manual_seed(0)
        change = [
            np.mean([float((augment(x, s) - x).abs().mean()) for _ in range(30)]) for s in (0.04, 0.3, 1.0)
        ]
        torch.manual_seed(1)
        first = augment(x, 0.5)
        torch.manual_seed(1)
        assert torch.equal(augment(x, 0.5), first)
        colour = augment(x.expand(-1, 3, -1, -1), 1.0)
    assert change[0] < 0.03
    assert change[0] < 0.5 * change[1] < 0.5 * change[2]
    assert first.shape == x.shape
    assert colour.shape == (32, 3, 28, 28)
    assert 0 <= float(colour.min()) <= float(colour.max()) <= 1


def test_amounts_are_uniform_in_both_directions_and_differ_from_image_to_image(monkeypatch):
    seen = []
    for name in OPERATIONS:
        monkeypatch.setitem(OPERATIONS, name, lambda images, amounts: seen.append(amounts) or images)
    augment = RandomAugmentation(operations=3)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for _ in range(40):
            augment(torch.zeros(100, 1, 4, 4), 0.6)
    assert len(seen) == 120
    drawn = torch.cat(seen).numpy()
    np.testing.assert_allclose(
        np.quantile(drawn, [0, 0.25, 0.5, 0.75, 1]), [-0.6, -0.3, 0, 0.3, 0.6], atol=0.02
    )
    assert min(len(amounts.unique()) for amounts in seen) > 90


def test_bad_augmentation():
    augment = RandomAugmentation()
    with pytest.raises(ValueError, match=r"strength in \[0, 1\], got 1\.5"):
        augment(torch.rand(2, 1, 8, 8), 1.5)
    with pytest.raises(ValueError, match="one or three channels, got 2"):
        augment(torch.rand(2, 2, 8, 8), 0.5)
    with pytest.raises(
        ValueError, match="magnitude: operations: expected a whole number of at least 1, got 0"
    ):
        RandomAugmentation(0)
    with pytest.raises(ValueError, match="1 to 10 operations, got 11"):
        RandomAugmentation(11)


def test_the_function_is_the_usual_augmentation():
    images = torch.rand(4, 1, 8, 8)
    torch.manual_seed(3)
    expected = RandomAugmentation()(images, 0.7)
    torch.manual_seed(3)
    assert torch.equal(augment(images, 0.7), expected)
    assert augment(images, 0) is images
