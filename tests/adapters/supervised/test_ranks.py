"""One teacher for two processes: indices are dealt out, losses gathered, also where rows are measured."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from taught_data import N, listening, sampler

from teacherstudent.adapters.supervised.ranks import Alone, check_size, ranks_here

PROGRAM = """
import json, sys
import numpy as np
import torch.distributed as distributed
from taught_data import flat, listening, loader, one_pass, sampler
from teacherstudent import teachers
from teacherstudent.adapters.supervised.ranks import Processes
from teacherstudent.contract.spaces import Discrete

rank, folder = int(sys.argv[1]), sys.argv[2]
distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
found = {}


def mine(teacher):
    return teacher if rank == 0 else None


ranks = Processes()
found["spread"] = ranks.spread(np.array([3, 1, 2]) if rank == 0 else None).tolist()
found["collect"] = ranks.collect(np.full((rank + 1, 2), float(rank))).tolist()

teacher = listening()
made = sampler("batch", mine(teacher), batch_size=4, epochs=1)
found["pass"] = one_pass(made, loader(made, num_workers=1))
found["told"] = list(teacher.told)
found["again"] = one_pass(made, loader(made), steps=1)
state = made.state_dict()
other = sampler("batch", mine(listening()), batch_size=4)
other.load_state_dict(state)
found["rest"] = one_pass(other, loader(other))

# A row of the next batch is asked for and not told of: it comes again after a load.
walk = iter(other)
first = next(walk)
state = other.state_dict()
last = sampler("rows", mine(listening()), batch_size=4)
last.load_state_dict(state)
found["read ahead"] = [first, flat(one_pass(last, loader(last)))[:4]]

jest = teachers.make("jest", Discrete(23), seed=0, reference=np.zeros(23), select="top")
hard = sampler("batch", mine(jest))
asked = []
hard.measure(lambda batch: (asked.append(batch[1].tolist()), batch[0][0])[1])
found["hard"] = next(iter(hard))
found["measured"] = flat(asked)
found["refused"] = ""
try:
    hard.weights(None, None)
except ValueError as error:
    found["refused"] = str(error)
found["out of step"] = ""
try:
    made.tell([], []) if rank else next(iter(made))
except RuntimeError as error:
    found["out of step"] = str(error)
with open(f"{folder}/{rank}.json", "w") as file:
    json.dump(found, file)
distributed.destroy_process_group()
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What two processes have found, one of each rank."""
    folder = tmp_path_factory.mktemp("ranks")
    shared = str(Path(__file__).parents[2] / "shared")
    program = f"import sys; sys.path.insert(0, {shared!r})\n{PROGRAM}"
    started = []
    for rank in range(2):
        command = [sys.executable, "-c", program, str(rank), str(folder)]
        started.append(subprocess.Popen(command, stderr=subprocess.PIPE, text=True))
    said = [process.communicate(timeout=200)[1][-3000:] for process in started]
    assert [process.returncode for process in started] == [0, 0], "\n".join(said)
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(2)]


def test_numbers_reach_all_ranks_and_rows_the_first(found):
    assert [each["spread"] for each in found] == [[3, 1, 2]] * 2
    assert found[0]["collect"] == [[0, 0], [1, 1], [1, 1]]
    assert found[1]["collect"] == []


def test_a_pass_is_dealt_out_and_told_of_together(found):
    first, second = (each["pass"] for each in found)
    assert first == [[0, 2, 4, 6], [8, 10, 12, 14], [16, 18, 20, 22]]
    # 23 examples for two ranks: the last row of the other one is the first of the next pass.
    assert second == [[1, 3, 5, 7], [9, 11, 13, 15], [17, 19, 21, 0]]
    told = found[0]["told"]
    assert sorted(i for i, _, _ in told) == list(range(24))
    for i, task, score in told:
        assert -score == pytest.approx(task + i // 8 / 100, abs=1e-4)
    assert found[1]["told"] == []


def test_a_run_goes_on_within_a_pass(found):
    assert [each["again"] for each in found] == [[[1, 3, 5, 7]], [[2, 4, 6, 8]]]
    assert found[0]["rest"] == [[9, 11, 13, 15], [17, 19, 21, 0]]
    assert found[1]["rest"] == [[10, 12, 14, 16], [18, 20, 22, 1]]


def test_rows_that_were_read_ahead_come_again_on_their_rank(found):
    for each in found:
        before, after = each["read ahead"]
        assert before == after
    assert found[0]["read ahead"][0] == [2, 4, 6, 8]


def test_each_rank_measures_a_share(found):
    first, second = (each["measured"] for each in found)
    together = first + second
    assert len(first) == len(second) == len(set(together)) // 2
    trained = found[0]["hard"] + found[1]["hard"]
    assert sorted(trained) == sorted(together)[-len(trained) :]


def test_ranks_that_are_out_of_step_say_so(found):
    for each in found:
        assert "got ['takes examples', 'tells of losses'] on ranks 0 to 1" in each["out of step"]
        assert "the same num_workers" in each["out of step"]


def test_a_weigher_is_one_of_each_rank(found):
    assert "make a weigher on each rank" in found[0]["refused"]


def test_a_single_process_is_alone():
    alone = ranks_here()
    assert isinstance(alone, Alone)
    assert alone.spread(np.array([1])).tolist() == [1]
    assert alone.collect(np.ones((2, 3))).shape == (2, 3)
    assert len(sampler("rows", listening())) == N


def test_the_state_of_another_number_of_processes_is_refused():
    check_size(Alone(), 1)
    made = sampler("rows", listening())
    with pytest.raises(ValueError, match="expected the state of a run of 1 processes, got one of 2"):
        made.load_state_dict({**made.state_dict(), "ranks": 2})
