"""A folder of small images."""

import gzip

import numpy as np
import pytest
from idx_files import RNG, idx


@pytest.fixture
def folder(tmp_path):
    """MNIST's four files with 90 and 30 random images of 12 x 12, two of them gzipped."""
    for prefix, n in (("train", 90), ("t10k", 30)):
        images = RNG.integers(0, 256, (n, 12, 12)).astype(np.uint8)
        labels = np.arange(n).astype(np.uint8) % 3
        (tmp_path / f"{prefix}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(images)))
        (tmp_path / f"{prefix}-labels-idx1-ubyte").write_bytes(idx(labels))
    return tmp_path
