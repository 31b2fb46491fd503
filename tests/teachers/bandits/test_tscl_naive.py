"""The naive algorithm of TSCL: slopes by hand, and blocks of one arm."""

import numpy as np
from bandit_teachers import tell, value

from teacherstudent.contract.spaces import Discrete
from teacherstudent.teachers.bandits.tscl_naive import TSCLNaive


def test_naive_by_hand():
    teacher = TSCLNaive(Discrete(2), seed=0, rate=0.5, window=3)
    tell(teacher, [1, 1], [0.0, 1.0])
    assert value(teacher).tolist() == [0, 0]
    tell(teacher, [0, 1, 1], [7.0, 5.0, 9.0])
    # arm 1 at times 1, 2, 4: 0, 1, 5: sum (t - 7/3)(y - 2) / sum (t - 7/3)^2 = (8/3 + 1/3 + 5) / (14/3)
    np.testing.assert_allclose(value(teacher), [0, 0.5 * 8 / (14 / 3)], rtol=1e-14)
    assert teacher.state_dict()["algorithm"]["points"].tolist() == [[0, 3, 7], [1, 5, 9]]
    tell(teacher, [1, 1], [8.0, 7.0])
    np.testing.assert_allclose(value(teacher)[1], 0.5 * 8 / (14 / 3) * 0.5 - 0.5)


def test_naive_hands_out_blocks():
    teacher = TSCLNaive(Discrete(50), seed=0, window=4)
    arms = np.concatenate([teacher.ask(n).tasks for n in (1, 2, 7, 1, 1, 12, 4)])
    blocks = arms.reshape(-1, 4)
    assert (blocks == blocks[:, :1]).all()
    assert len(set(blocks[:, 0].tolist())) > 4
    assert teacher.ask(1).tasks[0] != arms[-1]  # 28 handed out: a new block begins


def test_naive_leaves_its_block_for_the_final_arm():
    teacher = TSCLNaive(Discrete(9), seed=1, window=100, final=(-1, 0.5))
    first = teacher.ask(3).tasks
    assert first[0] != 8
    assert teacher.ask(3, progress=0.5).tasks.tolist() == [8, 8, 8]
