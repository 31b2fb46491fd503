"""Folders of small pictures, made by code."""

import numpy as np
from PIL import Image


def write_folder(folder, *, classes=("cat", "dog", "owl"), count=8, size=(10, 12), ending="png"):
    """Write ``count`` pictures for each class; the class is the brightest channel."""
    rng = np.random.default_rng(0)
    for number, name in enumerate(classes):
        (folder / name).mkdir(parents=True)
        for k in range(count):
            pixels = rng.integers(0, 60, (*size, 3)).astype(np.uint8)
            pixels[:, :, number % 3] += 180
            Image.fromarray(pixels).save(folder / name / f"{k:03d}.{ending}")
    return folder
