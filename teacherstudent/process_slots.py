"""Spreads the slots of a vector environment over processes: each holds a group of slots."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import traceback
from multiprocessing.connection import Connection
from typing import Any, Protocol, cast

import gymnasium as gym
import numpy as np
from gymnasium.vector import VectorEnv
from gymnasium.vector.utils import CloudpickleWrapper, batch_space, concatenate, create_empty_array, iterate

from teacherstudent.task_slots import (
    SlotSeeds,
    Step,
    TaskError,
    check_slots,
    slot_mask,
    slot_seeds,
    slot_tasks,
)
from teacherstudent.types import State

_CLOSE_SECONDS = 5.0


class MakeGroup(Protocol):
    """Returns a group of ``n`` slots whose first is number ``first_slot`` of the whole."""

    def __call__(self, n: int, *, first_slot: int) -> VectorEnv[Any, Any, Any]:
        """Return the group."""


class ProcessSlots(VectorEnv[Any, Any, Any]):
    """Steps groups of slots in ``processes`` processes, each as one vector environment.

    Behaves as the groups do; the slots are split as evenly as possible, in order. The groups' checks of tasks
    and seeds are done here first, so that a refused reset leaves every group untouched.

    Args:
        make: returns one group; carried to the processes by cloudpickle.
        n: number of slots.
        processes: number of processes, 1 to ``n``.
        space: the task space.
        start_method: of `multiprocessing`; None is the platform's default.

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
        start_method: str | None = None,
    ) -> None:
        check_slots(n, processes)
        context: Any = multiprocessing.get_context(start_method)
        self.num_envs = n
        self.task_space = space
        sizes = [len(part) for part in np.array_split(np.arange(n), processes)]
        self._ends = np.cumsum([0, *sizes]).tolist()
        carried = cast("Any", CloudpickleWrapper)(make)
        self._pipes: list[Connection] = []
        self._workers: list[Any] = []
        for k, size in enumerate(sizes):
            ours, theirs = context.Pipe()
            arguments = (theirs, ours, carried, size, self._ends[k])
            worker = context.Process(target=_work, args=arguments, daemon=True, name=f"slots-{k}")
            worker.start()
            theirs.close()
            self._pipes.append(ours)
            self._workers.append(worker)
        try:
            described = self._call("describe", dict.fromkeys(range(processes)))[0]
        except Exception:
            self.close()
            raise
        self.single_observation_space, self.single_action_space, self.metadata, self.render_mode = described
        self.observation_space = batch_space(self.single_observation_space, n)
        self.action_space = batch_space(self.single_action_space, n)
        self._observations: list[Any] = [
            create_empty_array(self.single_observation_space, n=size, fn=np.zeros) for size in sizes
        ]

    def reset(
        self, *, seed: SlotSeeds = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Start an episode in every slot of the mask (all without one), each on its own task."""
        options = dict(options or {})
        seeds = slot_seeds(seed, self.num_envs)
        mask = slot_mask(options, self.num_envs)
        tasks = slot_tasks(self.task_space, options, mask)
        arguments = {}
        for k, (lo, hi) in enumerate(self._bounds()):
            if mask[lo:hi].any():
                own = options | {"reset_mask": mask[lo:hi]}
                arguments[k] = (seeds[lo:hi], own if tasks is None else own | {"task": tasks[lo:hi]})
        infos: list[dict[str, Any]] = [{} for _ in self._pipes]
        for k, (observations, info) in self._call("reset", arguments).items():
            self._observations[k], infos[k] = observations, info
        return self._join(), self._merge(infos)

    def step(self, actions: Any) -> Step:
        """Step every slot; every slot must have an episode in flight."""
        arguments = {k: self._rows(actions, lo, hi) for k, (lo, hi) in enumerate(self._bounds())}
        parts = list(self._call("step", arguments).values())
        self._observations = [part[0] for part in parts]
        rewards, terminated, truncated = (np.concatenate([part[i] for part in parts]) for i in (1, 2, 3))
        return self._join(), rewards, terminated, truncated, self._merge([part[4] for part in parts])

    def render(self) -> tuple[Any, ...]:
        """Return one frame for each slot."""
        parts = self._call("render", dict.fromkeys(range(len(self._pipes))))
        return tuple(frame for frames in parts.values() for frame in frames)

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

    def _bounds(self) -> list[tuple[int, int]]:
        return list(zip(self._ends[:-1], self._ends[1:], strict=True))

    def _call(self, command: str, arguments: dict[int, Any]) -> dict[int, Any]:
        """Send a command with its argument to the processes named and return their answers.

        All answers are read before the first error is raised, so that pipes never hold stale ones.
        """
        if self.closed:
            raise RuntimeError(f"{command}: expected an open environment, got a closed one")
        answers: dict[int, Any] = {}
        errors: list[RuntimeError] = []
        for k, argument in arguments.items():
            with contextlib.suppress(OSError):  # a dead process shows when its answer is read
                self._pipes[k].send((command, argument))
        for k in arguments:
            try:
                kind, answer = self._pipes[k].recv()
            except (EOFError, OSError):
                errors.append(self._death(k))
                continue
            if kind == "answer":
                answers[k] = answer
            else:
                errors.append(TaskError(answer) if kind == "task" else RuntimeError(answer))
        if errors:
            raise errors[0]
        return answers

    def _death(self, k: int) -> RuntimeError:
        lo, hi = self._bounds()[k]
        self._workers[k].join(_CLOSE_SECONDS)
        code = self._workers[k].exitcode
        return RuntimeError(f"process of slots {lo} to {hi - 1}: it died with exit code {code}")

    def _rows(self, actions: Any, lo: int, hi: int) -> Any:
        """Return the actions of slots ``lo`` to ``hi``, as a batch of their own."""
        if isinstance(actions, np.ndarray):
            return actions[lo:hi]
        rows = list(iterate(self.action_space, actions))[lo:hi]
        empty: Any = create_empty_array(self.single_action_space, n=hi - lo)
        return concatenate(self.single_action_space, rows, empty)

    def _join(self) -> Any:
        """Return the groups' latest observations as one batch."""
        parts = self._observations
        if all(isinstance(part, np.ndarray) for part in parts):
            return np.concatenate(parts)
        rows: list[Any] = []
        for part, (lo, hi) in zip(parts, self._bounds(), strict=True):
            rows += iterate(batch_space(self.single_observation_space, hi - lo), part)
        empty: Any = create_empty_array(self.single_observation_space, n=self.num_envs)
        return concatenate(self.single_observation_space, rows, empty)

    def _merge(self, parts: list[dict[str, Any]]) -> dict[str, Any]:
        """Return the groups' infos as one: columns joined, absent ones filled with zeros and a False mask."""
        merged: dict[str, Any] = {}
        for part, (lo, hi) in zip(parts, self._bounds(), strict=True):
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
    """`ProcessSlots` of groups that can be saved and restored (`teacherstudent.family.Snapshot`)."""

    def get_state(self) -> State:
        """Return the groups' states, in order."""
        return {"groups": list(self._call("get_state", dict.fromkeys(range(len(self._pipes)))).values())}

    def set_state(self, state: State) -> None:
        """Continue from `get_state` of an environment with the same slots and processes.

        Raises:
            ValueError: if the state is of another number of processes.
        """
        if len(state["groups"]) != len(self._pipes):
            raise ValueError(
                f"state: expected {len(self._pipes)} groups, one a process, got {len(state['groups'])}"
            )
        self._call("set_state", dict(enumerate(state["groups"])))


def _work(theirs: Connection, ours: Connection, make: Any, n: int, first_slot: int) -> None:
    """Serve one group until told to close or until the other side is gone."""
    ours.close()  # else this process would keep its own pipe open after the other side has died
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt is the main process's affair
    group: Any = None
    while True:
        try:
            command, argument = theirs.recv()
        except (EOFError, OSError):
            command, argument = "close", None
        if command == "close":
            break
        try:
            group = make.fn(n, first_slot=first_slot) if group is None else group
            theirs.send(("answer", _answer(group, command, argument)))
        except TaskError as error:
            theirs.send(("task", str(error)))
        except Exception as error:
            slots = f"process of slots {first_slot} to {first_slot + n - 1}"
            theirs.send(("error", f"{slots}: {type(error).__name__}: {error}\n{traceback.format_exc()}"))
    if group is not None:
        group.close()


def _answer(group: Any, command: str, argument: Any) -> Any:
    match command:
        case "describe":
            spaces = group.single_observation_space, group.single_action_space
            return *spaces, group.metadata, group.render_mode
        case "reset":
            return group.reset(seed=argument[0], options=argument[1])
        case "step" | "set_state":
            return getattr(group, command)(argument)
        case _:
            return getattr(group, command)()
