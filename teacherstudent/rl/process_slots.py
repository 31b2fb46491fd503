"""Spreads the slots of a vector environment over processes: each steps a group of slots."""

from __future__ import annotations

import contextlib
import multiprocessing
import pickle
from itertools import pairwise
from multiprocessing.connection import Connection
from typing import Any, cast

import gymnasium as gym
import numpy as np
from gymnasium.vector import VectorEnv
from gymnasium.vector.utils import CloudpickleWrapper, batch_space, concatenate, create_empty_array, iterate

from teacherstudent.rl.process_worker import DONE, STEP, Blocks, Job, MakeGroup, work
from teacherstudent.rl.task_slots import (
    SlotSeeds,
    Step,
    TaskError,
    check_slots,
    slot_mask,
    slot_seeds,
    slot_tasks,
)
from teacherstudent.types import State, check_names

_CLOSE_SECONDS = 5.0


class ProcessSlots(VectorEnv[Any, Any, Any]):
    """Steps groups of slots in ``processes`` processes, each as one vector environment.

    Behaves as the groups do; the slots are split as evenly as possible, in order. Tasks, seeds and masks are
    checked here first, so that a refused reset leaves every group untouched. Actions and observations that
    are plain arrays go through shared memory, others through pipes. Processes start as `multiprocessing` is
    set to start them; other ways than "fork" need the usual ``if __name__ == "__main__"`` in scripts.

    Args:
        make: returns one group; carried to the processes by cloudpickle, and called here once for the spaces.
        n: number of slots.
        processes: number of processes, 1 to ``n``.
        space: the task space.

    Raises:
        TaskError: from `reset` and `step`, if an environment fails on a task, as in the group's own process.
        RuntimeError: if a process raised something else, or died.
    """

    def __init__(
        self,
        make: MakeGroup,
        n: int,
        *,
        processes: int,
        space: gym.Space[Any],
    ) -> None:
        check_slots(n, processes)
        self.num_envs = n
        self.task_space = space
        sizes = [len(part) for part in np.array_split(np.arange(n), processes)]
        ends = np.cumsum([0, *sizes]).tolist()
        self._bounds: list[tuple[int, int]] = list(pairwise(ends))
        context: Any = multiprocessing.get_context()
        with contextlib.closing(make(1, first_slot=0)) as one:
            self.single_observation_space, self.single_action_space = (
                one.single_observation_space,
                one.single_action_space,
            )
            self.observation_space = batch_space(self.single_observation_space, n)
            self.action_space = batch_space(self.single_action_space, n)
            self.metadata, self.render_mode = one.metadata, one.render_mode
            self._blocks = Blocks.of(context, one, n)
        self._parts: list[Any] = [
            create_empty_array(self.single_observation_space, n=size, fn=np.zeros) for size in sizes
        ]
        self._pipes: list[Connection] = []
        self._workers: list[Any] = []
        self._start(context, make)

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
            if mask[lo:hi].any():
                own = options | {"reset_mask": mask[lo:hi]}
                arguments[k] = (seeds[lo:hi], own if tasks is None else own | {"task": tasks[lo:hi]})
        return self._seen(self._call("reset", arguments))

    def step(self, actions: Any) -> Step:
        """Step every slot; every slot must have an episode in flight."""
        if self._blocks.actions is None:
            answers = self._call(
                "step", {k: self._rows(actions, *ends) for k, ends in enumerate(self._bounds)}
            )
        else:
            self._blocks.actions.array()[:] = actions
            answers = self._call(None, dict.fromkeys(range(len(self._pipes))))
        observations, infos = self._seen(answers)
        terminated, truncated = self._blocks.flags.array().copy()
        return observations, self._blocks.rewards.array().copy(), terminated, truncated, infos

    def render(self) -> tuple[Any, ...]:
        """Return one frame for each slot."""
        return tuple(frame for frames in self._all("render") for frame in frames)

    def close_extras(self, **kwargs: Any) -> None:
        """Stop the processes; one that does not answer is terminated."""
        for pipe in self._pipes:
            with contextlib.suppress(OSError):  # it is gone already
                pipe.send(("close", None))
        for worker, pipe in zip(self._workers, self._pipes, strict=True):
            worker.join(_CLOSE_SECONDS)
            if worker.is_alive():
                worker.terminate()
                worker.join()
            pipe.close()
        self._pipes, self._workers = [], []

    def _start(self, context: Any, make: MakeGroup) -> None:
        """Start the processes and wait until all have built their groups."""
        carried = cast("Any", CloudpickleWrapper)(make)
        for k, (lo, hi) in enumerate(self._bounds):
            ours, theirs = context.Pipe()
            job = Job(carried, lo, hi, self._blocks)
            worker = context.Process(target=work, args=(theirs, ours, job), daemon=True, name=f"slots-{k}")
            worker.start()
            theirs.close()
            self._pipes.append(ours)
            self._workers.append(worker)
        try:
            self._all("ready")
        except Exception:
            self.close()
            raise

    def _all(self, command: str) -> list[Any]:
        """Send a command to every process and return the answers, in order."""
        return list(self._call(command, dict.fromkeys(range(len(self._pipes)))).values())

    def _call(self, command: str | None, arguments: dict[int, Any]) -> dict[int, Any]:
        """Send a command (None: step on the shared actions) to the processes named; return their answers.

        All answers are read before the first error is raised, so that pipes never hold stale ones.
        """
        if self.closed:
            raise RuntimeError(f"{command or 'step'}: expected an open environment, got a closed one")
        for k, argument in arguments.items():
            with contextlib.suppress(OSError):  # a dead process shows when its answer is read
                self._pipes[k].send_bytes(STEP if command is None else pickle.dumps((command, argument)))
        answers: dict[int, Any] = {}
        errors: list[RuntimeError] = []
        for k in arguments:
            try:
                message = self._pipes[k].recv_bytes()
            except (EOFError, OSError):
                errors.append(self._death(k))
                continue
            kind, answer = ("answer", {}) if message == DONE else pickle.loads(message)
            if kind == "answer":
                answers[k] = answer
            else:
                errors.append(TaskError(answer) if kind == "task" else RuntimeError(answer))
        if errors:
            raise errors[0]
        return answers

    def _death(self, k: int) -> RuntimeError:
        lo, hi = self._bounds[k]
        self._workers[k].join(_CLOSE_SECONDS)
        code = self._workers[k].exitcode
        return RuntimeError(f"process of slots {lo} to {hi - 1}: it died with exit code {code}")

    def _rows(self, actions: Any, lo: int, hi: int) -> Any:
        """Return the actions of slots ``lo`` to ``hi``, as a batch of their own."""
        rows = list(iterate(self.action_space, actions))[lo:hi]
        empty: Any = create_empty_array(self.single_action_space, n=hi - lo)
        return concatenate(self.single_action_space, rows, empty)

    def _seen(self, answers: dict[int, Any]) -> tuple[Any, dict[str, Any]]:
        """Return all slots' latest observations and the infos of the processes that answered."""
        infos: list[dict[str, Any]] = [{} for _ in self._bounds]
        if self._blocks.observations is not None:
            for k, answer in answers.items():
                infos[k] = answer
            return self._blocks.observations.array().copy(), self._merge(infos)
        for k, answer in answers.items():
            self._parts[k], infos[k] = answer
        rows: list[Any] = []
        for part, (lo, hi) in zip(self._parts, self._bounds, strict=True):
            rows += iterate(batch_space(self.single_observation_space, hi - lo), part)
        empty: Any = create_empty_array(self.single_observation_space, n=self.num_envs)
        return concatenate(self.single_observation_space, rows, empty), self._merge(infos)

    def _merge(self, parts: list[dict[str, Any]]) -> dict[str, Any]:
        """Return the groups' infos as one: columns joined, absent ones filled with zeros and a False mask."""
        merged: dict[str, Any] = {}
        for part, (lo, hi) in zip(parts, self._bounds, strict=True):
            for name, column in part.items():
                if isinstance(column, dict):
                    if name not in merged:
                        merged[name] = self._merge([other.get(name, {}) for other in parts])
                    continue
                if name not in merged:
                    fill = None if column.dtype == object else 0
                    merged[name] = np.full((self.num_envs, *column.shape[1:]), fill, column.dtype)
                merged[name][lo:hi] = column
        return merged


class SnapshotProcessSlots(ProcessSlots):
    """`ProcessSlots` of groups that can be saved and restored (`teacherstudent.family.Snapshot`).

    Their observations must be plain arrays.
    """

    def get_state(self) -> State:
        """Return the groups' states, in order, and the latest observations."""
        assert self._blocks.observations is not None
        return {"groups": self._all("get_state"), "observations": self._blocks.observations.array().copy()}

    def set_state(self, state: State) -> None:
        """Continue from `get_state` of an environment with the same slots and processes.

        Raises:
            ValueError: if the state is of another number of slots or processes.
        """
        check_names("state", ("groups", "observations"), state)
        groups, seen = state["groups"], np.asarray(state["observations"])
        if len(groups) != len(self._pipes) or seen.shape != self.observation_space.shape:
            raise ValueError(
                f"state: expected {len(self._pipes)} groups, one a process, and observations of shape "
                f"{self.observation_space.shape}, got {len(groups)} and {seen.shape}"
            )
        assert self._blocks.observations is not None
        self._call("set_state", dict(enumerate(groups)))
        self._blocks.observations.array()[:] = seen
