"""What slots that are stepped together share: seeds, episodes, tasks, states."""

import numpy as np
import pytest
from counting import Counts

from teacherstudent.contract.family import Snapshot
from teacherstudent.simulation.counters import uniform_array


def test_a_slot_that_is_not_seeded_goes_on():
    slots, mask = Counts(3), np.array([True, False, True])
    first = slots.reset(seed=[4, 5, 6])[1]["task"]
    second, told = slots.reset(seed=[4, 5, None], options={"reset_mask": mask})
    drawn = [uniform_array(np.uint64([seed]), np.array([k]), np.array([0])) for seed, k in ((4, 0), (6, 1))]
    assert told["task"][[0, 2], 0].tolist() == np.concatenate(drawn).tolist()
    assert told["task"][1] == 0  # it was not started
    assert told["task"][0] == first[0]
    assert told["_task"].tolist() == mask.tolist()
    state = slots.get_state()
    assert state["seed"].tolist() == [4, 5, 6]
    assert state["episode"].tolist() == [0, 0, 1]
    assert state["task"][1] == first[1]
    assert second.tolist() == [[0.0]] * 3


def test_tasks_that_are_given_are_played():
    slots = Counts(2)
    _, told = slots.reset(options={"task": [[0.25], [0.5]]})
    assert told["task"].tolist() == [[0.25], [0.5]]
    slots.step([1, 1])
    assert slots.step([1, 0])[0].tolist() == [[0.5], [0.5]]


def test_states_are_copies_and_continue_exactly():
    first, second = Counts(2), Counts(2)
    assert isinstance(first, Snapshot)
    first.reset(seed=0)
    first.step([1, 0])
    first.notes[:] = [7, 8]
    state = first.get_state()
    assert sorted(state) == ["done", "episode", "notes", "seed", "steps", "task"]
    kept = {name: values.copy() for name, values in state.items()}
    second.set_state(state)
    assert second.notes.tolist() == [7, 8]
    for actions in ([1, 1], [0, 1]):
        assert all(map(np.array_equal, first.step(actions)[:4], second.step(actions)[:4]))
    again = [slots.reset(options={"reset_mask": np.array([True, False])})[1] for slots in (first, second)]
    assert np.array_equal(again[0]["task"], again[1]["task"])
    assert all(np.array_equal(values, kept[name]) for name, values in state.items())


def test_states_of_other_slots_are_refused():
    slots = Counts(2)
    with pytest.raises(ValueError, match=r"state: task: expected shape \(2, 1\), got \(3, 1\)"):
        slots.set_state(Counts(3).get_state())
    state = slots.get_state()
    with pytest.raises(ValueError, match=r"state: notes: expected shape \(2,\), got \(1,\)"):
        slots.set_state(state | {"notes": np.zeros(1)})
    del state["notes"]
    with pytest.raises(ValueError, match=r"count state: expected .* missing .*notes"):
        slots.set_state(state)
    with pytest.raises(ValueError, match="n: expected at least 1 slot, got 0"):
        Counts(0)
