"""Losses of examples, and what makes one number of them."""

import numpy as np
import pytest
import torch

from teacherstudent.envs.datasets.answers import answers_of
from teacherstudent.students.classifier.losses import Objective, example_losses, reduction

CLASSES, LABELS, NUMBERS = np.array([0, 1]), np.array([[0, 1]]), np.zeros((2, 2))


def test_losses_are_cross_entropies():
    logits, labels = torch.log(torch.tensor([[0.2, 0.8], [0.5, 0.5]])), torch.tensor([0, 1])
    assert torch.allclose(example_losses(logits, labels), -torch.log(torch.tensor([0.2, 0.5])))
    targets = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    assert torch.allclose(example_losses(logits, targets), example_losses(logits, labels))


def test_reductions():
    losses = torch.tensor([1.0, 3.0])
    assert reduction("mean")(losses, torch.tensor([0, 1])) == 2
    assert reduction("operator:itemgetter") is not None
    own = lambda losses, indices: losses.max()  # noqa: E731
    assert reduction(own) is own
    for wrong in ("median", "torch:not_there"):
        with pytest.raises(ValueError, match=f"got '{wrong}'"):
            reduction(wrong)


def objective(targets, loss=None, metric=None, **options):
    return Objective(answers_of(targets, loss, metric), **options)


@pytest.mark.parametrize(
    ("loss", "expected"),
    [("mse", [2.5, 0.0]), ("l1", [1.5, 0.0]), ("huber", [1.0, 0.0])],
)
def test_losses_of_numbers_are_means_over_columns(loss, expected):
    outputs, targets = torch.tensor([[1.0, 4.0], [0.0, 0.0]]), torch.tensor([[2.0, 2.0], [0.0, 0.0]])
    assert objective(NUMBERS, loss).losses(outputs, targets).tolist() == pytest.approx(expected)


def test_one_number_needs_no_axis_of_its_own():
    made = objective(np.zeros(2))
    for outputs in (torch.tensor([[1.0], [3.0]]), torch.tensor([1.0, 3.0])):
        assert made.losses(outputs, torch.tensor([0.0, 0.0])).tolist() == [1.0, 9.0]
        # Nothing is explained by outputs that miss by 1 where the targets' own deviation is 1.
        assert made.score(outputs, torch.tensor([2.0, 4.0])) == 0.0
    assert made.hits(torch.zeros(2, 1), torch.zeros(2)).isnan().all()
    assert objective(np.zeros(2), metric="negative_mae").score(torch.zeros(2), torch.tensor([1.0, 3])) == -2


def test_r2_is_that_of_scikit_learn():
    from sklearn.metrics import r2_score

    rng = np.random.default_rng(0)
    found, wanted = rng.normal(size=(2, 20, 3))
    score = objective(NUMBERS).score(torch.tensor(found), torch.tensor(wanted))
    assert score == pytest.approx(r2_score(wanted, found), abs=1e-6)
    assert objective(NUMBERS).score(torch.ones(3, 2), torch.ones(3, 2)) == 0  # nothing to explain


def test_labels_are_right_one_by_one():
    outputs, targets = torch.tensor([[2.0, -1.0], [1.0, 1.0]]), torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    made = objective(LABELS)
    assert made.hits(outputs, targets).tolist() == [1.0, 0.5]
    assert made.score(outputs, targets) == 0.75
    assert objective(LABELS, metric="exact_match").score(outputs, targets) == 0.5
    first = torch.log1p(torch.exp(torch.tensor([-2.0, -1.0]))).mean()
    assert made.losses(outputs, targets)[0].item() == pytest.approx(first.item())


def test_losses_and_metrics_of_the_users():
    def hinge(outputs, targets):
        return torch.relu(1 - outputs[:, 0])

    made = objective(CLASSES, hinge, lambda outputs, targets: torch.tensor(0.25))
    assert made.losses(torch.tensor([[0.5, 0], [2.0, 0]]), torch.tensor([0, 1])).tolist() == [0.5, 0]
    assert made.score(torch.zeros(2, 2), torch.tensor([0, 1])) == 0.25
    single = objective(CLASSES, torch.nn.CrossEntropyLoss())
    with pytest.raises(ValueError, match=r"loss: expected a loss for each of 2 .* take reduction='none'"):
        single.losses(torch.zeros(2, 2), torch.tensor([0, 1]))
    with pytest.raises(TypeError, match=r"loss: expected a tensor of losses .* got float"):
        objective(CLASSES, lambda outputs, targets: 1.0).losses(torch.zeros(2, 2), torch.tensor([0, 1]))
    with pytest.raises(TypeError, match="metric: expected a number"):
        objective(CLASSES, None, lambda outputs, targets: None).score(torch.zeros(2, 2), torch.tensor([0, 1]))


def test_labels_are_smoothed_in_training_alone():
    made = objective(CLASSES, smoothing=0.5)
    logits, labels = torch.log(torch.tensor([[0.8, 0.2]])), torch.tensor([0])
    assert made.losses(logits, labels).item() == pytest.approx(-np.log(0.8))
    smooth = -0.75 * np.log(0.8) - 0.25 * np.log(0.2)
    assert made.losses(logits, labels, training=True).item() == pytest.approx(smooth)
    with pytest.raises(ValueError, match="label_smoothing: touches nothing: expected the loss cross_entropy"):
        objective(NUMBERS, smoothing=0.5)
