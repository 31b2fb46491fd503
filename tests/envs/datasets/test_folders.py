"""Folders of images: what is found, how images are read, and which file an error names."""

import numpy as np
import pytest
from pictures import write_folder
from PIL import Image

from teacherstudent.envs.datasets.folders import ImageFolder
from teacherstudent.envs.images.data import DataFileError, MissingDataError


def test_a_subfolder_is_a_class(tmp_path):
    found = ImageFolder(write_folder(tmp_path, count=2))
    assert found.classes == ("cat", "dog", "owl")
    assert found.targets.tolist() == [0, 0, 1, 1, 2, 2]
    pixels, number = found[3]
    assert (pixels.shape, pixels.dtype, number) == ((3, 10, 12), np.uint8, 1)
    assert pixels[1].min() >= 180  # PNG keeps every pixel
    assert found.samples[3] == (str(tmp_path / "dog" / "001.png"), 1)


def test_images_are_cut_in_the_middle_to_one_size(tmp_path):
    (tmp_path / "one").mkdir()
    pixels = np.zeros((4, 8), np.uint8)
    pixels[:, 2:6] = 200  # the middle square
    Image.fromarray(pixels).save(tmp_path / "one" / "a.png")
    found = ImageFolder(tmp_path, size=4, mode="L")
    assert (found[0][0] == 200).all()
    assert found[0][0].shape == (1, 4, 4)
    assert ImageFolder(tmp_path, size=(2, 3))[0][0].shape == (3, 2, 3)


def test_jpeg_and_palettes_are_read(tmp_path):
    write_folder(tmp_path, classes=("x",), count=1, ending="jpg")
    Image.fromarray(np.zeros((10, 12), np.uint8)).convert("P").save(tmp_path / "x" / "b.gif")
    found = ImageFolder(tmp_path)
    assert [found[k][0].shape for k in range(2)] == [(3, 10, 12), (3, 10, 12)]


def test_a_damaged_file_is_named(tmp_path):
    write_folder(tmp_path, count=1)
    (tmp_path / "dog" / "000.png").write_bytes(b"\x89PNG no image")
    with pytest.raises(DataFileError, match=r"dog/000\.png: expected an image"):
        ImageFolder(tmp_path)[1]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"size": 0}, ValueError, "size: expected a whole number of at least 1"),
        ({"size": (1, 2, 3)}, (TypeError, ValueError), "size: expected"),
        ({"mode": "CMYK"}, ValueError, "mode: expected one of"),
    ],
)
def test_wrong_options(tmp_path, options, error, message):
    write_folder(tmp_path, count=1)
    with pytest.raises(error, match=message):
        ImageFolder(tmp_path, **options)


def test_folders_without_images_are_named(tmp_path):
    with pytest.raises(MissingDataError, match="nowhere: expected a folder"):
        ImageFolder(tmp_path / "nowhere")
    with pytest.raises(DataFileError, match="expected a subfolder for each class"):
        ImageFolder(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataFileError, match=r"empty: expected images \(\.png"):
        ImageFolder(tmp_path)
