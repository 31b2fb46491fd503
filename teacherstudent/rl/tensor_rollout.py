"""Rollouts on tasks of a queue in which no data leaves the device."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

from teacherstudent.family import Snapshot
from teacherstudent.rl.episode_log import EpisodeLog, Episodes
from teacherstudent.rl.play import EpisodeError, check_rewards
from teacherstudent.rl.rsl_rl_ppo import RslRlPPO
from teacherstudent.rl.tensor_envs import TellsSuccess, TensorEnvs
from teacherstudent.rl.tensor_queue import RoundTasks, TensorQueue
from teacherstudent.types import UNASKED, Array, IntArray, Outcomes, State


class TensorRollout:
    """Plays a fixed number of steps in every slot, on tasks of a queue.

    Attributes:
        queue: the tasks that wait.
        ids: ``(n,)``: what the slots play; -1 for a task that nobody waits for.
        clock: seconds spent in the environments.

    Args:
        envs: the slots.
        queue: feeds them.
        steps: steps of a rollout, for each slot.
        discount: gamma x lambda, for the value signals.
    """

    def __init__(self, envs: TensorEnvs, queue: TensorQueue, steps: int, *, discount: float) -> None:
        self.queue = queue
        self.ids: IntArray = np.full(envs.num_envs, UNASKED)
        self.clock = DeviceClock(envs.device)
        self._envs, self._steps = envs, steps
        self._log = EpisodeLog(steps, envs.num_envs, discount=discount, device=envs.device)
        self._tasks: Array | None = None
        self._obs: Tensor | None = None
        self._last: Tensor | None = None

    def collect(self, ppo: RslRlPPO) -> tuple[RoundTasks, Episodes]:
        """Play, let the algorithm compute its advantages, and return the episodes that ended.

        Raises:
            ValueError: if there was never a task.
            EpisodeError: if a reward or observation is not finite.
        """
        n, log = self._envs.num_envs, self._log
        teller = self._envs if isinstance(self._envs, TellsSuccess) else None
        first = n if self._obs is None else 0
        tasks = self.queue.open(self.ids, self._tasks, n * self._steps + first)
        if self._last is None:
            self._last = torch.empty_like(ppo.observations)
        with torch.no_grad():
            if self._obs is None:
                self._obs = self._start(tasks, torch.ones(n, dtype=torch.bool, device=self._envs.device))
            obs = self._obs
            for t in range(self._steps):
                ppo.observations[t] = obs
                actions = ppo.act(t)
                with self.clock.running():
                    self._last[t], rewards, terminated, truncated = self._envs.step(actions)
                done = log.record(t, rewards, terminated, truncated, tasks.rows)
                if teller is not None:
                    log.told[t] = teller.success
                obs = self._start(tasks, done)
            self._obs = obs
            self._check(ppo, tasks)
            advantages = ppo.finish(log.rewards, log.done, log.cut, self._last, self._obs)
            episodes = log.close(advantages)
        self.queue.close(tasks)
        self.queue.observe(len(episodes.rows))
        rows = tasks.rows.cpu().numpy()
        self.ids, self._tasks = tasks.ids[rows], tasks.tasks[rows]
        self.clock.settle()
        return tasks, episodes

    def _start(self, tasks: RoundTasks, mask: Tensor) -> Tensor:
        drawn, seeds = tasks.draw(mask)
        with self.clock.running():
            return self._envs.start(mask, drawn, seeds)

    def _check(self, ppo: RslRlPPO, tasks: RoundTasks) -> None:
        """Raise EpisodeError unless everything that the rollout saw is finite; waits for the device once."""
        assert self._last is not None
        assert self._obs is not None
        tables = (self._log.rewards, ppo.observations, self._last, self._obs)
        if torch.stack([table.sum().double() for table in tables]).isfinite().all():
            return  # a sum is finite only if all parts are; it costs a twentieth of looking at each
        for t in range(self._steps):
            rows = self._log.rows[t].cpu().numpy()
            check_rewards(self._log.rewards[t].cpu().numpy(), tasks.tasks[rows])
            after = self._obs if t == self._steps - 1 else ppo.observations[t + 1]
            seen = {"step": (rows, self._last[t]), "start or step": (tasks.rows.cpu().numpy(), after)}
            for where, (played, obs) in seen.items():
                wrong = torch.nonzero(~obs.isfinite().all(-1))
                if len(wrong):
                    slot = int(wrong[0])
                    task = tasks.tasks[played[slot]].tolist()
                    raise EpisodeError(
                        f"slot {slot}, task {task}: {where}: expected a finite observation, got "
                        f"{obs[slot].tolist()}"
                    )

    def state_dict(self) -> State:
        """Return queue, slots, carried sums and, where they can be saved, the environments."""
        return {
            "queue": self.queue.state_dict(),
            "environment_seconds": self.clock.seconds,
            "ids": self.ids.copy(),
            "tasks": None if self._tasks is None else self._tasks.copy(),
            "observations": None if self._obs is None else self._obs.cpu().numpy().copy(),
            "log": self._log.state_dict(),
            "envs": self._envs.get_state() if isinstance(self._envs, Snapshot) else None,
        }

    def load_state_dict(self, state: State) -> bool:
        """Continue from `state_dict`; return False if episodes under way are lost and new ones start."""
        self.queue.load_state_dict(state["queue"])
        self.clock.seconds = state["environment_seconds"]
        self._log.reset()
        if not isinstance(self._envs, Snapshot) or state["envs"] is None or state["observations"] is None:
            self.ids, self._tasks, self._obs = np.full(self._envs.num_envs, UNASKED), None, None
            return False
        self.ids, self._tasks = state["ids"], state["tasks"]
        self._obs = torch.from_numpy(state["observations"]).to(self._envs.device)
        self._log.load_state_dict(state["log"])
        self._envs.set_state(state["envs"])
        return True

    def close(self) -> None:
        """Close the environments."""
        self._envs.close()


def outcomes(tasks: RoundTasks, episodes: Episodes, mastered: float | None) -> Outcomes:
    """Return finished episodes as a student's outcomes."""
    signals: dict[str, Array] = {"length": episodes.lengths, **episodes.signals}
    if mastered is not None:
        signals["success"] = episodes.succeeded(mastered)
    return Outcomes(
        ids=tasks.ids[episodes.rows],
        tasks=tasks.tasks[episodes.rows],
        score=episodes.returns,
        cost=episodes.lengths.astype(np.float64),
        signals=signals,
    )


class DeviceClock:
    """Adds up the seconds of a device's work on marked stretches: CUDA events on a GPU, which never wait.

    Attributes:
        seconds: the sum, up to the last `settle`.

    Args:
        device: whose time it is.
    """

    def __init__(self, device: torch.device) -> None:
        self.seconds = 0.0
        self._device = device
        self._events: list[tuple[torch.cuda.Event, torch.cuda.Event]] = []

    @contextmanager
    def running(self) -> Iterator[None]:
        """Count what is done inside."""
        if self._device.type != "cuda":
            start = time.perf_counter()
            yield
            self.seconds += time.perf_counter() - start
            return
        before, after = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
        before.record(torch.cuda.current_stream(self._device))
        yield
        after.record(torch.cuda.current_stream(self._device))
        self._events.append((before, after))

    def settle(self) -> None:
        """Take in what was marked, when the device has done it; waits for the last mark."""
        if self._events:
            self._events[-1][1].synchronize()
            self.seconds += sum(a.elapsed_time(b) for a, b in self._events) / 1000
            self._events.clear()
