"""Uniform examples."""

import numpy as np
from example_teachers import make


def test_uniform_hands_out_whole_passes():
    teacher = make("uniform")
    tasks = np.concatenate([teacher.ask(7).tasks for _ in range(20)])
    assert (np.bincount(tasks, minlength=23)[3:] == 7).all()
    assert sorted(tasks[:20].tolist()) == list(range(3, 23))
