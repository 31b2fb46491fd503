"""Playing a given list of tasks once each, for tests and for measuring without training."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np

from teacherstudent.contract.accounts.failures import Failures
from teacherstudent.contract.purposes import measured_costs
from teacherstudent.contract.types import (
    UNASKED,
    Array,
    Assignment,
    BoolArray,
    FloatArray,
    IntArray,
    Outcomes,
)
from teacherstudent.slots.failures import Failed, Fault, failed_slots, tolerate
from teacherstudent.slots.narrowing import LiveSlots
from teacherstudent.slots.requests import MOST_STEPS, TaskError

Act = Callable[[Any, BoolArray], Array]
"""Gives actions ``(slots, ...)`` for observations; the flags say which slots start an episode."""
ATTEMPTS = 3
"""How often the environment may fail on a test task before the test is given up."""


def play(
    envs: gym.vector.VectorEnv[Any, Any, Any],
    act: Act,
    tasks: Array,
    seeds: Sequence[int] | IntArray,
    *,
    mastered: float | None,
    failed: dict[int, Fault] | None = None,
    most_steps: int = MOST_STEPS,
) -> Outcomes:
    """Play each task once and return its outcome, in the order given.

    Slots that run out of tasks wait until the last one has finished; where they cannot be left out
    (`teacherstudent.contract.family.Narrows`), they play the first task again, unseen.

    Args:
        envs: a vector environment as `RLFamily.make_vec` gives it.
        act: the policy.
        tasks: ``(n, *space.shape)``, n at least 1.
        seeds: one environment seed for each task, so that an outcome does not depend on the slot.
        mastered: the return above which an episode is a success, unless the environment says ``is_success``.
        failed: what happened is put here under the rows of tasks whose environment fails; their score is NaN.
            None raises instead.
        most_steps: an episode that is longer is cut there, with a warning.

    Raises:
        EpisodeError: if a reward is not finite.
        TaskError: if an environment fails, and ``failed`` is None.
    """
    # A dictionary for failures says that the caller can go on without those tasks.
    tolerate(envs, failed is not None)
    live = LiveSlots(envs)
    episodes = _Episodes(
        live, envs.num_envs, tasks, np.asarray(seeds, np.int64), {} if failed is None else failed
    )
    first = np.ones(envs.num_envs, np.bool_)
    obs, first = episodes.start(first)
    while episodes.left:
        obs, rewards, terminated, truncated, info = live.step(act(obs, first))
        first = episodes.step(rewards, np.asarray(terminated | truncated), info, mastered, most_steps)
        # After the last task nothing starts again: what the other slots play is unseen.
        if first.any() and episodes.left:
            obs, first = episodes.start(first)
    return episodes.outcomes(mastered)


class _Episodes:
    """What is played in which slot, and what has come of it.

    Attributes:
        left: how many tasks are not finished.
    """

    def __init__(
        self, envs: LiveSlots, slots: int, tasks: Array, seeds: IntArray, failed: dict[int, Fault]
    ) -> None:
        n = len(tasks)
        self._envs = envs
        self._tasks = tasks
        self._seeds = seeds
        self._failed = failed
        self._returns = np.zeros(n)
        self._success = np.zeros(n, np.bool_)
        self._lengths = np.zeros(n, np.int64)
        # The row that a slot plays; -1 for what nobody sees.
        self._playing = np.full(slots, -1)
        self._next = 0
        self.left = n

    def start(self, mask: BoolArray) -> tuple[Any, BoolArray]:
        """Start the next tasks in the slots of the mask; return observations and which slots have started.

        Where an environment fails to start, the slot takes the task after; unseen ones are left alone.
        """
        waiting = mask.copy()
        started = mask.copy()
        while True:
            n = len(self._tasks)
            # Number the waiting slots on from the next task; numbers past the last task are unseen fillers.
            fresh = np.arange(self._next, self._next + int(waiting.sum()))
            self._playing[waiting] = np.where(fresh < n, fresh, -1)
            self._next = min(n, self._next + len(fresh))
            # Unseen slots need not play at all where they can be left out.
            if self._envs.narrows:
                waiting &= self._playing >= 0
                if not waiting.any():
                    return self._leave_unseen(), started
            obs, info = _start(self._envs, waiting, self._tasks, self._seeds, self._playing)
            found = failed_slots(info)
            if found is None:
                return self._leave_unseen(), started
            seen = self._give_up(found)
            # Only slots whose seen task failed try again: an unseen one may stay parked.
            waiting = np.zeros(len(mask), np.bool_)
            waiting[seen] = True
            if not self.left or not waiting.any():
                return obs, started

    def _leave_unseen(self) -> Any:
        """Leave the slots behind that nobody sees, where that is possible; return the observations of all."""
        if self._envs.narrows:
            self._envs.leave(self._playing < 0)
        return self._envs.observations

    def _give_up(self, found: Failed) -> IntArray:
        """Write down what failed, and return which of the slots played something that is seen."""
        slots = found.slots
        seen = self._playing[slots] >= 0
        for slot, fault in found.faults():
            row = int(self._playing[slot])
            if row >= 0:
                self._failed[row] = fault
        self.left -= int(seen.sum())
        chosen: IntArray = slots[seen]
        # Nothing that a parked slot shows counts.
        self._playing[slots] = -1
        return chosen

    def step(
        self, rewards: Array, done: BoolArray, info: dict[str, Any], mastered: float | None, most_steps: int
    ) -> BoolArray:
        """Count a step in, and return which slots are to start their next task."""
        live = self._playing >= 0
        playing = self._playing
        # Unseen slots play row 0, so that row is named if their reward is bad.
        check_rewards(rewards, self._tasks[np.maximum(playing, 0)])
        self._returns[playing[live]] += rewards[live]
        self._lengths[playing[live]] += 1
        if (found := failed_slots(info)) is not None:
            # A failure is no end of an episode: it has no score, and its slot starts the next task.
            done[found.slots] = False
            restart = self._give_up(found)
            live[found.slots] = False
        # Nothing has ended these episodes, and without a cut the test would never end.
        over = live & ~done
        over[live] &= self._lengths[playing[live]] >= most_steps
        if over.any():
            warnings.warn(CUT_WORDS.format(steps=most_steps), stacklevel=4)
            done |= over
        if done.any():
            ended = playing[done & live]
            self.left -= len(ended)
            if mastered is not None:
                slots = np.flatnonzero(done & live)
                self._success[ended] = successes(slots, self._returns[ended], info, mastered)
        if found is not None:
            # Only now: these slots start anew, but must not count among the episodes that ended.
            done[restart] = True
        return done

    def outcomes(self, mastered: float | None) -> Outcomes:
        """Return all tasks' outcomes; those that failed have NaN for score."""
        failed = list(self._failed)
        # The sums of a failed task stop in the midst of an episode and mean nothing.
        self._returns[failed] = np.nan
        signals: dict[str, Array] = {"length": self._lengths}
        if mastered is not None:
            signals["success"] = self._success
        return Outcomes(
            ids=np.full(len(self._tasks), UNASKED),
            tasks=self._tasks,
            score=self._returns,
            cost=self._lengths.astype(np.float64),
            signals=signals,
        )


CUT_WORDS = (
    "an episode was cut at {steps} steps, as nothing ended it: the family's environments need a time limit "
    "(max_episode_steps)"
)

Play = Callable[[Array, IntArray, dict[int, Fault]], Outcomes]
"""Plays tasks with seeds, and fills in what failed, as `play` does."""


def play_all(once: Play, tasks: Array, seeds: IntArray) -> Outcomes:
    """Play each task; one whose environment fails is played again with the same seed, until it fails 3 times.

    A task that was only cut, since another one ended the process of both, is played again as well, and that
    does not count as a failure of its own.

    Raises:
        TaskError: if one still fails. A test that lacks a task could not be compared with others.
    """
    failed: dict[int, Fault] = {}
    found = once(tasks, seeds, failed)
    failures = np.zeros(len(tasks), np.int64)
    while failed:
        _count_failures(failures, failed, tasks)
        # Sorted, so that a retry does not depend on the order in which tasks failed.
        rows = np.array(sorted(failed))
        failed_again: dict[int, Fault] = {}
        again = once(tasks[rows], seeds[rows], failed_again)
        found = _put(found, rows, again)
        # Lead the places among the retried tasks back to rows of all tasks.
        failed = {int(rows[k]): fault for k, fault in failed_again.items()}
    return found


def _count_failures(failures: IntArray, failed: Mapping[int, Fault], tasks: Array) -> None:
    """Count the failures of a round of tests by task; raise TaskError if a task has failed too often."""
    counted = {row: fault for row, fault in failed.items() if fault.blamed}
    # If what ended a process was played unseen, nobody is to blame: all count, so that retries end.
    if not counted:
        counted = dict(failed)
    failures[list(counted)] += 1
    for row, fault in sorted(counted.items()):
        if failures[row] == ATTEMPTS:
            raise TaskError(
                f"test task {row}, {tasks[row].tolist()}: its environment failed {ATTEMPTS} times, and a "
                "test needs all of its tasks: mend the environment, or leave the task out. The last time: "
                f"{fault.error}"
            )


def _put(outcomes: Outcomes, rows: IntArray, others: Outcomes) -> Outcomes:
    """Return outcomes in which some rows are replaced."""
    # Copies, as others may hold these outcomes.
    columns = {name: getattr(outcomes, name).copy() for name in ("score", "cost")}
    signals = {name: values.copy() for name, values in outcomes.signals.items()}
    for name, values in columns.items():
        values[rows] = getattr(others, name)
    for name, values in signals.items():
        values[rows] = others.signals[name]
    return dataclasses.replace(outcomes, **columns, signals=signals)


def slots_for(tasks: int, most: int) -> int:
    """Return in how many slots to play tasks: a power of two that holds them, at most ``most``.

    It follows from the number of tasks alone, so that as many actions are drawn after a resume; slots without
    a task idle at the full price of a step, so that thousands of slots for 50 test tasks would be a waste.
    """
    # The bit length of n - 1 is the exponent of the next power of two.
    return min(1 << (tasks - 1).bit_length(), most)


def measured(
    assignment: Assignment,
    play: Callable[[Array, IntArray, dict[int, Fault] | None], Outcomes],
    signals: Collection[str],
    failures: Failures,
) -> tuple[Outcomes, dict[str, float]]:
    """Return what an assignment's tasks brought that were played without training, and costs by purpose.

    Rows that failed are noted and left out; their cost counts. Seeds are drawn from NumPy's global generator.

    Args:
        assignment: the rows to play.
        play: takes tasks, seeds, and where it notes rows that fail (None: it raises).
        signals: names of what rows carry; signals that play does not give are NaN: not measured.
        failures: of the student.

    Raises:
        TooManyFailedTasksError: if more have failed than are allowed.
    """
    seeds = np.random.randint(2**31, size=len(assignment))  # noqa: NPY002  # a student swaps its own in
    # With a dictionary failures are noted; None makes the first one raise.
    failed: dict[int, Fault] | None = {} if failures.allowed else None
    played = play(assignment.tasks, seeds, failed)
    missing = {name: np.full(len(played), np.nan) for name in signals if name not in played.signals}
    found = {**played.signals, **missing}
    outcomes = Outcomes.of(assignment, score=played.score, cost=played.cost, signals=found)
    costs = measured_costs(assignment.purpose, played.cost)
    return reported(outcomes, failed or {}, failures), costs


def reported(outcomes: Outcomes, failed: Mapping[int, Fault], failures: Failures) -> Outcomes:
    """Return the outcomes without the rows that failed, which are noted.

    Raises:
        TooManyFailedTasksError: if more have failed than are allowed.
    """
    if not failed:
        return outcomes
    rows = np.array(sorted(failed))
    faults = [failed[row] for row in rows.tolist()]
    errors = [fault.error for fault in faults]
    blamed = np.array([fault.blamed for fault in faults])
    failures.add(outcomes.ids[rows], outcomes.tasks[rows], errors, blamed)
    return outcomes.select(np.delete(np.arange(len(outcomes)), rows))


class EpisodeError(RuntimeError):
    """An environment returned what is no reward; the message names slot and task."""


def check_rewards(rewards: Array, tasks: Array | None) -> None:
    """Raise EpisodeError unless all rewards ``(slots,)`` are finite."""
    finite = np.isfinite(rewards)
    if not finite.all():
        slot = int(np.flatnonzero(~finite)[0])
        task = None if tasks is None else tasks[slot].tolist()
        raise EpisodeError(f"slot {slot}, task {task}: expected a finite reward, got {rewards[slot]}")


def successes(slots: IntArray, returns: FloatArray, info: dict[str, Any], mastered: float) -> BoolArray:
    """Return which slots' episodes succeeded: ``is_success`` where it is said, else return > mastered."""
    reached = np.asarray(returns > mastered)
    if "is_success" not in info:
        return reached
    value = np.asarray(info["is_success"]).astype(np.bool_)
    # Without the mask every slot has reported.
    told = np.asarray(info.get("_is_success", np.ones(len(value))), np.bool_)
    return np.where(told[slots], value[slots], reached)


def _start(
    envs: LiveSlots,
    mask: BoolArray,
    tasks: Array,
    seeds: IntArray,
    playing: IntArray,
) -> tuple[Any, dict[str, Any]]:
    """Start in the masked slots the tasks that ``playing`` names; -1 starts the first one."""
    # The first task stands in where a slot plays nothing; a seed of -1 leaves other slots alone.
    which = np.maximum(playing, 0)
    numbers = np.where(mask, seeds[which], -1)
    options = {"reset_mask": mask, "task": tasks[which]}
    return envs.reset(seed=numbers, options=options)
