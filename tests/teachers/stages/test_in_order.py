"""Listed stages, one after the other or one alone."""

from knob_paths import make

from teacherstudent.contract.spaces import Discrete


def test_listed_stages():
    space = Discrete(4, start=2)
    assert make("constant", space).ask(3, progress=0.1).tasks.tolist() == [5, 5, 5]
    assert make("constant", space, stage=1).ask(1).tasks.tolist() == [3]
    equal, own = make("in-order", space), make("in-order", space, shares=(2, 0, 2, 0))
    found = [[t.ask(1, progress=p).tasks[0] for p in (0, 0.24, 0.25, 0.5, 0.99, 1)] for t in (equal, own)]
    assert found == [[2, 2, 3, 4, 5, 5], [2, 2, 2, 4, 4, 4]]
