"""Spreads the slots of a vector environment over processes: each steps a group of slots."""

from __future__ import annotations

import contextlib
import multiprocessing
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import VectorEnv
from gymnasium.vector.utils import batch_space, concatenate, create_empty_array, iterate

from teacherstudent.contract.checks import check_names
from teacherstudent.contract.student import Compiles
from teacherstudent.contract.types import BoolArray, State
from teacherstudent.slots.failures import add_failures
from teacherstudent.slots.processes.groups import ProcessGroups, check_timeout
from teacherstudent.slots.processes.worker import Blocks, MakeGroup
from teacherstudent.slots.requests import SlotSeeds, Step, check_slots, slot_mask, slot_seeds, slot_tasks


class ProcessSlots(VectorEnv[Any, Any, Any]):
    """Steps groups of slots in ``processes`` processes, each as one vector environment.

    Behaves as the groups do; the slots are split as evenly as possible, in order. Tasks, seeds and masks are
    checked here first, so that a refused reset leaves every group untouched. Actions and observations that
    are plain arrays go through shared memory, others through pipes. Processes start as `multiprocessing` is
    set to start them; other ways than "fork" need the usual ``if __name__ == "__main__"`` in scripts. They
    end with this process, however it ends.

    Implements `teacherstudent.slots.failures.Tolerant`, where a process that dies or hangs is started anew
    with all its slots parked; its other slots are named in the infos as cut.

    Attributes:
        step_timeout: as given.

    Args:
        make: returns one group; carried to the processes by cloudpickle, and called here once for the spaces.
        n: number of slots.
        processes: number of processes, 1 to ``n``.
        space: the task space.
        step_timeout: seconds that a process may take for one step or reset of all its slots; None for no end.
            The building of a group may take 120 seconds if that is more.

    Raises:
        TaskError: from `reset` and `step`, if an environment fails on a task, as in the group's own process,
            or takes too long; unless it is tolerant.
        RuntimeError: if a process raised something else, or died (unless it is tolerant), or a group cannot
            be built, or not within the time.
        ValueError: if the time limit is not above 0.
    """

    def __init__(
        self,
        make: MakeGroup,
        n: int,
        *,
        processes: int,
        space: gym.Space[Any],
        step_timeout: float | None = None,
    ) -> None:
        check_slots(n, processes)
        self.step_timeout = check_timeout(step_timeout)
        self.num_envs = n
        self.task_space = space
        # `array_split` spreads the remainder, so that sizes differ by one at most.
        sizes = [len(part) for part in np.array_split(np.arange(n), processes)]
        ends = np.cumsum([0, *sizes]).tolist()
        self._bounds: list[tuple[int, int]] = list(pairwise(ends))
        # This group of one slot is built only to read spaces and metadata from it.
        with contextlib.closing(make(1, first_slot=0)) as one:
            self.single_observation_space = one.single_observation_space
            self.single_action_space = one.single_action_space
            self.observation_space = batch_space(self.single_observation_space, n)
            self.action_space = batch_space(self.single_action_space, n)
            self.metadata = one.metadata
            self.render_mode = one.render_mode
            self._compiles = isinstance(one, Compiles)
            self._blocks = Blocks.of(multiprocessing.get_context(), one, n)
        # Observations that do not fit into shared memory come through the pipes and are kept here.
        self._parts: list[Any] = [
            create_empty_array(self.single_observation_space, n=size, fn=np.zeros) for size in sizes
        ]
        # No environment is being called yet.
        self._blocks.current.array()[:] = -1
        # Slots of processes started anew, until they are reset.
        self._parked = np.zeros(n, np.bool_)
        # Slots whose process ended while others were reset.
        self._cut_later: dict[int, str] = {}
        self._processes = ProcessGroups(make, self._bounds, self._blocks, timeout=self.step_timeout)

    @property
    def tolerant(self) -> bool:
        """Whether a failing environment raises nothing."""
        return self._processes.tolerant

    @tolerant.setter
    def tolerant(self, yes: bool) -> None:
        # Processes that are started anew later must know it as well.
        self._processes.tolerant = yes
        self._processes.all("tolerate", yes)

    def reset(
        self, *, seed: SlotSeeds = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Start an episode in every slot of the mask (all without one), each on its own task."""
        options = dict(options or {})
        seeds = slot_seeds(seed, self.num_envs)
        mask = slot_mask(options, self.num_envs)
        tasks = slot_tasks(self.task_space, options, mask)
        arguments = {}
        for k, (lo, hi) in enumerate(self._bounds):
            # A process gets its own rows of tasks, seeds and mask, and no message if none of its slots
            # starts.
            if mask[lo:hi].any():
                own = options | {"reset_mask": mask[lo:hi]}
                if tasks is not None:
                    own["task"] = tasks[lo:hi]
                arguments[k] = (seeds[lo:hi], own)
        self._processes.remember(tasks, mask)
        # A reset ends the parking, and a cut that was not shown yet no longer matters.
        self._parked &= ~mask
        self._cut_later = {slot: error for slot, error in self._cut_later.items() if not mask[slot]}
        return self._seen(*self._play("reset", arguments, mask))

    def step(self, actions: Any) -> Step:
        """Step every slot; every slot must have an episode in flight, or be parked."""
        live = self._live()
        arguments: dict[int, Any] = dict.fromkeys(live)
        # Actions that are no plain array go through the pipes.
        if self._blocks.actions is None:
            arguments = {k: self._rows(actions, *self._bounds[k]) for k in live}
            command: str | None = "step"
        else:
            self._blocks.actions.array()[:] = actions
            command = None
        answers, errors, cut = self._play(command, arguments, ~self._parked)
        # Slots whose process ended during a reset show their cut in the first step after it.
        for slot, error in self._cut_later.items():
            self._show_cut(slot, slot + 1, np.ones(1, np.bool_))
            errors[slot] = error
            cut[slot] = True
        self._cut_later = {}
        observations, infos = self._seen(answers, errors, cut)
        terminated, truncated = self._blocks.flags.array().copy()
        return observations, self._blocks.rewards.array().copy(), terminated, truncated, infos

    def _live(self) -> list[int]:
        """Return the processes with a slot to step; those of the others get neither reward nor flag."""
        if not self._parked.any():
            return list(range(len(self._bounds)))
        live = []
        for k, (lo, hi) in enumerate(self._bounds):
            if self._parked[lo:hi].all():
                # Nobody writes these rows in this step: clear what the last one left there.
                self._blocks.rewards.array()[lo:hi] = 0.0
                self._blocks.flags.array()[:, lo:hi] = False
            else:
                live.append(k)
        return live

    def compile(self) -> None:
        """Let the groups compile, the first one alone: the others load from disk what it has compiled."""
        if self._compiles:
            self._processes.call("compile", {0: None})
            self._processes.all("compile")

    def render(self) -> tuple[Any, ...]:
        """Return one frame for each slot."""
        return tuple(frame for frames in self._processes.all("render") for frame in frames)

    def close_extras(self, **kwargs: Any) -> None:
        """Stop the processes; one that does not answer is terminated."""
        self._processes.close()

    def _play(
        self, command: str | None, arguments: dict[int, Any], mask: BoolArray
    ) -> tuple[dict[int, Any], dict[int, str], BoolArray]:
        """Reset or step the slots of the mask.

        Returns:
            The answers; what happened to the slots of processes that died or hung, if that is tolerated; and
            ``(n,)`` which of these were cut only.
        """
        answers, gone = self._processes.exchange(command, arguments)
        cut = np.zeros(self.num_envs, np.bool_)
        errors: dict[int, str] = {}
        if gone and not self.tolerant:
            raise next(iter(gone.values()))
        for k, error in gone.items():
            lo, hi = self._bounds[k]
            # Slots of the mask were being played, so the failure is theirs or cut them.
            slots = lo + np.flatnonzero(mask[lo:hi])
            errors |= dict.fromkeys(slots.tolist(), str(error))
            # If one slot is to blame, the others of its process were only cut.
            if (blamed := self._processes.blamed(k)) is not None:
                cut[slots[slots != blamed]] = True
            # Slots outside the mask had episodes under way; the next step must end them.
            others = lo + np.flatnonzero(~mask[lo:hi] & ~self._parked[lo:hi])
            self._cut_later |= dict.fromkeys(others.tolist(), str(error))
            self._processes.restart(k)
            # Only live slots show an end; slots that were parked stay silent.
            self._show_cut(lo, hi, ~self._parked[lo:hi])
            self._parked[lo:hi] = True
        return answers, errors, cut

    def _show_cut(self, lo: int, hi: int, live: BoolArray) -> None:
        """Let a step end the episodes of live slots, without a reward."""
        terminated, truncated = self._blocks.flags.array()
        self._blocks.rewards.array()[lo:hi] = 0.0
        terminated[lo:hi] = False
        truncated[lo:hi] = live

    def _rows(self, actions: Any, lo: int, hi: int) -> Any:
        """Return the actions of slots ``lo`` to ``hi``, as a batch of their own."""
        # Nested spaces cannot be sliced: take them apart row by row.
        rows = list(iterate(self.action_space, actions))[lo:hi]
        empty: Any = create_empty_array(self.single_action_space, n=hi - lo)
        return concatenate(self.single_action_space, rows, empty)

    def _seen(
        self, answers: dict[int, Any], errors: dict[int, str], cut: BoolArray
    ) -> tuple[Any, dict[str, Any]]:
        """Return all slots' latest observations, and the infos of the processes with the errors of others."""
        infos: list[dict[str, Any]] = [{} for _ in self._bounds]
        shared = self._blocks.observations
        for k, answer in answers.items():
            if shared is None:
                self._parts[k], infos[k] = answer
            else:
                infos[k] = answer
        merged = self._merge(infos)
        add_failures(merged, errors, self.num_envs, cut=cut)
        if shared is not None:
            # A copy, as the next step overwrites shared memory.
            return shared.array().copy(), merged
        rows: list[Any] = []
        for part, (lo, hi) in zip(self._parts, self._bounds, strict=True):
            rows += iterate(batch_space(self.single_observation_space, hi - lo), part)
        empty: Any = create_empty_array(self.single_observation_space, n=self.num_envs)
        return concatenate(self.single_observation_space, rows, empty), merged

    def _merge(self, parts: list[dict[str, Any]]) -> dict[str, Any]:
        """Return the groups' infos as one: columns joined, absent ones filled with zeros and a False mask."""
        merged: dict[str, Any] = {}
        for part, (lo, hi) in zip(parts, self._bounds, strict=True):
            for name, column in part.items():
                # Nested infos are merged the same way, level by level.
                if isinstance(column, dict):
                    if name not in merged:
                        merged[name] = self._merge([other.get(name, {}) for other in parts])
                    continue
                if name not in merged:
                    # Columns of objects have no zero, so None stands for absent.
                    fill = None if column.dtype == object else 0
                    merged[name] = np.full((self.num_envs, *column.shape[1:]), fill, column.dtype)
                merged[name][lo:hi] = column
        return merged


def spread(
    make: Callable[..., VectorEnv[Any, Any, Any]],
    n: int,
    *,
    processes: int,
    space: gym.Space[Any],
    group: MakeGroup | None = None,
    kind: type[ProcessSlots] | None = None,
    step_timeout: float | None = None,
) -> VectorEnv[Any, Any, Any]:
    """Return ``n`` slots: made here if one process without a time limit will do, else in other processes.

    This is what a family's ``make_vec`` returns.

    Args:
        make: ``make(n)`` returns all slots in this process.
        n: number of slots.
        processes: number of processes, 1 to ``n``; 1 is this one.
        space: the task space.
        group: ``group(n, first_slot=...)`` returns those of another process (`ProcessSlots`), which share the
            cores: with one thread, say; None is ``make``.
        kind: of slots in other processes; None is `SnapshotProcessSlots`, for slots that can be saved.
        step_timeout: as `ProcessSlots`. With one there is another process in any case: in this one, slots
            that hang could not be interrupted.

    Raises:
        ValueError: if there is no slot, or fewer slots than processes, or the time limit is not above 0.
    """
    check_slots(n, processes)
    if processes == 1 and step_timeout is None:
        return make(n)
    if kind is None:
        kind = SnapshotProcessSlots
    return kind(group or make, n, processes=processes, space=space, step_timeout=step_timeout)


class SnapshotProcessSlots(ProcessSlots):
    """`ProcessSlots` of groups that can be saved and restored (`teacherstudent.contract.family.Snapshot`).

    Their observations must be plain arrays.
    """

    def get_state(self) -> State:
        """Return the groups' states, in order, and the latest observations."""
        assert self._blocks.observations is not None
        return {
            "groups": self._processes.all("get_state"),
            "observations": self._blocks.observations.array().copy(),
        }

    def set_state(self, state: State) -> None:
        """Continue from `get_state` of an environment with the same slots and processes.

        Raises:
            ValueError: if the state is of another number of slots or processes.
        """
        check_names("state", ("groups", "observations"), state)
        groups = state["groups"]
        seen = np.asarray(state["observations"])
        # Check before the first process changes its state.
        if len(groups) != len(self._processes) or seen.shape != self.observation_space.shape:
            raise ValueError(
                f"state: expected {len(self._processes)} groups, one a process, and observations of shape "
                f"{self.observation_space.shape}, got {len(groups)} and {seen.shape}"
            )
        assert self._blocks.observations is not None
        self._processes.call("set_state", dict(enumerate(groups)))
        self._blocks.observations.array()[:] = seen
