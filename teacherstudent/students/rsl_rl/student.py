"""PPO of rsl_rl as a student: thousands of environment slots, on a GPU without a copy to the host."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from teacherstudent.contract.accounts.failures import Failures
from teacherstudent.contract.checks import check_whole, is_one_of, see
from teacherstudent.contract.demand import Demand, Offers, check_demand, everything
from teacherstudent.contract.family import RLFamily
from teacherstudent.contract.purposes import add_costs, check_purposes, measured_costs
from teacherstudent.contract.registry import STUDENTS
from teacherstudent.contract.student import Act, Compiles
from teacherstudent.contract.types import (
    Array,
    Assignment,
    BoolArray,
    IntArray,
    Outcomes,
    Seed,
    State,
    seed_sequence,
)
from teacherstudent.networks.state import PrivateGenerators
from teacherstudent.slots.failures import Fault
from teacherstudent.slots.tensor_envs import TensorEnvs, make_tensor_envs
from teacherstudent.students.rollouts.play import measured, play_all, slots_for
from teacherstudent.students.rollouts.scores import bound_outcomes, check_rows, playing_offers
from teacherstudent.students.rsl_rl.bound import BoundTensorRollout
from teacherstudent.students.rsl_rl.options import check_library, check_options, learning_rate
from teacherstudent.students.rsl_rl.play import play_tensors
from teacherstudent.students.rsl_rl.ppo import RslRlPPO, unvalidated
from teacherstudent.students.rsl_rl.queue import TensorQueue
from teacherstudent.students.rsl_rl.rollout import TensorRollout, outcomes
from teacherstudent.students.sb3.queue import More

_MOST = 10**7
"""Slots, or steps of a rollout: what is held for them must fit into memory."""
_NORMALIZE: Mapping[bool | str, tuple[bool, bool]] = {
    True: (True, True),
    False: (False, False),
    "observations": (True, False),
    "rewards": (False, True),
}


@STUDENTS.register("rsl-rl")
class RslRlStudent:
    """PPO of rsl_rl (package rsl-rl-lib), made for thousands of environment slots on one device.

    A round is one rollout of ``n_steps`` in every slot and one update. On a GPU, with a family that makes its
    environments there (`teacherstudent.slots.tensor_envs.TensorFamily`), observations, actions, rewards and
    the queue of next tasks stay on the device during the rollout; other families are stepped on the host.

    Tasks are asked for in the step in which slots are free (`ask_for_more`), for as many slots; the host
    waits for the device then, once a step. Where there is nobody to ask, as in a loop of one's own, tasks
    wait in a queue; when that runs dry, tasks of the latest assignment are played again, and their outcomes
    carry the id -1. Outcomes come back when the rollout ends, so a task is chosen at most one rollout late.

    It can be bound for rollouts instead (`bind`): row i of an assignment is then played in slot i for a whole
    rollout. Rows with ``learn`` False are played by the same policy in the same rollout, but neither the
    update, its normalisation of advantages nor the running normalisation of observations and rewards sees
    them; the number of minibatches stays, so that they get smaller. If no row is learnt from there is no
    update. Nothing is under way between two rounds, and a saved student goes on exactly whatever its
    environments are. A falling learning rate follows trained and measured steps alike. ``n_steps``
    should then be at least the most steps of an episode (`contract.student.Student`).

    If its run allows it (`failures`), a task whose environment fails on the host has no outcome, and the slot
    goes on with the next one; bound for rollouts, the row is not learnt from.

    Recurrent networks forget when an episode starts, and at the start of every rollout for which slots are
    bound; tests and measured tasks have hidden states of their own. Their minibatches are whole slots, so
    that an update makes one for each slot if it learns from fewer slots than ``num_mini_batches``.

    Reference: Schulman et al., Proximal Policy Optimization Algorithms, 2017,
    https://arxiv.org/abs/1707.06347, as implemented in https://github.com/leggedrobotics/rsl_rl (5.5).
    `teacherstudent.students.rsl_rl.ppo.RslRlPPO` lists every difference from the library's own runner.

    Args:
        family: whose tasks are played. Observations are numbers, choices and images, alone or in
            dictionaries: a ``Box`` of three axes is an image, which convolutions read
            (`teacherstudent.networks.pixels.PixelEncoder`). Actions lie in a ``Box`` of floats (clipped to
            its bounds; PPO trains on the action before that), ``Discrete``, ``MultiDiscrete`` or
            ``MultiBinary``.
        seed: everything random about the student comes from it.
        n_envs: environment slots.
        n_steps: steps of a rollout, for each slot.
        device: ``"auto"`` is the GPU where there is one; else ``"cpu"``, ``"cuda"``, ``"cuda:1"``...
        normalize: True for running normalisation of observations and rewards, or ``"observations"``,
            ``"rewards"`` alone; False for none.
        budget: the whole run's environment steps, for a learning rate that falls.
        processes: over how many processes slots on the host are spread; 1 is this process.
        options: arguments of rsl_rl's ``PPO``: ``num_learning_epochs``, ``num_mini_batches``,
            ``learning_rate``, ``schedule`` (``"adaptive"``, to ``desired_kl``, or ``"fixed"``),
            ``entropy_coef``, ``gamma``, ``lam``, ``clip_param``... With the fixed schedule ``learning_rate``
            may be ``"linear:3e-4"``, which falls to 0 over the budget.
        policy: settings of the networks: ``hidden_dims``, ``critic_hidden_dims``, ``activation``,
            ``init_std``, ``std_type``, ``std_range``, ``learn_std``, ``state_dependent_std``; and, as rsl_rl
            calls them, ``class_name``: ``"MLPModel"``, or ``"RNNModel"`` for actor and critic with recurrent
            layers each before those of ``hidden_dims``: ``rnn_type`` (``"lstm"``, ``"gru"``),
            ``rnn_hidden_dim`` (256), ``rnn_num_layers`` (1).

    Raises:
        ImportError: if rsl-rl-lib is not installed.
        TypeError: if the family has no environments or spaces of other kinds, or an option is not known.
        ValueError: if a value is out of range, or a falling learning rate has no budget.
    """

    def __init__(
        self,
        family: RLFamily,
        *,
        seed: Seed,
        n_envs: int = 1024,
        n_steps: int = 32,
        device: str = "auto",
        normalize: bool | str = True,
        budget: float | None = None,
        processes: int = 1,
        options: Mapping[str, Any] | None = None,
        policy: Mapping[str, Any] | None = None,
    ) -> None:
        check_library()
        if not isinstance(family, RLFamily):
            raise TypeError(
                f"rsl-rl: expected a family with environments (RLFamily), got {type(family).__name__}"
                f"{see('students.md')}"
            )
        _check_numbers(n_envs, n_steps, processes)
        # 1 and 0 are equal to True and False as keys, so ask for a true bool.
        if not isinstance(normalize, bool) and not is_one_of(normalize, ("observations", "rewards")):
            raise ValueError(f"rsl-rl: normalize: expected one of {list(_NORMALIZE)}, got {normalize!r}")
        if options is None:
            options = {}
        if policy is None:
            policy = {}
        check_options(options, policy, slots=n_envs, steps=n_steps)
        numbers, self._rate = learning_rate(options, budget)
        self._device = _device(device)
        # Separate streams, so that draws of the networks do not move those of the tasks.
        model_seed, queue_seed = seed_sequence(seed).spawn(2)
        self._family = family
        self._n_envs = n_envs
        self._processes = processes
        self.failures = Failures()
        self._generators = PrivateGenerators(int(model_seed.generate_state(1)[0]) % 2**31)
        self._test_envs: dict[int, TensorEnvs] = {}
        self._counts = {"train": 0.0, "measure": 0.0, "updates": 0.0}
        self._log: dict[str, float] = {}
        envs = make_tensor_envs(family, n_envs, self._device, processes=processes)
        self._envs = envs
        observations, rewards = _NORMALIZE[normalize]
        # Initial weights are drawn from the private generators.
        with self._active(self._generators):
            self.ppo = RslRlPPO(
                envs, n_steps, options=numbers, policy=policy, observations=observations, rewards=rewards
            )
        queue = TensorQueue(n_envs, seed=queue_seed, device=self._device)
        self._rollout = TensorRollout(
            envs, queue, n_steps, discount=self.ppo.discount, failures=self.failures
        )
        self._bound: BoundTensorRollout | None = None
        self.offers: Offers = playing_offers(family.success_above is not None)
        self._demand = everything(self.offers)
        self._carried = self._demand.signals

    def bind(self, demand: Demand) -> None:
        """Play tasks episode by episode, as a new student does, or bind each slot to one for a rollout.

        Raises:
            ValueError: if something is asked for that is not offered, if the student has started by another
                demand, or if a rollout of one slot is shorter than the number of minibatches.
        """
        carried = check_demand(demand, self.offers, "rsl-rl")
        # The same demand changes nothing, even after training has begun.
        if demand == self._demand:
            return
        if self._bound is not None or any(self._counts.values()):
            raise ValueError(f"rsl-rl: expected to be bound before training, got {demand} afterwards")
        if demand.granularity == "rollout":
            self._bind_rollouts(carried)
        else:
            self._rollout.choose(carried)
        self._demand = demand
        self._carried = carried

    def _bind_rollouts(self, signals: frozenset[str]) -> None:
        steps = len(self.ppo.observations)
        # One slot may be all that is learnt from, and each minibatch needs two steps.
        batches = self.ppo.minibatches(1)
        if steps < 2 * batches:
            raise ValueError(
                f"rsl-rl: bound for rollouts, of which one slot may be all that is learnt from: expected "
                f"n_steps of at least 2 for each of {batches} minibatches, got {steps}"
            )
        self._bound = BoundTensorRollout(
            self._rollout.envs,
            steps,
            discount=self.ppo.discount,
            mastered=self._family.success_above,
            # The key comes from the student's seed, as do the seeds of a student that is not bound.
            key=self._rollout.queue.key,
            failures=self.failures,
            signals=signals,
        )

    def ask_for_more(self, more: More) -> None:
        """Ask for tasks so, from now on, when slots are free in the midst of a rollout."""
        self._rollout.queue.more = more

    def round_cost(self) -> float:
        """Return the environment steps of a round: a rollout in every slot."""
        return float(self._n_envs * len(self.ppo.observations))

    def wants(self) -> int:
        """Return how many tasks to hand in before the next round; bound for rollouts, the number of slots.

        With somebody to ask in the midst of a round, a task for each slot at the start, and none later; else
        so many that the queue is ahead of the episodes that the next round should finish.
        """
        if self._bound is not None:
            return self._n_envs
        return self._rollout.queue.wants()

    @property
    def row_cost(self) -> float | None:
        """What each outcome costs where it is bound for rollouts, else None."""
        if self._bound is None:
            return None
        return float(len(self.ppo.observations))

    def train(self, assignment: Assignment) -> Outcomes:
        """Run one rollout and one update; rows with ``learn`` False are played before it.

        Measured rows have no value signals (NaN). An assignment of measured rows alone trains nothing. A
        student that is bound for rollouts plays all rows at once; measured ones have all signals.

        Raises:
            ValueError: if the very first assignment is empty, or one of a bound student has not a row for
                each slot.
            EpisodeError: if an environment returns a reward or observation that is not finite.
            TaskError: if an environment fails, and `failures` allows none.
            TooManyFailedTasksError: if it allows no more.
            FloatingPointError: if the update diverges.
        """
        if self._bound is not None:
            return self._train_bound(self._bound, assignment)
        check_purposes(assignment, "rsl-rl")
        parts = []
        # Measured rows come first: they are to see the policy before the update.
        if not assignment.learn.all():
            parts.append(self._measure(assignment.select(~assignment.learn)))
        self._rollout.queue.put(assignment.select(assignment.learn))
        # An empty assignment says that the queue holds enough: train all the same.
        if assignment.learn.any() or len(assignment) == 0:
            with self._active(self._generators):
                tasks, episodes = self._rollout.collect(self.ppo)
                self._counts["train"] += self.ppo.observations.shape[0] * self._n_envs
                self._update(self._counts["train"])
            parts.append(outcomes(tasks, episodes, self._family.success_above))
        return Outcomes.concatenate(parts)

    def _train_bound(self, rollout: BoundTensorRollout, assignment: Assignment) -> Outcomes:
        check_rows(assignment, self._n_envs, "rsl-rl")
        learn = assignment.learn
        # None stands for all slots and spares an index on the device.
        slots: torch.Tensor | None = None
        if not learn.all():
            slots = torch.from_numpy(np.flatnonzero(learn)).to(self._device)
        with self._active(self._generators):
            scores = rollout.collect(self.ppo, assignment, slots)
            good = ~rollout.failed
            # Rows whose environment failed have no outcome.
            if not good.all():
                chosen = torch.from_numpy(good).to(self._device)
                scores = {name: values[chosen] for name, values in scores.items()}
            steps = len(self.ppo.observations)
            found = bound_outcomes(assignment.select(good), scores, steps)
            self._counts["train"] += float(steps * learn.sum())
            add_costs(self._counts, measured_costs(assignment.purpose, steps))
            slots = rollout.learnt
            # Without a single good row to learn from there is no update.
            if slots is None or len(slots):
                # The learning rate follows measured steps too, as the run's budget counts both.
                spent = sum(cost for name, cost in self._counts.items() if name != "updates")
                self._update(spent, slots)
        return found

    def _update(self, spent: float, slots: torch.Tensor | None = None) -> None:
        """Train on the rollout just collected."""
        if self._rate is not None:
            self.ppo.set_learning_rate(self._rate(spent))
        learnt = self._n_envs
        if slots is not None:
            learnt = len(slots)
        self._log = self.ppo.update(slots)
        self._counts["updates"] += self.ppo.alg.num_learning_epochs * self.ppo.minibatches(learnt)

    def evaluate(self, tasks: Array, *, seed: int) -> Outcomes:
        """Play each task once as the family tests policies; the same seed gives the same episodes.

        Raises:
            TaskError: if the environment of a task fails three times.
        """
        # A seed for each task, so that its outcome does not depend on the number of slots.
        seeds = np.random.SeedSequence(seed).generate_state(len(tasks)).astype(np.int64) % 2**31
        greedy = self._family.test_actions == "greedy"
        # Tests draw from generators of their own and leave the student's alone.
        with self._active(PrivateGenerators(seed)):
            return play_all(partial(self._play, greedy=greedy), tasks, seeds)

    def compile(self) -> None:
        """Let the environments of training and of tests compile, if they do."""
        if isinstance(self._envs, Compiles):
            self._envs.compile()
            # How many slots there are may decide which kernels step them, so those of the tests come now too.
            tests = self._slots_of_tests(len(self._family.test_tasks()))
            if isinstance(tests, Compiles):
                tests.compile()

    def spent(self) -> Mapping[str, float]:
        """Return environment steps trained and measured, optimiser steps, seconds in the environments."""
        clock = (self._bound or self._rollout).clock
        return self._counts | {"environment_seconds": clock.seconds}

    def holds(self) -> IntArray:
        """Return the ids in the queue and in the slots."""
        ids = np.concatenate([self._rollout.queue.ids, self._rollout.ids])
        # An id below 0 is a repeated task, for which nobody waits.
        return ids[ids >= 0]

    def metrics(self) -> Mapping[str, float]:
        """Return losses and learning rate of the last update, and how many episodes repeated a task."""
        if self._bound is not None:
            return self._log
        return self._log | {"repeated_tasks": float(self._rollout.queue.repeated)}

    def weights(self) -> State:
        """Return networks, optimiser, learning rate and normalisation as plain data."""
        return self.ppo.weights()

    def take_weights(self, state: State) -> None:
        """Go on from `weights` of a student made with the same options (raises ValueError for another's)."""
        self.ppo.take_weights(state)

    def state_dict(self) -> State:
        """Return networks, optimiser, generators, queue and, where they can be saved, environments."""
        return {
            "ppo": self.ppo.state_dict(),
            "bound": self._bound is not None,
            "rollout": (self._bound or self._rollout).state_dict(),
            "generators": self._generators.state_dict(),
            "counts": dict(self._counts),
            "log": dict(self._log),
        }

    def load_state_dict(self, state: State) -> None:
        """Continue from `state_dict`: exactly if bound for rollouts or if the environments can be saved.

        Else new episodes start.

        Raises:
            ValueError: if the state is of a student bound otherwise, or of other networks.
        """
        # Binding decides what is saved, so both sides must agree.
        if state["bound"] != (self._bound is not None):
            own = "episodes" if self._bound is None else "rollouts"
            raise ValueError(f"rsl-rl: expected the state of a student bound for {own}, got the other kind")
        self.ppo.load_state_dict(state["ppo"])
        if self._bound is not None:
            self._bound.load_state_dict(state["rollout"])
        elif not self._rollout.load_state_dict(state["rollout"]):
            # The episodes under way are lost, and their hidden states with them.
            self.ppo.restart()
        self._generators.load_state_dict(state["generators"])
        self._counts.update(state["counts"])
        # Not there in older checkpoints.
        self._log = dict(state.get("log", {}))

    def policy(self, *, greedy: bool, seed: int) -> Act:
        """Return the policy as it is now (`contract.student.Acts`)."""
        generators = PrivateGenerators(seed)
        player = self.ppo.player(greedy=greedy)

        def act(obs: Any, first: BoolArray) -> Array:
            given = torch.as_tensor(np.asarray(obs), dtype=torch.float32, device=self._device)
            starts = torch.as_tensor(np.asarray(first), device=self._device)
            with self._active(generators):
                actions = player(given.reshape(len(given), -1), starts)
            return actions.cpu().numpy()

        return act

    def network(self) -> Any:
        """Return the greedy policy as one module (`contract.student.Exports`).

        Raises:
            ValueError: if the policy is recurrent.
        """
        return self.ppo.network()

    def archive(self, path: Path) -> Act:
        """Refuse: the library has no format of its own.

        Raises:
            ValueError: always.
        """
        raise ValueError(
            f"{path.name}: expected a file .pt or .onnx for rsl-rl's policies, got a .zip of sb3's"
        )

    def close(self) -> None:
        """Close the environments."""
        self._rollout.close()
        for envs in self._test_envs.values():
            envs.close()

    @contextmanager
    def _active(self, generators: PrivateGenerators) -> Iterator[None]:
        """Let the library draw from private generators, on this student's device."""
        on_gpu = self._device.type == "cuda"
        with torch.cuda.device(self._device) if on_gpu else nullcontext(), generators.active(), unvalidated():
            yield

    def _measure(self, assignment: Assignment) -> Outcomes:
        """Play tasks with the exploring policy, without training; value signals are NaN: not measured."""
        explore = functools.partial(self._play, greedy=False)
        with self._active(self._generators):
            outcomes, costs = measured(assignment, explore, self._carried, self.failures)
        add_costs(self._counts, costs)
        return outcomes

    def _play(
        self, tasks: Array, seeds: IntArray, failed: dict[int, Fault] | None, *, greedy: bool
    ) -> Outcomes:
        """Play in slots of their own: as many as a power of two holds the tasks, at most ``n_envs``."""
        return play_tensors(
            self._slots_of_tests(len(tasks)),
            self.ppo.player(greedy=greedy),
            tasks,
            seeds,
            mastered=self._family.success_above,
            failed=failed,
        )

    def _slots_of_tests(self, tasks: int) -> TensorEnvs:
        """Return slots for so many test tasks."""
        slots = slots_for(tasks, self._n_envs)
        # Tests come again with as many tasks, so their slots stay open.
        if slots not in self._test_envs:
            processes = min(self._processes, slots)
            self._test_envs[slots] = make_tensor_envs(self._family, slots, self._device, processes=processes)
        return self._test_envs[slots]


def _check_numbers(n_envs: int, n_steps: int, processes: int) -> None:
    """Raise unless there are slots, steps and processes, and a rollout can be learnt from."""
    check_whole("rsl-rl: n_envs", n_envs, 1, _MOST)
    check_whole("rsl-rl: n_steps", n_steps, 1, _MOST)
    check_whole("rsl-rl: processes", processes, 1, _MOST)
    # Advantages are divided by their standard deviation, which needs two steps.
    if n_envs * n_steps < 2:
        raise ValueError(
            f"rsl-rl: expected n_envs and n_steps >= 1, more than 1 together, got {n_envs}, {n_steps}"
        )


def _device(name: str) -> torch.device:
    """Return the device of a name; ``"auto"`` is the current GPU where there is one."""
    if not isinstance(name, str):
        raise ValueError(f"rsl-rl: device: expected 'auto', 'cpu' or 'cuda', got {name!r}")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except (RuntimeError, TypeError) as error:
        raise ValueError(f"rsl-rl: device: expected 'auto', 'cpu' or 'cuda', got {name!r}") from error
    if device.type not in ("cpu", "cuda"):
        raise ValueError(f"rsl-rl: device: expected 'auto', 'cpu' or 'cuda', got {name!r}")
    if device.type == "cuda":
        number = 0 if device.index is None else device.index
        if number >= torch.cuda.device_count():
            raise ValueError(f"rsl-rl: device {name!r}: expected one of {torch.cuda.device_count()} GPUs")
        # Tensors name their device with a number, and "cuda" is not equal to "cuda:0".
        return torch.device("cuda", torch.cuda.current_device() if device.index is None else number)
    return device
