"""Wall time by part of a training run: methods are timed where they stand, without changing them."""

from __future__ import annotations

import importlib
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from teacherstudent.contract.accounts.ledger import Ledger
from teacherstudent.recording.machine import machine
from teacherstudent.running.experiment import Experiment
from teacherstudent.running.loop import run

PARTS: dict[str, dict[str, str]] = {
    "sb3": {
        "stable_baselines3:PPO.train": "update",
        "stable_baselines3.common.policies:ActorCriticPolicy.forward": "policy",
        "stable_baselines3.common.policies:ActorCriticPolicy.predict_values": "policy",
        "stable_baselines3.common.vec_env:VecNormalize.step_wait": "normalisation",
        "stable_baselines3.common.buffers:RolloutBuffer.add": "buffer",
        "stable_baselines3.common.buffers:RolloutBuffer.compute_returns_and_advantage": "buffer",
        "teacherstudent.students.rollouts.signals:RolloutSignals.update": "signals",
        "teacherstudent.students.sb3.rollout:BoundRollouts._scores": "signals",
        "teacherstudent.students.sb3.vec_env:TaskVecEnv.reset": "slots",
        "teacherstudent.students.sb3.vec_env:TaskVecEnv.step_wait": "slots",
        "teacherstudent.students.sb3.queue:TaskQueue.put": "slots",
        "teacherstudent.running.loop:_Loop._more": "asks",
    },
    "rsl-rl": {
        "teacherstudent.students.rsl_rl.ppo:RslRlPPO.update": "update",
        "teacherstudent.students.rsl_rl.ppo:RslRlPPO.act": "policy",
        "teacherstudent.students.rsl_rl.ppo:RslRlPPO.ended": "policy",
        "teacherstudent.students.rsl_rl.ppo:RslRlPPO.finish": "buffer",
        "teacherstudent.students.rsl_rl.episode_log:EpisodeLog.close": "signals",
        "teacherstudent.students.rsl_rl.rollout:TensorRollout.collect": "slots",
        "teacherstudent.students.rsl_rl.bound:BoundTensorRollout.collect": "slots",
        "teacherstudent.students.rsl_rl.queue:TensorQueue.put": "slots",
        "teacherstudent.running.loop:_Loop._more": "asks",
    },
}
"""What is timed inside a student, and under which label. ``slots``, less the environments' own seconds, is
what stands between the algorithm and the environments: task queue, autoreset, episode rows. rsl-rl normalises
rewards and computes advantages in ``buffer``, observations in ``policy`` and ``update``. Tasks that are asked
for in the midst of a round (``asks``) are no part of the student: the ledger books them as the teacher's."""

RECURRENT: dict[str, str] = {
    "sb3_contrib:RecurrentPPO.train": "update",
    "sb3_contrib.common.recurrent.policies:RecurrentActorCriticPolicy.forward": "policy",
    "sb3_contrib.common.recurrent.policies:RecurrentActorCriticPolicy.predict_values": "policy",
}
"""The same inside recurrent policies of sb3, which are in a package of their own."""

INSIDE = {
    "policy": "policy: actions and values of the rollout",
    "update": "update: gradient steps",
    "normalisation": "normalisation",
    "buffer": "rollout buffer, advantages",
    "signals": "value signals of episodes",
    "slots": "slots: queue, autoreset, episode rows",
}
"""Labels of `PARTS` and what they are called in tables."""


class Stopwatch:
    """Seconds by label; each moment counts for one label only, that of the innermost timed call.

    A context manager: methods given to `time` are timed until its end, then put back.

    Attributes:
        seconds: what was spent under each label.

    Args:
        settle: called before each reading of the clock; waits for a device that works in the background.
    """

    def __init__(self, settle: Callable[[], object] | None = None) -> None:
        self.seconds: dict[str, float] = {}
        self._settle = settle
        self._open: list[str] = []
        self._since = 0.0
        self._undo: list[Callable[[], None]] = []

    def time(self, target: str, label: str) -> None:
        """Time every call of a method, named as ``"module:Class.method"``.

        Raises:
            AttributeError: if there is no such class or method.
        """
        module, _, path = target.partition(":")
        owner, _, name = path.partition(".")
        kind = getattr(importlib.import_module(module), owner)
        original, own = getattr(kind, name), name in vars(kind)

        def timed(*args: Any, **kwargs: Any) -> Any:
            with self.running(label):
                return original(*args, **kwargs)

        setattr(kind, name, timed)
        self._undo.append(lambda: setattr(kind, name, original) if own else delattr(kind, name))

    @contextmanager
    def running(self, label: str) -> Iterator[None]:
        """Count the block for a label, but for timed calls inside it."""
        self._charge()
        self._open.append(label)
        try:
            yield
        finally:
            self._charge()
            self._open.pop()

    def _charge(self) -> None:
        """Count the time since the last reading for the innermost label."""
        if self._settle is not None:
            self._settle()
        now = time.perf_counter()
        if self._open:
            label = self._open[-1]
            self.seconds[label] = self.seconds.get(label, 0.0) + now - self._since
        self._since = now

    def __enter__(self) -> Stopwatch:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._undo:
            self._undo.pop()()


def measure(
    experiment: Experiment, settle: Callable[[], object] | None = None
) -> tuple[Ledger, dict[str, float]]:
    """Run an experiment in a temporary folder and return its ledger and the seconds inside the student."""
    with Stopwatch(settle) as watch, tempfile.TemporaryDirectory() as folder:
        recurrent = "sb3_contrib" in str(experiment.student_options.get("algorithm"))
        for target, label in (PARTS[experiment.student] | (RECURRENT if recurrent else {})).items():
            watch.time(target, label)
        family, teacher, student = experiment.build()
        try:
            ledger = run(
                family,
                teacher,
                student,
                Path(folder) / "run",
                experiment.plan,
                manifest=experiment.manifest(),
            )
        finally:
            student.close()
    return ledger, watch.seconds


def shares(ledger: Ledger, inside: dict[str, float]) -> dict[str, float]:
    """Return seconds by part; they sum to the run's total.

    Args:
        ledger: of the run.
        inside: seconds inside the student by label of `PARTS`; ``slots`` includes the environments.
    """
    seconds = ledger.seconds
    rows = {"environment": seconds["environment"]}
    rows |= {name: inside.get(label, 0.0) for label, name in INSIDE.items()}
    rows[INSIDE["slots"]] -= seconds["environment"]
    rows["student, rest"] = seconds["student"] - sum(rows.values())
    rows["teacher: ask, tell"] = seconds["teacher"]
    rows["episodes and records"] = seconds["record"]
    rows["checkpoints"] = seconds["checkpoint"]
    rows["tests"] = seconds["evaluate"]
    rows["loop, rest"] = seconds["total"] - sum(rows.values())
    return rows


def describe_machine() -> str:
    """Return processor, cores and NVIDIA devices in a line."""
    found = machine()
    return ", ".join(map(str, (found["processor"], f"{found['cpus_usable']} cores", *found["gpus"])))
