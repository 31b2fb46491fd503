"""Operations on images against Pillow's."""

import numpy as np
import pytest
import torch
from photographs import HEIGHT, WIDTH
from PIL import Image, ImageEnhance, ImageOps

from teacherstudent.networks.knobs import operations as operate
from teacherstudent.networks.knobs.augmentation import COLOUR, OPERATIONS


def pillow(images, one):
    """Apply a function of picture and row to every image with Pillow; grey levels as the images."""
    found = []
    for i, pixels in enumerate(images):
        picture = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
        found.append(np.asarray(one(picture, i)).reshape(pixels.shape))
    return np.stack(found).astype(np.float64)


def ours(images, operation, amounts):
    """Apply an operation to all images at once; grey levels as `pillow`."""
    given = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    found = operation(given, torch.as_tensor(amounts, dtype=torch.float32))
    assert found.shape == given.shape
    assert 0 <= float(found.min()) <= float(found.max()) <= 1
    return found.permute(0, 2, 3, 1).numpy().astype(np.float64) * 255


def affine(*matrix):
    def transform(picture, i):
        size = picture.size
        return picture.transform(size, Image.Transform.AFFINE, tuple(m(i) for m in matrix), Image.BILINEAR)

    return transform


def constant(value):
    return lambda i: value


FACTORS = (0.0, 0.1, 0.55, 1.0, 1.3, 1.9)
ENHANCE = {
    "brightness": (operate.brightness, ImageEnhance.Brightness),
    "contrast": (operate.contrast, ImageEnhance.Contrast),
    "colour": (operate.colour, ImageEnhance.Color),
    "sharpness": (operate.sharpness, ImageEnhance.Sharpness),
}


@pytest.mark.parametrize("name", ENHANCE)
def test_enhancing_is_pillows(images, name):
    operation, kind = ENHANCE[name]
    for shift in range(len(FACTORS)):  # a factor of its own for every image of the batch
        factors = np.roll(np.resize(FACTORS, len(images)), shift)
        expected = pillow(images, lambda picture, i, f=factors: kind(picture).enhance(float(f[i])))
        # Pillow rounds the grey image, its mean or the smooth one to a level, and cuts off the rest of one
        tolerance = 1.01 + 0.51 * np.abs(1 - factors).max() * (name != "brightness")
        assert np.abs(ours(images, operation, factors) - expected).max() < tolerance


@pytest.mark.parametrize("name", [name for name in ENHANCE if name != "colour"])
def test_enhancing_differs_from_the_image_as_much_as_pillows(images, name):
    operation, kind = ENHANCE[name]
    for factor in (0.1, 0.6, 1.4):
        expected = pillow(images, lambda picture, i, f=factor: kind(picture).enhance(f)) - images
        found = ours(images, operation, np.full(len(images), factor)) - images
        assert np.abs(expected).mean() > 1
        assert np.abs(found).mean() == pytest.approx(np.abs(expected).mean(), abs=0.6)


def test_turning_is_pillows(images):
    degrees = np.array([0.0, 3.0, -7.5, 15.0, 30.0, -30.0, 90.0])
    turned = pillow(images, lambda picture, i: picture.rotate(float(degrees[i]), Image.BILINEAR))
    found = ours(images, operate.rotate, degrees)
    np.testing.assert_allclose(inner(found, turned), 0, atol=1.01)
    assert np.abs(turned[3:] - images[3:]).mean() > 5
    clockwise = ours(images, operate.rotate, -degrees)
    assert np.abs(clockwise - turned)[3:].max() > 50


@pytest.mark.parametrize("along", ["x", "y"])
def test_shear_and_translation_are_pillows(images, along):
    amounts = np.array([0.0, 0.01, -0.1, 0.2, 0.3, -0.3, 0.45])

    def by(i):
        return float(amounts[i])

    one, none = constant(1), constant(0)
    if along == "x":
        shear, side = affine(one, by, none, none, one, none), WIDTH
        translate = affine(one, none, lambda i: by(i) * side, none, one, none)
    else:
        shear, side = affine(one, none, none, by, one, none), HEIGHT
        translate = affine(one, none, none, none, one, lambda i: by(i) * side)
    for name, expected in (("shear", pillow(images, shear)), ("translate", pillow(images, translate))):
        found = ours(images, getattr(operate, f"{name}_{along}"), amounts)
        np.testing.assert_allclose(inner(found, expected), 0, atol=1.01, err_msg=name)
        assert np.abs(expected - images)[2:].mean() > 5


def inner(found, expected):
    """Return the differences, but for pixels whose place lies on the image's edge to the last bit."""
    difference = np.abs(found - expected)
    edge = (difference > 1.01) & ((found == 0) | (expected == 0))
    assert edge.mean() < 0.005
    return np.where(edge, 0, difference)


def test_solarizing_is_pillows(images):
    thresholds = np.array([0, 1, 100, 128, 200, 255, 256])
    expected = pillow(images, lambda picture, i: ImageOps.solarize(picture, int(thresholds[i])))
    np.testing.assert_allclose(ours(images, operate.solarize, thresholds - 0.5), expected, atol=1e-3)


def test_posterizing_is_pillows(images):
    bits = np.array([8, 7, 6, 5, 4, 2, 1])
    for shift in range(len(bits)):
        now = np.roll(bits, shift)
        expected = pillow(images, lambda picture, i, b=now: ImageOps.posterize(picture, int(b[i])))
        np.testing.assert_allclose(ours(images, operate.posterize, now), expected, atol=1e-3)


@pytest.mark.parametrize("name", OPERATIONS | COLOUR)
def test_amount_zero_is_the_image(images, name):
    found = ours(images, (OPERATIONS | COLOUR)[name], np.zeros(len(images)))
    np.testing.assert_allclose(found, images, atol=0.02)


def test_the_smallest_images():
    for shape in ((2, 1, 1, 1), (2, 3, 2, 2), (0, 1, 8, 8)):
        for operation in OPERATIONS.values():
            assert operation(torch.rand(shape), torch.ones(shape[0])).shape == shape


def test_brightness_keeps_black_and_contrast_keeps_the_mean():
    black = torch.zeros(64, 1, 12, 12)
    half = torch.zeros(64, 1, 12, 12)
    half[..., 6:] = 1.0
    amounts = torch.linspace(-1, 1, 64)
    assert float(OPERATIONS["brightness"](black, amounts).max()) == 0
    found = OPERATIONS["contrast"](half, amounts)
    np.testing.assert_allclose(found.mean((1, 2, 3)), 0.5, atol=1e-6)
    np.testing.assert_allclose(found[0, 0, 0, [0, 11]], [0.45, 0.55], atol=1e-6)  # a tenth of the contrast
