from functools import partial

import numpy as np
import pytest
import torch
from faulty import DIE, GOOD, HANG, HANG_AT_RESET, RESET, REWARD, SEEN, STEP, faulty

from teacherstudent.contract.accounts.failures import Failures, TooManyFailedTasksError
from teacherstudent.contract.purposes import Purpose
from teacherstudent.contract.types import Assignment
from teacherstudent.slots.failures import Failed, Fault, failed_slots, tolerate
from teacherstudent.slots.requests import TaskError
from teacherstudent.slots.tensor_envs import HostTensorEnvs
from teacherstudent.students.rollouts.play import measured, play, play_all
from teacherstudent.students.rsl_rl.play import play_tensors


def started(kinds, *, processes=1, timeout=None):
    family = faulty(high=0.8, step_timeout=timeout)
    vec = family.make_vec(len(kinds), processes=processes)
    tolerate(vec, True)
    return vec, *vec.reset(seed=0, options={"task": np.array(kinds)[:, None]})


def stepped(vec, times=1):
    for _ in range(times):
        found = vec.step(np.zeros(vec.num_envs, int))
    return found


@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (STEP, "step raised ZeroDivisionError: ground gone"),
        (REWARD, "step: expected a finite reward, got nan"),
        (SEEN, "step: expected a finite observation"),
    ],
)
def test_a_slot_that_fails_is_cut_and_parked_and_the_others_go_on(kind, words, processes):
    vec, _, _ = started([GOOD, kind, GOOD, GOOD], processes=processes)
    before = stepped(vec, 2)[0]
    obs, rewards, terminated, truncated, infos = stepped(vec)
    failed = failed_slots(infos)
    assert failed.slots.tolist() == [1]
    assert failed.blamed.tolist() == [True]
    assert f"slot 1, task [{kind}]: {words}" in failed.errors[0]
    assert truncated.tolist() == [False, True, False, False]
    assert not terminated.any()
    assert rewards[1] == 0
    assert obs[1] == before[1]
    assert obs[0] != before[0]
    again = stepped(vec)
    assert failed_slots(again[4]) is None
    assert again[0][1] == before[1]
    assert not again[3].any()
    mask = np.array([False, True, False, False])
    obs, infos = vec.reset(options={"reset_mask": mask, "task": np.full((4, 1), GOOD)})
    assert failed_slots(infos) is None
    assert stepped(vec)[1][1] == pytest.approx(GOOD)
    vec.close()


def test_slots_that_are_named_again_are_told_from_new_ones():
    failed = Failed(np.array([1, 2, 4]), ["one", "two", "four"], np.array([True, False, True]))
    known = np.array([False, False, True, True, False])
    fresh = failed.fresh(known)
    assert fresh.slots.tolist() == [1, 4]
    assert fresh.errors == ["one", "four"]
    assert fresh.blamed.tolist() == [True, True]
    assert known.tolist() == [False, False, True, True, False]
    again = failed.fresh(np.ones(5, np.bool_))
    assert (len(again.slots), again.errors, len(again.blamed)) == (0, [], 0)


@pytest.mark.parametrize("processes", [1, 2])
def test_a_slot_that_does_not_start_is_named_and_parked(processes):
    vec, _, infos = started([GOOD, RESET, RESET], processes=processes)
    failed = failed_slots(infos)
    assert failed.slots.tolist() == [1, 2]
    assert "slot 2, task [0.15000000000000002]: reset raised ValueError: no ground" in failed.errors[1]
    assert stepped(vec)[1].tolist() == pytest.approx([GOOD, 0, 0])
    vec.close()


@pytest.mark.parametrize(
    ("kind", "words"), [(DIE, "it died with exit code 3"), (HANG, r"expected an answer within 1 s")]
)
def test_a_process_that_ends_or_hangs_is_started_anew(kind, words):
    vec, _, _ = started([GOOD, GOOD, kind, GOOD], processes=2, timeout=1.0)
    before = stepped(vec, 2)[0]
    obs, rewards, _, truncated, infos = stepped(vec)
    failed = failed_slots(infos)
    assert failed.slots.tolist() == [2, 3]
    assert failed.blamed.tolist() == [True, False]  # the other one only shared the process
    assert f"process of slots 2 to 3: slot 2, task [{kind}]: " in failed.errors[0]
    assert words in failed.errors[0]
    assert truncated.tolist() == [False, False, True, True]
    assert rewards.tolist() == pytest.approx([GOOD, GOOD, 0, 0])
    assert obs[2:].tolist() == before[2:].tolist()
    assert failed_slots(stepped(vec)[4]) is None
    vec.reset(options={"reset_mask": np.array([False, False, True, False]), "task": np.full((4, 1), GOOD)})
    assert stepped(vec)[1].tolist() == pytest.approx([GOOD, GOOD, GOOD, 0])
    vec.close()


def test_what_a_process_loses_while_another_slot_starts_is_cut_at_the_next_step():
    vec, _, _ = started([GOOD, GOOD], timeout=1.0)
    stepped(vec)
    mask = np.array([True, False])
    _, infos = vec.reset(options={"reset_mask": mask, "task": np.full((2, 1), HANG_AT_RESET)})
    assert failed_slots(infos).slots.tolist() == [0]
    assert "slot 0" in failed_slots(infos).errors[0]
    _, rewards, _, truncated, infos = stepped(vec)
    failed = failed_slots(infos)
    assert failed.slots.tolist() == [1]
    assert not failed.blamed[0]
    assert truncated.tolist() == [False, True]
    assert rewards.tolist() == [0, 0]
    vec.close()


def test_without_tolerance_a_hang_is_an_error_that_names_slots_and_tasks():
    vec = faulty(high=0.8, step_timeout=1.0).make_vec(2)
    vec.reset(seed=0, options={"task": [[GOOD], [HANG]]})
    with pytest.raises(TaskError, match=r"slots 0 to 1: slot 1, task \[0.65.*within 1 s \(step_timeout\)"):
        stepped(vec, 3)
    vec.close()


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), "3", True])
def test_a_time_limit_is_a_number_above_zero(seconds):
    with pytest.raises(ValueError, match="step_timeout: expected seconds above 0, or None, got"):
        faulty(step_timeout=seconds)


def players(family, slots):
    vec = family.make_vec(slots)

    def on_arrays(tasks, seeds, failed, **more):
        act = lambda obs, first: np.zeros(slots, int)  # noqa: E731
        return play(vec, act, tasks, seeds, mastered=None, failed=failed, **more)

    def on_tensors(tasks, seeds, failed, **more):
        act = lambda obs, first: torch.zeros(slots, dtype=torch.int64)  # noqa: E731
        envs = HostTensorEnvs(vec, torch.device("cpu"))
        return play_tensors(envs, act, tasks, seeds, mastered=None, failed=failed, **more)

    return on_arrays, on_tensors


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("slots", [1, 2, 8])
@pytest.mark.parametrize(
    "kinds", [[RESET, GOOD, STEP, GOOD, GOOD], [GOOD, RESET], [RESET, RESET, RESET], [STEP, STEP], [RESET]]
)
def test_what_fails_is_played_around(kinds, slots, which):
    once = players(faulty(), slots)[which]
    failed = {}
    found = once(np.array(kinds)[:, None], np.arange(len(kinds)), failed)
    bad = [k for k, kind in enumerate(kinds) if kind != GOOD]
    assert sorted(failed) == bad
    assert np.isnan(found.score).nonzero()[0].tolist() == bad
    good = np.setdiff1d(np.arange(len(kinds)), bad)
    assert found.score[good] == pytest.approx(6 * GOOD, abs=1e-5)
    assert (found.cost[good] == 6).all()
    with pytest.raises(TaskError, match=r"slot \d, task"):
        once(np.array(kinds)[:, None], np.arange(len(kinds)), None)


def test_a_test_task_that_fails_is_played_again_and_then_named():
    once, calls = players(faulty(), 2)[0], []

    def flaky(tasks, seeds, failed):
        calls.append((tasks[:, 0].tolist(), seeds.tolist()))
        found = once(tasks, seeds, failed)
        if len(calls) < 3:
            failed[len(tasks) - 1] = Fault("the simulator crashed", blamed=True)
            found.score[len(tasks) - 1] = np.nan
        return found

    tasks, seeds = np.array([[0.01], [0.05]]), np.array([7, 8])
    found = play_all(flaky, tasks, seeds)
    assert calls == [([0.01, 0.05], [7, 8]), ([0.05], [8]), ([0.05], [8])]
    assert found.score.tolist() == once(tasks, seeds, {}).score.tolist()
    with pytest.raises(TaskError, match=r"test task 1, \[0\.25.*failed 3 times.*ground gone"):
        play_all(once, np.array([[0.01], [STEP]]), seeds)


@pytest.mark.parametrize("which", [0, 1])
def test_a_test_task_beside_one_that_ends_its_process_is_not_to_blame(which):
    once = players(faulty(high=0.8, step_timeout=60), 2)[which]
    tasks = np.array([[GOOD], [DIE]])
    failed = {}
    once(tasks, np.arange(2), failed)
    assert [failed[row].blamed for row in (0, 1)] == [False, True]
    with pytest.raises(TaskError, match=r"test task 1, \[0\.55.*failed 3 times.*died with exit code 3"):
        play_all(once, tasks, np.arange(2))


def test_test_tasks_that_are_cut_are_played_again_as_often_as_it_takes():
    once, calls = players(faulty(), 2)[0], []

    def flaky(tasks, seeds, failed):
        calls.append(len(tasks))
        found = once(tasks, seeds, failed)
        # The second and the third task in turn end the process of all, twice each.
        if len(calls) < 5:
            failed |= dict.fromkeys(range(3), Fault("shared a process", blamed=False))
            failed[1 + len(calls) % 2] = Fault("died", blamed=True)
        return found

    tasks, seeds = np.array([[0.01], [0.05], [0.09]]), np.arange(3)
    found = play_all(flaky, tasks, seeds)
    assert calls == [3, 3, 3, 3, 3]
    assert found.score.tolist() == once(tasks, seeds, {}).score.tolist()


def test_retries_of_a_test_end_where_no_task_of_it_is_to_blame():
    once = players(faulty(), 2)[0]

    def cut(tasks, seeds, failed):
        failed[0] = Fault("a process died", blamed=False)
        return once(tasks, seeds, failed)

    with pytest.raises(TaskError, match=r"test task 0.*failed 3 times.*a process died"):
        play_all(cut, np.array([[0.01]]), np.arange(1))


@pytest.mark.parametrize("which", [0, 1])
def test_a_measured_task_that_was_only_cut_does_not_count_as_failed(which):
    once = players(faulty(high=0.8, step_timeout=60), 2)[which]
    failures = Failures()
    failures.limit = 1
    tasks = np.array([[GOOD], [DIE]])
    purpose = np.full(2, Purpose.MEASURE, np.uint8)
    found, _ = measured(Assignment(ids=np.array([4, 7]), tasks=tasks, purpose=purpose), once, (), failures)
    assert len(found) == 0
    assert failures.count == 1
    assert [(one.id, one.blamed) for one in failures.take()] == [(4, False), (7, True)]


@pytest.mark.parametrize("which", [0, 1])
def test_an_episode_without_an_end_is_cut_with_a_warning(which):
    family = faulty(max_episode_steps=10**9)
    once = partial(players(family, 2)[which], most_steps=4)
    with pytest.warns(UserWarning, match="an episode was cut at 4 steps, as nothing ended it"):
        found = once(np.full((3, 1), GOOD), np.arange(3), {})
    assert found.cost.tolist() == [4, 4, 4]
    assert found.score == pytest.approx(4 * GOOD, abs=1e-5)


def test_more_failures_than_allowed_raise_with_the_list():
    failures, other = Failures(), Failures()
    assert not failures.allowed
    other.join(failures)
    failures.limit = 2
    other.add(np.array([4, -1]), np.zeros((2, 1)), ["first", "second"])
    failures.add(np.array([5]), np.zeros((1, 1)), ["shared a process"], False)
    assert (failures.count, failures.left, other.allowed) == (2, 0, True)
    assert [one.id for one in failures.take()] == [4, -1, 5]
    with pytest.raises(TooManyFailedTasksError, match=r"expected at most 2 tasks.*got 3.*\n.*third"):
        other.add(np.array([6]), np.zeros((1, 1)), ["third"])
    assert [one.error for one in failures.take()] == ["third"]
