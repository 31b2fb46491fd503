"""The crop and the resize against definitions written separately."""

import numpy as np
import pytest
import scipy.signal
import torch
from PIL import Image

from teacherstudent.networks.knobs.resampling import low_frequency_crop, resize

CASES = [(28, 16), (28, 20), (32, 24), (27, 14), (64, 28), (8, 4), (8, 6)]


def noise(side, rows=3, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal((rows, side, side)))


def corner_form(x, size):
    """The definition: the four corner blocks of the transform, without a shift."""
    side, half = x.shape[-1], size // 2
    keep = [*range(half), *range(side - half, side)]
    packed = np.fft.fft2(x)[..., keep, :][..., keep]
    return np.fft.ifft2(packed).real * (2 * half / side) ** 2


def shifted_form(x, size):
    """Shift, crop around the centre, shift back; for even sides."""
    side, half = x.shape[-1], size // 2
    start = side // 2 - half
    spectrum = np.fft.fftshift(np.fft.fft2(x), axes=(-2, -1))
    middle = spectrum[..., start : start + size, start : start + size]
    return np.fft.ifft2(np.fft.ifftshift(middle, axes=(-2, -1))).real * (size / side) ** 2


@pytest.mark.parametrize(("side", "size"), CASES)
def test_crop_equals_the_definition(side, size):
    x = noise(side)
    assert np.allclose(low_frequency_crop(x, size), corner_form(x.numpy(), size), atol=1e-12)


@pytest.mark.parametrize(("side", "size"), [case for case in CASES if case[0] % 2 == 0])
def test_crop_equals_the_shifted_form(side, size):
    x = noise(side)
    assert np.allclose(low_frequency_crop(x, size), shifted_form(x.numpy(), size), atol=1e-12)


def test_crop_samples_a_band_limited_signal_exactly():
    side, size = 28, 16  # frequencies below 8

    def signal(n):
        t = 2 * np.pi * np.arange(n) / n
        u, v = np.meshgrid(t, t, indexing="ij")
        return 0.3 + np.cos(3 * u + 0.4) + 0.5 * np.sin(7 * v - 0.2) + 0.7 * np.cos(5 * u - 6 * v + 1)

    assert np.allclose(low_frequency_crop(torch.from_numpy(signal(side)), size), signal(size), atol=1e-12)


def test_crop_is_scipys_resampling_without_the_highest_frequency():
    side, size = 28, 16
    spectrum = np.fft.fft2(noise(side, 1)[0].numpy())
    spectrum[[8, -8]] = 0
    spectrum[:, [8, -8]] = 0
    x = np.fft.ifft2(spectrum).real
    expected = scipy.signal.resample(scipy.signal.resample(x, size, axis=0), size, axis=1)
    assert np.allclose(low_frequency_crop(torch.from_numpy(x), size), expected, atol=1e-12)


@pytest.mark.parametrize("size", [4, 10, 16])
def test_crop_keeps_the_mean_and_commutes_with_normalisation(size):
    x = noise(28)
    assert torch.allclose(low_frequency_crop(x, size).mean((-2, -1)), x.mean((-2, -1)), atol=1e-14)
    affine = low_frequency_crop(3 * x - 2, size)
    assert torch.allclose(affine, 3 * low_frequency_crop(x, size) - 2, atol=1e-12)


def test_crop_overshoots_at_an_edge():
    x = torch.zeros(224, 224, dtype=torch.float64)
    x[:, 112:] = 1
    assert 0.05 < float(low_frequency_crop(x, 96).max()) - 1 < 0.15  # Gibbs: no clamp


@pytest.mark.parametrize("crop", [low_frequency_crop, resize])
def test_the_whole_size_changes_nothing(crop):
    for side in (27, 28):
        x = noise(side)
        assert crop(x, side) is x


@pytest.mark.parametrize("crop", [low_frequency_crop, resize])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_narrow_types_stay(crop, dtype):
    x = noise(28)
    found = crop(x.to(dtype), 16)
    assert found.dtype == dtype
    assert torch.allclose(found.double(), crop(x, 16), atol=0.1 if dtype != torch.float32 else 1e-5)


@pytest.mark.parametrize("size", [10, 16, 21])
def test_resize_equals_pil(size):
    x = noise(28, 2)
    for image, found in zip(x.numpy(), resize(x, size), strict=True):
        expected = Image.fromarray(image.astype(np.float32)).resize((size, size), Image.Resampling.LANCZOS)
        assert np.allclose(found, np.asarray(expected), atol=1e-5)


def test_crop_and_resize_differ():
    x = noise(28)
    assert float((low_frequency_crop(x, 16) - resize(x, 16)).abs().mean()) > 0.1


@pytest.mark.parametrize("crop", [low_frequency_crop, resize])
def test_bad_input(crop):
    x = torch.rand(2, 28, 28)
    with pytest.raises(TypeError, match=r"floating type, got torch\.uint8"):
        crop(torch.zeros(28, 28, dtype=torch.uint8), 16)
    with pytest.raises(ValueError, match=r"square images .* got shape \(2, 28, 20\)"):
        crop(x[..., :20], 16)
    for size in (30, 1, 0, -4, 15.5, True):
        with pytest.raises(ValueError, match="from 2 to the image's side 28"):
            crop(x, size)


def test_odd_sizes_are_refused():
    with pytest.raises(ValueError, match="even size, got 17"):
        low_frequency_crop(torch.rand(28, 28), 17)
