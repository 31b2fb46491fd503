"""Readers of files, splits, noise and imbalance."""

from pathlib import Path

import numpy as np
import pytest
from idx_files import RNG, idx

from teacherstudent.envs.images import data
from teacherstudent.envs.images.data import DataFileError, Images
from teacherstudent.envs.images.examples import DigitsExamples
from teacherstudent.envs.images.stages import DigitsStages, FashionStages


def test_idx_by_hand(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(bytes([0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6]))
    assert data.read_idx(path).tolist() == [[1, 2, 3], [4, 5, 6]]
    path.write_bytes(bytes([0, 0, 0x0B, 1, 0, 0, 0, 2, 1, 0, 255, 254]))
    found = data.read_idx(path)
    assert (found.tolist(), found.dtype) == ([256, -2], np.int16)


def test_damaged_files_are_named(folder):
    labels = folder / "train-labels-idx1-ubyte"
    whole = labels.read_bytes()
    labels.write_bytes(whole[:-1])
    with pytest.raises(
        DataFileError, match=r"train-labels-idx1-ubyte: expected 98 bytes .*got 97: is it trunc"
    ):
        data.read_folder(folder)
    labels.write_bytes(whole[:6])
    with pytest.raises(DataFileError, match="truncated"):
        data.read_folder(folder)
    labels.write_bytes(b"PNG")
    with pytest.raises(DataFileError, match="expected an IDX file"):
        data.read_folder(folder)
    labels.unlink()
    with pytest.raises(FileNotFoundError, match=r"train-labels-idx1-ubyte\[\.gz\] or train\.npz"):
        data.read_folder(folder)
    images = folder / "train-images-idx3-ubyte.gz"
    images.write_bytes(images.read_bytes()[:-20])
    with pytest.raises(DataFileError, match="whole gzip file"):
        data.read_folder(folder)


def test_npz_files(tmp_path):
    for name, n in (("train", 40), ("test", 10)):
        pixels = RNG.integers(0, 256, (n, 6, 6, 3)).astype(np.uint8)
        np.savez(tmp_path / f"{name}.npz", images=pixels, labels=np.arange(n) % 4)
    train, test = data.read_folder(tmp_path)
    assert (train.images.shape, test.images.shape) == ((40, 3, 6, 6), (10, 3, 6, 6))
    whole = (tmp_path / "test.npz").read_bytes()
    (tmp_path / "test.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataFileError, match="npz file with images and labels"):
        data.read_folder(tmp_path)
    with (tmp_path / "test.npz").open("wb") as file:
        np.save(file, test.images)
    with pytest.raises(DataFileError, match=r"test\.npz: expected an npz .* holds a single array"):
        data.read_folder(tmp_path)


@pytest.mark.parametrize(
    ("images", "labels", "error", "message"),
    [
        (np.zeros((2, 1, 4, 4)), np.zeros(2, int), TypeError, "uint8 pixels from 0 to 255, got float64"),
        (np.zeros((2, 16), np.uint8), np.zeros(2, int), ValueError, r"\(n, channels, height, width\)"),
        (np.zeros((2, 4, 4), np.uint8), np.zeros(3, int), ValueError, r"shape \(2,\)"),
        (np.zeros((2, 4, 4), np.uint8), np.zeros(2), TypeError, "whole numbers, got float64"),
        (np.zeros((2, 4, 4), np.uint8), np.array([0, -1]), ValueError, "from 0, got -1"),
    ],
)
def test_bad_images(images, labels, error, message):
    with pytest.raises(error, match=message):
        Images(images, labels)


def test_labels_out_of_range_are_named(folder):
    (folder / "t10k-labels-idx1-ubyte").write_bytes(idx(np.full(30, 7, np.uint8)))
    with pytest.raises(ValueError, match="test: labels: expected numbers below the 3 classes, got 7"):
        _ = FashionStages(path=folder, probe=10, validation=10).data


@pytest.mark.parametrize(
    ("label", "message"),
    [
        (4, r"from 0 to the highest label 4, got none of 1 of these 5 classes: 3$"),
        (255, r"got none of 252 of these 256 classes: 3, 4, 5, 6, 7, \.\.\.$"),
    ],
)
def test_a_class_without_images_is_named(folder, label, message):
    labels = (np.arange(90) % 3).astype(np.uint8)
    labels[0] = label
    (folder / "train-labels-idx1-ubyte").write_bytes(idx(labels))
    with pytest.raises(ValueError, match=message):
        _ = FashionStages(path=folder, probe=10, validation=10).data


def test_splits_do_not_overlap():
    train, test = data.read_digits()
    marked = Images(np.arange(len(train) * 4, dtype=np.uint8).reshape(-1, 1, 2, 2), np.arange(len(train)))
    parts = data.split(marked, marked, probe=100, validation=200)
    found = [set(part.labels.tolist()) for part in (parts.train, parts.probe, parts.validation)]
    assert [len(part) for part in found] == [len(train) - 300, 100, 200]
    assert len(set.union(*found)) == len(train)
    assert len(test) == 300
    again = data.split(marked, marked, probe=100, validation=200)
    assert np.array_equal(again.probe.labels, parts.probe.labels)
    with pytest.raises(ValueError, match="fewer than 1497 together"):
        data.split(train, test, probe=1000, validation=497)


def test_stratified_splits_hold_every_class_by_its_share():
    train, test = data.read_digits()
    labels = np.concatenate([np.zeros(1400, np.int64), np.full(91, 1), [2, 2, 2, 3, 3, 3]])
    rare = Images(train.images, np.random.default_rng(0).permutation(labels))
    parts = data.split(
        rare, test.select(np.flatnonzero(test.labels < 4)), probe=100, validation=300, stratified=True
    )
    counts = [np.bincount(part.labels, minlength=4) for part in (parts.probe, parts.validation, parts.train)]
    assert [own.tolist() for own in counts[:2]] == [[93, 5, 1, 1], [280, 18, 1, 1]]
    assert counts[2].tolist() == [1027, 68, 1, 1]
    kept = np.concatenate([part.images for part in (parts.train, parts.probe, parts.validation)])
    assert sorted(kept.reshape(len(kept), -1).tolist()) == sorted(
        train.images.reshape(len(kept), -1).tolist()
    )
    whole = {"probe": 200, "validation": 300}
    plain, even = data.split(train, test, **whole), data.split(train, test, **whole, stratified=True)
    share = np.bincount(train.labels) / len(train)
    for name in whole:
        found = np.bincount(getattr(even, name).labels)
        assert np.abs(found - share * whole[name]).max() < 1
        assert np.abs(np.bincount(getattr(plain, name).labels) - share * whole[name]).max() > 1


def test_stratified_splits_that_cannot_be_are_refused():
    train, test = data.read_digits()
    with pytest.raises(ValueError, match=r"stratified: expected probe .* of at least 10, .* got \(9, 300\)"):
        data.split(train, test, probe=9, validation=300, stratified=True)
    few = train.select(
        np.flatnonzero(train.labels != 4)[:1000].tolist() + np.flatnonzero(train.labels == 4)[:2].tolist()
    )
    with pytest.raises(ValueError, match=r"three images of every class in all, got .* and 2 of class 4"):
        data.split(few, test, probe=100, validation=100, stratified=True)
    with pytest.raises(TypeError, match="stratified: expected True or False, got 1"):
        DigitsStages(stratified=1)


def test_label_noise_is_exact_and_never_the_old_label():
    clean = DigitsStages().data
    noisy = DigitsStages(label_noise=0.4).data
    wrong = clean.train.labels != noisy.train.labels
    assert wrong.sum() == round(0.4 * 997)
    assert np.array_equal(clean.probe.labels, noisy.probe.labels)
    assert np.array_equal(clean.test.labels, noisy.test.labels)
    steps = (noisy.train.labels - clean.train.labels)[wrong] % 10
    assert np.bincount(steps, minlength=10)[1:].min() > 20  # all nine other classes
    with pytest.raises(ValueError, match="label_noise"):
        DigitsStages(label_noise=1.0)


def test_imbalance_is_a_long_tail():
    counts = np.bincount(DigitsExamples(imbalance=10).data.train.labels)
    full = np.bincount(DigitsStages().data.train.labels)
    expected = [max(1, round(n * 10 ** (-c / 9))) for c, n in enumerate(full)]
    assert counts.tolist() == expected
    assert DigitsExamples(imbalance=10).space.n == sum(expected)
    with pytest.raises(ValueError, match="imbalance: expected a ratio of at least 1"):
        DigitsExamples(imbalance=0.5)


def test_a_folder_of_data_sets_can_be_named(monkeypatch, tmp_path, folder):
    monkeypatch.setenv("TEACHERSTUDENT_DATA", "")
    assert data.fashion_folder() == Path("/usr/share/datasets/fashion-mnist")
    monkeypatch.setenv("TEACHERSTUDENT_DATA", str(tmp_path / "sets"))
    assert data.fashion_folder() == tmp_path / "sets" / "fashion-mnist"
    (tmp_path / "sets").mkdir()
    (tmp_path / "sets" / "fashion-mnist").symlink_to(folder)
    with pytest.raises(
        ValueError, match="fashion: expected 60000 training images of 28 pixels a side, got 90 of 12"
    ):
        _ = FashionStages().data
