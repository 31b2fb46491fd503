"""Steps of a rollout in all slots of tensor environments, whoever says which tasks they play."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Protocol

import torch
from torch import Tensor

from teacherstudent.contract.accounts.failures import Failures
from teacherstudent.contract.types import Array, IntArray
from teacherstudent.slots.failures import Failed, tolerate
from teacherstudent.slots.tensor_envs import HostTensorEnvs, TellsSuccess, TensorEnvs
from teacherstudent.students.rollouts.play import EpisodeError, check_rewards
from teacherstudent.students.rollouts.signals import SIGNALS
from teacherstudent.students.rsl_rl.episode_log import EpisodeLog
from teacherstudent.students.rsl_rl.ppo import RslRlPPO


class TaskTable(Protocol):
    """The tasks of a round as tables; slots that finish draw their next one.

    Attributes:
        rows: ``(n,)`` int64 on the device: the row that each slot plays.
    """

    rows: Tensor

    @property
    def ids(self) -> IntArray:
        """``(rows,)`` on the host."""

    @property
    def tasks(self) -> Array:
        """``(rows, *space.shape)`` on the host."""

    def draw(self, done: Tensor) -> tuple[Tensor, Tensor]:
        """Return tasks ``(n, *space.shape)`` and seeds ``(n,)`` of all slots; those of ``done`` start."""


class TensorSteps:
    """Plays a fixed number of steps in every slot; no data leaves the device meanwhile.

    Attributes:
        envs: the slots.
        clock: seconds spent in the environments.

    Args:
        envs: the slots.
        steps: steps of a rollout, for each slot.
        discount: gamma x lambda, for the value signals.
        failures: where tasks are noted whose environment fails, if it allows any; for environments on the
            host (`teacherstudent.slots.tensor_envs.HostTensorEnvs`).
        signals: the value signals of the log.
    """

    def __init__(
        self,
        envs: TensorEnvs,
        steps: int,
        *,
        discount: float,
        failures: Failures,
        signals: Collection[str] = SIGNALS,
    ) -> None:
        self.envs = envs
        self.failures = failures
        self.clock = DeviceClock(envs.device)
        self._steps = steps
        self._log = EpisodeLog(steps, envs.num_envs, discount=discount, device=envs.device, signals=signals)
        self._obs: Tensor | None = None
        self._last: Tensor | None = None

    def _play(self, ppo: RslRlPPO, tasks: TaskTable, learn: Tensor | None = None) -> Tensor:
        """Play, fill log and storage, and return the advantages ``(steps, n)``; without observations, start.

        ``learn`` is as `RslRlPPO.finish` takes it.

        Raises:
            EpisodeError: if a reward or observation is not finite.
        """
        log = self._log
        # Only environments on the host can fail and say so.
        if isinstance(self.envs, HostTensorEnvs):
            tolerate(self.envs.envs, self.failures.allowed)
        teller = self.envs if isinstance(self.envs, TellsSuccess) else None
        # Made once: a table of all observations is too large to allocate for each rollout.
        if self._last is None:
            self._last = torch.empty_like(ppo.observations)
        with torch.no_grad():
            if self._obs is None:
                everyone = torch.ones(self.envs.num_envs, dtype=torch.bool, device=self.envs.device)
                self._obs = self._start(tasks, everyone)
            obs = self._obs
            for t in range(self._steps):
                ppo.observations[t] = obs
                actions = ppo.act(t)
                with self.clock.running():
                    # Keep what each step showed before a restart: cut episodes are bootstrapped from it.
                    self._last[t], rewards, terminated, truncated = self.envs.step(actions)
                done = log.record(t, rewards, terminated, truncated, tasks.rows)
                if teller is not None:
                    log.told[t] = teller.success
                if (failed := self._failed()) is not None:
                    log.lost[t, torch.from_numpy(failed.slots)] = True
                    self._lose(failed, tasks)
                # Hidden states are cleared before the next episode shows its first observation.
                ppo.ended(done)
                obs = self._start(tasks, done)
            self._obs = obs
            # Check once at the end, as a look at every step would wait for the device.
            self._check(ppo, tasks)
            learn = self._learnt(learn)
            return ppo.finish(log.rewards, log.done, log.cut, self._last, self._obs, learn=learn)

    def _start(self, tasks: TaskTable, mask: Tensor) -> Tensor:
        """Start new tasks in the slots of the mask; where one fails to start, the next one."""
        while True:
            drawn, seeds = tasks.draw(mask)
            with self.clock.running():
                obs = self.envs.start(mask, drawn, seeds)
            failed = self._failed()
            if failed is None:
                return obs
            again = self._lose(failed, tasks)
            if not len(again):
                return obs
            # Only slots whose start failed draw again.
            mask = torch.zeros_like(mask)
            mask[torch.from_numpy(again)] = True

    def _failed(self) -> Failed | None:
        """Return the slots whose environment failed in the last call."""
        if isinstance(self.envs, HostTensorEnvs):
            return self.envs.failed
        return None

    def _lose(self, failed: Failed, tasks: TaskTable) -> IntArray:
        """Note what the slots play as failed; return which of them are to start another task."""
        # Failures are rare, so the host may wait for the device here.
        rows = tasks.rows.cpu().numpy()
        failed.note(self.failures, tasks.ids[rows], tasks.tasks[rows])
        return failed.slots

    def _learnt(self, learn: Tensor | None) -> Tensor | None:
        """Return the slots to learn from, of those that were to be."""
        return learn

    def _check(self, ppo: RslRlPPO, tasks: TaskTable) -> None:
        """Raise EpisodeError unless everything that the rollout saw is finite; waits for the device once."""
        assert self._last is not None
        assert self._obs is not None
        tables = (self._log.rewards, ppo.observations, self._last, self._obs)
        if torch.stack([table.sum().double() for table in tables]).isfinite().all():
            # A sum is finite only if all parts are; it costs a twentieth of looking at each.
            return
        # Something is wrong, so time no longer matters: find the first step and slot.
        for t in range(self._steps):
            rows = self._log.rows[t].cpu().numpy()
            check_rewards(self._log.rewards[t].cpu().numpy(), tasks.tasks[rows])
            # What a slot saw after step t is what it acted on in step t + 1.
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

    def close(self) -> None:
        """Close the environments."""
        self.envs.close()


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
        # Events are marks in the stream, at which the host does not wait.
        before, after = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
        before.record(torch.cuda.current_stream(self._device))
        yield
        after.record(torch.cuda.current_stream(self._device))
        self._events.append((before, after))

    def settle(self) -> None:
        """Take in what was marked, when the device has done it; waits for the last mark."""
        if self._events:
            # The marks are reached in order, so it is enough to wait for the last one.
            self._events[-1][1].synchronize()
            # Events tell milliseconds.
            self.seconds += sum(a.elapsed_time(b) for a, b in self._events) / 1000
            self._events.clear()
