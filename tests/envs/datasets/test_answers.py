"""Targets: what they are taken for, how they are numbered, and what a wrong one is told."""

import numpy as np
import pytest

from teacherstudent.envs.datasets.answers import LOSSES, METRICS, USUAL, answers_of, encoded, lacking


@pytest.mark.parametrize(
    ("targets", "loss", "kind", "outputs", "usual"),
    [
        (np.array([0, 2, 1]), None, "classes", 3, ("cross_entropy", "accuracy")),
        (np.array([True, False]), None, "classes", 2, ("cross_entropy", "accuracy")),
        (np.array(["b", "a", "b"]), None, "classes", 2, ("cross_entropy", "accuracy")),
        (np.array([[0, 1], [1, 1]]), None, "labels", 2, ("binary_cross_entropy", "label_accuracy")),
        (np.array([0.5, 1]), None, "numbers", 1, ("mse", "r2")),
        (np.zeros((4, 3)), None, "numbers", 3, ("mse", "r2")),
        (np.array([3, 9]), "huber", "numbers", 1, ("huber", "r2")),
        (
            np.array([[0.5, 1]]),
            "binary_cross_entropy",
            "labels",
            2,
            ("binary_cross_entropy", "label_accuracy"),
        ),
    ],
)
def test_what_targets_are(targets, loss, kind, outputs, usual):
    found = answers_of(targets, loss, None)
    assert (found.kind, found.outputs, (found.loss, found.metric)) == (kind, outputs, usual)


def test_classes_by_name_are_numbered_in_order():
    found = answers_of(np.array(["owl", "cat", "owl"]), None, None)
    assert encoded(np.array(["owl", "cat"]), found, "test").tolist() == [1, 0]
    assert (found.called(1), lacking(np.array([1, 1]), found)) == ("1 (owl)", "0 (cat)")
    with pytest.raises(ValueError, match=r"test: targets: .*2 classes .* got .*'owls'.* in example 1"):
        encoded(np.array(["cat", "owls"]), found, "test")


def test_numbers_and_labels_become_float32():
    numbers = answers_of(np.zeros((4, 2)), None, None)
    assert encoded(np.ones((3, 2)), numbers, "train").dtype == np.float32
    with pytest.raises(
        ValueError, match=r"test: targets: expected 2 an example as in train, got shape \(3,\)"
    ):
        encoded(np.ones(3), numbers, "test")
    with pytest.raises(ValueError, match=r"finite numbers, got \[nan  1\.\] in example 2"):
        encoded(np.array([[0, 0], [0, 0], [np.nan, 1]]), numbers, "test")
    labels = answers_of(np.array([[0, 1]]), None, None)
    with pytest.raises(ValueError, match=r"labels from 0 to 1, got \[2 0\] in example 0"):
        encoded(np.array([[2, 0]]), labels, "test")


def test_what_lacks_is_shortened():
    found = answers_of(np.arange(9), None, None)
    assert lacking(np.array([0, 1]), found) == "2, 3, 4, 5, 6, ..."
    assert lacking(np.arange(9), found) == ""


@pytest.mark.parametrize(
    ("targets", "loss", "metric", "error", "message"),
    [
        (np.array([0, 2]), None, None, ValueError, r"every class from 0 to the highest, 2, .* 1 of them: 1"),
        (np.array([0, -1]), None, None, ValueError, "classes from 0, got -1 in example 1"),
        (np.array([0, 0]), None, None, ValueError, "at least two classes, got 1"),
        (np.array([[0, 5]]), None, None, ValueError, "labels of 0 and 1"),
        (np.array([None, 1]), None, None, TypeError, "expected whole numbers, numbers or texts, got object"),
        (np.zeros((2, 2, 2)), None, None, ValueError, r"shape \(n,\) or \(n, k\), got \(2, 2, 2\)"),
        (np.array([0.5]), "cross_entropy", None, ValueError, "cross_entropy is for classes, got .* numbers"),
        (np.array([0, 1]), "binary_cross_entropy", None, ValueError, "is for labels"),
        (np.array([0, 1]), "mean", None, ValueError, "loss: expected one of"),
        (np.array([0, 1]), 3, None, TypeError, "loss: expected a name or a callable, got 3"),
        (np.array([0, 1]), None, "r2", ValueError, r"metric: expected one of \['accuracy'\] or a callable"),
        (np.array([0, 1]), None, "auc", ValueError, "metric: expected one of"),
    ],
)
def test_wrong_targets(targets, loss, metric, error, message):
    with pytest.raises(error, match=message):
        answers_of(targets, loss, metric)


def test_every_kind_has_a_usual_loss_and_metric():
    for kind, (loss, metric) in USUAL.items():
        assert (LOSSES[loss], METRICS[metric]) == (kind, kind)


def test_a_callable_is_called_by_its_name():
    def f1(outputs, targets):
        return 0.0

    assert answers_of(np.array([0, 1]), None, f1).metric_name == "f1"
