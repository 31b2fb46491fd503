"""Options of a level buffer that are out of range."""

import numpy as np
import pytest
from level_buffers import SPACE

from teacherstudent import LevelBuffer


@pytest.mark.parametrize(
    "options",
    [
        {"capacity": 0},
        {"capacity": 2.5},
        {"priority": "best"},
        {"temperature": 0.0},
        {"temperature": np.nan},
        {"staleness": 1.1},
        {"top_k": 0},
        {"top_k": 5},
        {"top_k": 1, "priority": "proportional"},
        {"evict": "oldest"},
        {"semantics": "minimax"},
        {"blend": 0.0},
        {"ties": "random"},
        {"ties": ["shared"]},
        {"temperature": "cold"},
        {"staleness": None},
        {"blend": [0.5]},
        {"rows": "first"},
    ],
)
def test_bad_options(options):
    with pytest.raises(ValueError, match=f"{next(iter(options))}: expected .*, got "):
        LevelBuffer(SPACE, **options)
