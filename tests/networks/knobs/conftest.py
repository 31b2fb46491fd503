"""Images on which operations are compared with Pillow's."""

import numpy as np
import pytest
from photographs import photographs, ramps


@pytest.fixture(params=[1, 3], ids=["grey", "rgb"])
def images(request):
    return np.concatenate([ramps(request.param), photographs(request.param)])
