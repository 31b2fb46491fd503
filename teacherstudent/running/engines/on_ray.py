"""Runs spread over a Ray cluster; those of a machine that is lost go on elsewhere (the extra ``ray``)."""

from __future__ import annotations

import importlib
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from teacherstudent.contract.checks import is_finite
from teacherstudent.recording.folder import MANIFEST, STATUS
from teacherstudent.recording.status import read_status
from teacherstudent.running.engines.attendant import Attendant
from teacherstudent.running.engines.interface import Ending, Settings
from teacherstudent.running.engines.surroundings import Surroundings, surroundings
from teacherstudent.running.engines.threads import thread_variables
from teacherstudent.running.engines.work import preparation
from teacherstudent.running.experiment import Experiment

_LOG = logging.getLogger(__name__)

LOSSES = 3
"""How often a run may lose its machine without getting on in between."""

TRIES = 10
"""How often in a row a run may be handed to machines that are lost before they have taken it on."""

KILL_SECONDS = 5.0
"""How long a machine may take to say that it has killed a run."""

_PASSED_ON = ("TEACHERSTUDENT_DATA", "PYTHONPATH", "PYTHONHASHSEED", "MPLBACKEND")
"""Variables of this process that hold for the runs too."""


@dataclass
class _Job:
    """A run on the cluster: who stands by it, what it will answer, where it is."""

    experiment: Experiment
    attendant: Any
    answer: Any
    where: Any
    host: str = ""
    losses: int = 0
    tries: int = 0
    spent: float = 0.0


class RayEngine:
    """Runs experiments on a Ray cluster, as many at a time as it has room for (`interface.Engine`).

    Each run has a process of its own, as on one machine, and writes its folder as there: all machines must
    share the folder of the runs. The process that starts the study only looks on. If a machine is lost, its
    runs go on on another one from their last checkpoint; a run that loses its machine three times without
    getting on counts as ``died``.

    Args:
        address: of the cluster, ``"auto"`` or ``"10.0.0.1:6379"``. None for the one that this process is
            connected to, or that ``RAY_ADDRESS`` names, or that goes on on this machine; if there is none,
            Ray is started on this machine alone.
        num_gpus: GPUs, or the share of one, that each run reserves. Runs with a share of 0.5 go two to a GPU.
        num_cpus: processors that each run reserves; None for as many as it has threads.

    Raises:
        ImportError: if Ray is missing.
        ValueError: if a number is below 0, or the address is one of Ray's client (``ray://``).
        TypeError: if the address is no text.
    """

    distant = True

    def __init__(
        self, address: str | None = None, *, num_gpus: float = 0.0, num_cpus: float | None = None
    ) -> None:
        if address is not None and not isinstance(address, str):
            raise TypeError(f"address: expected a text like '10.0.0.1:6379', got {address!r}")
        if address is not None and address.startswith("ray://"):
            raise ValueError(
                f"address: expected the cluster's own, like '10.0.0.1:6379', got {address!r} of Ray's "
                "client, whose machine does not share the folder of the runs; start this on a machine of the "
                "cluster"
            )
        for name, number in (("num_gpus", num_gpus), ("num_cpus", num_cpus)):
            if number is not None and not (is_finite(number) and number >= 0):
                raise ValueError(f"{name}: expected a number of at least 0, got {number!r}")
        self.address = address
        self.num_gpus = num_gpus
        self.num_cpus = num_cpus
        try:
            self._ray: Any = importlib.import_module("ray")
        except ImportError as error:
            raise ImportError(
                f"engine ray: the package ray is missing: pip install 'teacherstudent[ray]' ({error})"
            ) from error
        # Whether it was this engine that has connected the process to the cluster.
        self._own = False
        self._settings = Settings()
        self._variables: dict[str, str] = {}
        self._jobs: dict[Path, _Job] = {}
        self._endings: dict[Path, Ending] = {}

    def open(self, runs: Sequence[tuple[Experiment, Path]], settings: Settings) -> str:
        """Connect to the cluster, and look whether its machines can do these runs.

        Raises:
            ConnectionError: if there is no cluster at the address.
        ValueError: if no machine has what a run reserves, or one that has lacks the shared folder or a
                module; the message names the machine.
        """
        self._settings = settings
        self._endings = {}
        if not runs:
            return ""
        self._connect()
        self._variables = thread_variables(settings.threads, 1)
        needed = self._resources()
        # Compiled environments have the processors that the run reserves.
        self._variables["NUMBA_NUM_THREADS"] = os.environ.get(
            "NUMBA_NUM_THREADS", str(max(1, int(needed["CPU"])))
        )
        self._variables |= {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        nodes = self._nodes(needed)
        with surroundings(runs) as needs:
            self._look_at(nodes, needs)
        total = self._ray.cluster_resources()
        parts = [f"{len(nodes)} of {len(self._ray.nodes())} nodes", f"{total.get('CPU', 0):g} CPUs"]
        if self.num_gpus:
            parts.append(f"{total.get('GPU', 0):g} GPUs")
        return f"Ray cluster at {self._ray.get_runtime_context().gcs_address}: " + ", ".join(parts)

    def free(self) -> bool:
        """Return whether fewer runs are under way than are wanted; Ray itself lets runs wait for room."""
        return self._settings.jobs is None or len(self._jobs) < self._settings.jobs

    def start(self, experiment: Experiment, folder: Path) -> None:
        """Hand a run to the cluster."""
        self._jobs[folder] = self._job(experiment, folder, self._settings.resume)

    def look(self) -> list[Path]:
        """Note which runs have ended or lost their machine, and return the folders of those under way."""
        for folder, job in list(self._jobs.items()):
            # Asked for first: a machine that is lost has taken the run on, or it has not.
            if not job.host and self._ready(job.where):
                job.host = self._host(job)
            if self._ready(job.answer):
                self._take(folder, job)
        return list(self._jobs)

    def stop(self) -> None:
        """Let every run finish its round, write a checkpoint and end; kill them all on another Ctrl-C."""
        try:
            self.look()
            for folder, job in list(self._jobs.items()):
                if job.host:
                    job.attendant.stop.remote()
                else:
                    self._give_up(folder, job)
            while self._jobs:
                # A machine that is lost now is not replaced: its run has its last checkpoint.
                for folder, job in list(self._jobs.items()):
                    if self._ready(job.answer, seconds=0.1):
                        self._take(folder, job, again=False)
        except KeyboardInterrupt:
            self._kill()

    def ending(self, folder: Path) -> Ending | None:
        """Return how a run ended; None if it was never started."""
        return self._endings.get(folder)

    def close(self) -> None:
        """Disconnect from the cluster, unless this process was connected to it before."""
        self._jobs = {}
        if self._own:
            self._own = False
            self._ray.shutdown()

    def _connect(self) -> None:
        """Connect to the cluster, unless this process is connected to one."""
        self._own = not self._ray.is_initialized()
        if not self._own:
            if self.address is not None:
                raise ValueError(
                    f"address: this process is connected to a Ray cluster already, so {self.address!r} would "
                    "have no effect: leave it out, or call ray.shutdown() first"
                )
            return
        try:
            self._ray.init(address=self.address, log_to_driver=True, logging_level=logging.WARNING)
        # Ray raises errors of many kinds for an address where nothing answers.
        except Exception as error:
            where = self.address or os.environ.get("RAY_ADDRESS", "this machine")
            raise ConnectionError(
                f"engine ray: no cluster at {where!r}: expected one that 'ray start --head' has started "
                f"({type(error).__name__}: {error})"
            ) from error

    def _resources(self) -> dict[str, float]:
        """Return what a run reserves."""
        cpus = self.num_cpus
        if cpus is None:
            # "4,2" is for nested threads: the first number is that of the outer ones.
            said = self._variables["OMP_NUM_THREADS"].partition(",")[0]
            cpus = float(said) if said.isdigit() else 1.0
        return {"CPU": cpus, "GPU": self.num_gpus}

    def _nodes(self, needed: Mapping[str, float]) -> list[dict[str, Any]]:
        """Return the machines that have what a run reserves (raises ValueError if none has)."""
        alive = [node for node in self._ray.nodes() if node["Alive"]]
        able = [
            node
            for node in alive
            if all(node["Resources"].get(name, 0.0) >= number for name, number in needed.items())
        ]
        if not able:
            has = "; ".join(
                f"{node['NodeManagerHostname']} {node['Resources'].get('CPU', 0):g} CPUs and "
                f"{node['Resources'].get('GPU', 0):g} GPUs"
                for node in alive
            )
            raise ValueError(
                f"engine ray: expected a machine with {needed['CPU']:g} CPUs and {needed['GPU']:g} GPUs "
                f"for a run, got {has}; ask for fewer threads, or a smaller num_gpus"
            )
        return able

    def _look_at(self, nodes: Sequence[Mapping[str, Any]], needs: Surroundings) -> None:
        """Raise ValueError if a machine lacks something; warn of other versions."""
        on: Any = importlib.import_module("ray.util.scheduling_strategies").NodeAffinitySchedulingStrategy
        look = self._ray.remote(_look_around)
        asked = {}
        for node in nodes:
            strategy = on(node_id=node["NodeID"], soft=False)
            asked[node["NodeManagerHostname"], node["NodeManagerAddress"]] = look.options(
                num_cpus=0, scheduling_strategy=strategy, runtime_env=self._runtime(), max_retries=0
            ).remote(needs)
        for (host, address), answer in asked.items():
            try:
                missing, differs = self._ray.get(answer)
            except self._ray.exceptions.RayError as error:
                raise ValueError(
                    f"engine ray: {host} ({address}): expected teacherstudent to be installed there as it is "
                    f"here ({error})"
                ) from error
            if missing:
                raise ValueError(f"engine ray: {host} ({address}): {missing}")
            if differs:
                _LOG.warning("%s (%s) has %s: results may differ", host, address, differs)

    def _runtime(self) -> dict[str, Any]:
        """Return the environment of the cluster's own processes, which load this package."""
        return {"env_vars": {name: self._variables[name] for name in _PASSED_ON if name in self._variables}}

    def _job(self, experiment: Experiment, folder: Path, resume: bool, *, moved: bool = False) -> _Job:
        """Hand a run to the cluster: to whichever machine has room first."""
        needed = self._resources()
        name = "/".join(folder.parts[-2:])
        attendant = (
            self._ray.remote(Attendant)
            .options(
                num_cpus=needed["CPU"],
                num_gpus=needed["GPU"],
                scheduling_strategy="SPREAD",
                runtime_env=self._runtime(),
            )
            .remote(name)
        )
        # An absolute path: the machine's current folder may be another one.
        answer = attendant.run.remote(
            experiment, folder.resolve(), resume, preparation(), self._variables, moved
        )
        return _Job(experiment, attendant, answer, attendant.where.remote())

    def _ready(self, answer: Any, seconds: float = 0.0) -> bool:
        done, _ = self._ray.wait([answer], timeout=seconds)
        return bool(done)

    def _host(self, job: _Job) -> str:
        """Return the name of the machine that has taken the run on; empty if it is lost already."""
        try:
            return str(self._ray.get(job.where))
        except self._ray.exceptions.RayError:
            return ""

    def _take(self, folder: Path, job: _Job, *, again: bool = True) -> None:
        """Note how a run ended, or let it go on elsewhere if its machine is lost."""
        errors = self._ray.exceptions
        del self._jobs[folder]
        try:
            self._endings[folder] = self._ray.get(job.answer)
        # Errors of our own code are those that would come again on every machine.
        except errors.RayTaskError as error:
            self._endings[folder] = Ending("failed", str(error))
        except errors.RayError as error:
            self._lost(folder, job, error, again=again)
        # What stood by the run would otherwise hold its place on the machine.
        self._ray.kill(job.attendant)

    def _lost(self, folder: Path, job: _Job, error: Exception, *, again: bool) -> None:
        """Start a run anew whose machine is lost, from its last checkpoint."""
        host = job.host or "a machine"
        if not again:
            self._endings[folder] = Ending("interrupted", f"{host} was lost; the last checkpoint is there")
            return
        spent, budget = _how_far(folder)
        losses, tries = job.losses, job.tries + 1
        if job.host:
            losses = 1 if spent > job.spent else job.losses + 1
            tries = 0
        if losses >= LOSSES or tries >= TRIES:
            words = f"lost its machine {losses} times without getting on"
            if tries:
                words = f"found no machine that takes it on in {tries} tries"
            self._endings[folder] = Ending("died", f"the run {words} (the last one: {host}): {error}")
            return
        if job.host:
            _LOG.warning(
                "%s: %s was lost at a cost of %g of %g; the run goes on elsewhere from its last checkpoint",
                "/".join(folder.parts[-2:]),
                host,
                spent,
                budget,
            )
        # It may have begun before its machine could say so: there was no run in the folder at first.
        moved = losses > 0 or (folder / MANIFEST).exists()
        new = self._job(job.experiment, folder, moved or self._settings.resume, moved=moved)
        new.losses = losses
        new.tries = tries
        new.spent = spent
        self._jobs[folder] = new

    def _give_up(self, folder: Path, job: _Job) -> None:
        """Take back a run for which the cluster had no room yet."""
        self._ray.kill(job.attendant)
        del self._jobs[folder]
        # A run that has moved has begun on its first machine.
        moved = job.losses > 0
        self._endings[folder] = Ending("interrupted" if moved else "not started")

    def _kill(self) -> None:
        """End all runs at once."""
        for job in self._jobs.values():
            if job.host:
                job.attendant.kill.remote()
        for folder, job in list(self._jobs.items()):
            if not job.host:
                self._give_up(folder, job)
            elif self._ready(job.answer, seconds=KILL_SECONDS):
                self._take(folder, job, again=False)
            else:
                # What stands by the run does not answer: the run ends by itself when it has ended.
                self._ray.kill(job.attendant)
                self._endings[folder] = Ending("died", "it was to be killed and did not answer")
        self._jobs = {}


def _look_around(needs: Surroundings) -> tuple[str, str]:
    """Return what the machine where this is called lacks, and what it has in other versions."""
    return needs.missing(), needs.differs()


def _how_far(folder: Path) -> tuple[float, float]:
    """Return the cost that a run says it has spent, and its budget; zeros if it says nothing."""
    try:
        status = read_status(folder / STATUS)
    except (OSError, ValueError):
        return 0.0, 0.0
    return float(status["spent"]), float(status["budget"] or 0.0)
