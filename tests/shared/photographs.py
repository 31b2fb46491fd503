"""Ramps and photographs."""

import numpy as np

HEIGHT, WIDTH = 24, 36


def ramps(channels):
    """Grey levels along rows, along columns, and a chessboard of black and white: ``(3, h, w, channels)``."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    planes = [x * 255 / (WIDTH - 1), y * 255 / (HEIGHT - 1), 255.0 * ((x // 6 + y // 6) % 2)]
    shifted = [np.stack([np.roll(plane, 5 * c, axis=1) for c in range(channels)], -1) for plane in planes]
    return np.rint(np.stack(shifted)).astype(np.uint8)


def photographs(channels, n=4):
    """Noise whose spectrum falls as a photograph's does, ``(n, h, w, channels)``."""
    rng = np.random.default_rng(0)
    fy, fx = np.fft.fftfreq(HEIGHT)[:, None], np.fft.rfftfreq(WIDTH)
    falls = 1 / np.maximum(np.hypot(fy, fx), 1 / WIDTH)
    waves = np.fft.rfft2(rng.normal(size=(n, channels, HEIGHT, WIDTH))) * falls
    images = np.fft.irfft2(waves, (HEIGHT, WIDTH))
    scaled = 128 + 60 * (images - images.mean((2, 3), keepdims=True)) / images.std((2, 3), keepdims=True)
    return np.rint(scaled.clip(0, 255)).astype(np.uint8).transpose(0, 2, 3, 1)
