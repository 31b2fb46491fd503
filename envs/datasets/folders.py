"""Folders of images as data sets: a subfolder for each class, PNG, JPEG or whatever Pillow reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from teacherstudent.contract.checks import check_one_of, check_whole
from teacherstudent.contract.types import Array, IntArray
from teacherstudent.envs.images.data import DataFileError, MissingDataError

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".ppm", ".pgm", ".tif", ".tiff", ".webp")
MODES = ("RGB", "L")


class ImageFolder:
    """Images in a subfolder for each class, read by Pillow when they are asked for.

    The order is that of the names, so every machine counts alike. It is a map-style data set: a loader of
    torch's takes it as well.

    Args:
        path: the folder.
        size: height and width that images are brought to, or one number for both: scaled until they cover it,
            and cut in the middle. None leaves them as they are; then all must have one size.
        mode: ``"RGB"``, or ``"L"`` for grey.

    Attributes:
        classes: names of the subfolders, sorted.
        samples: the file and the number of the class of each image.
        targets: ``(n,)`` the numbers of the classes.

    Raises:
        MissingDataError: if there is no such folder.
        DataFileError: if it has no subfolders, or a subfolder holds no image.
        TypeError, ValueError: if size or mode is not as said.
    """

    def __init__(self, path: str | Path, *, size: Any = None, mode: str = "RGB") -> None:
        folder = Path(path)
        check_one_of("mode", mode, MODES)
        self.size: tuple[int, int] | None = None
        if size is not None:
            height, width = size if isinstance(size, list | tuple) and len(size) == 2 else (size, size)
            self.size = (check_whole("size", height), check_whole("size", width))
        self.mode = mode
        if not folder.is_dir():
            raise MissingDataError(f"{folder}: expected a folder with a subfolder of images for each class")
        inside = sorted(entry for entry in folder.iterdir() if entry.is_dir())
        self.classes = tuple(entry.name for entry in inside)
        self.samples: list[tuple[str, int]] = []
        for number, entry in enumerate(inside):
            files = sorted(file for file in entry.rglob("*") if file.suffix.lower() in ENDINGS)
            if not files:
                raise DataFileError(f"{entry}: expected images ({', '.join(ENDINGS)}), found none")
            self.samples += [(str(file), number) for file in files]
        if not self.samples:
            raise DataFileError(f"{folder}: expected a subfolder for each class, found none")
        self.targets: IntArray = np.array([number for _, number in self.samples], np.int64)

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple[Array, int]:
        """Return an image ``(channels, height, width)`` uint8 and the number of its class.

        Raises:
            DataFileError: if the file is no image that Pillow reads; the message names it.
            ImportError: if Pillow is not there.
        """
        from PIL import Image, ImageOps

        file, number = self.samples[index]
        try:
            with Image.open(file) as opened:
                image = opened.convert(self.mode)
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            # Pillow raises a SyntaxError for some broken PNG files.
            raise DataFileError(f"{file}: expected an image: {error}") from error
        if self.size is not None:
            height, width = self.size
            image = ImageOps.fit(image, (width, height), Image.Resampling.BILINEAR)
        pixels: Array = np.asarray(image)
        if pixels.ndim == 2:
            return pixels[None], number
        return np.ascontiguousarray(pixels.transpose(2, 0, 1)), number
