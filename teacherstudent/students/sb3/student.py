"""A stable-baselines3 algorithm as a student: each round is one of its own collect and train rounds."""

from __future__ import annotations

import copy
import dataclasses
import functools
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, cast

import gymnasium as gym
import numpy as np
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.type_aliases import TrainFreq
from stable_baselines3.common.vec_env import VecEnv

from teacherstudent.contract.accounts.failures import Failures
from teacherstudent.contract.checks import check_flag, check_whole
from teacherstudent.contract.demand import Demand, Offers, check_demand, everything
from teacherstudent.contract.family import RLFamily
from teacherstudent.contract.purposes import add_costs, check_purposes
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
from teacherstudent.students.rollouts.play import measured, play, play_all, slots_for
from teacherstudent.students.rollouts.scores import VALUE_SIGNALS, playing_offers
from teacherstudent.students.rollouts.signals import RolloutSignals, chosen
from teacherstudent.students.sb3 import options as sb3_options
from teacherstudent.students.sb3 import state as sb3_state
from teacherstudent.students.sb3.exported import GreedyPolicy, archive
from teacherstudent.students.sb3.forgetting import Forgetting
from teacherstudent.students.sb3.pixels import normalized
from teacherstudent.students.sb3.queue import More, TaskQueue
from teacherstudent.students.sb3.recurrent import speed_up
from teacherstudent.students.sb3.replays import BoundReplays, can_be_bound, estimates
from teacherstudent.students.sb3.rollout import BoundRollouts, BoundRounds
from teacherstudent.students.sb3.vec_env import TaskVecEnv

_FOREVER = 2**62


@STUDENTS.register("sb3")
class SB3Student:
    """Any stable-baselines3 on- or off-policy algorithm on vectorised environments.

    A task is asked for when a slot is free (`ask_for_more`): in every step for as many slots as have ended
    their episode. Outcomes come back when the round ends, so a task is chosen at most one round late. Where
    there is nobody to ask, as in a loop of one's own, tasks wait in a queue; when that runs dry, a task of
    the latest assignment is played again, and its outcome carries the id -1.

    If its run allows it (`failures`), a task whose environment fails has no outcome, and the slot goes on
    with the next one; bound for rollouts, the row is not learnt from.

    Slots can be bound for rollouts instead (`bind`): then `teacherstudent.students.sb3.rollout.BoundRollouts`
    says what a round is, and of off-policy algorithms `teacherstudent.students.sb3.replays.BoundReplays`.
    Nothing is under way between two rounds, and a saved student goes on exactly whatever its environments
    are. ``n_steps``, or ``rollout_steps`` of off-policy algorithms, should then be at least the most steps of
    an episode (`contract.student.Student`).

    Args:
        family: whose tasks are played.
        seed: everything random about the student comes from it.
        algorithm: a class of stable_baselines3 by name (``"PPO"``, ``"SAC"``) or any ``"module:Class"``, such
            as ``"sb3_contrib:RecurrentPPO"`` (extra ``recurrent``), whose hidden state is zero when an
            episode starts, and whose LSTMs are computed by `teacherstudent.students.sb3.recurrent` on the
            CPU.
        policy: as the algorithm takes it; None for the standard one of the observations: ``"MlpPolicy"``,
            ``"CnnPolicy"`` for images, ``"MultiInputPolicy"`` for dictionaries, or ``"MlpLstmPolicy"``... A
            ``Box`` of three axes is an image; those that are small or no bytes are read by
            `teacherstudent.students.sb3.pixels.PixelExtractor`, unless ``policy_kwargs`` name another.
        n_envs: environment slots.
        processes: over how many processes the slots are spread; 1 is this process.
        device: as the algorithm takes it; ``"auto"`` is the GPU where there is one.
        normalize: running normalisation of observations, but images, and rewards (``VecNormalize``).
        budget: the whole run's environment steps, for schedules that depend on progress.
        options: further arguments of the algorithm. A schedule such as ``learning_rate`` may be
            ``"linear:3e-4"``, which falls to 0 over the budget; values such as ``"torch.nn:ReLU"`` inside
            ``policy_kwargs`` are imported.
        forget_every: environment steps after which networks, optimisers and replay buffer start anew, again
            and again (`teacherstudent.students.sb3.forgetting.Forgetting`); None for never.
        rollout_steps: of an off-policy algorithm, steps of the rollouts for which teachers of levels bind a
            slot; on-policy ones have ``n_steps``.

    Raises:
        TypeError: if the family has no environments or the algorithm is no stable-baselines3 algorithm
            or does not take one of the options.
        ValueError: if the algorithm is unknown, ``n_envs`` or ``rollout_steps`` is less than 1, a schedule
            has no budget, or ``forget_every`` is less than a round.
    """

    def __init__(
        self,
        family: RLFamily,
        *,
        seed: Seed,
        algorithm: str = "PPO",
        policy: str | None = None,
        n_envs: int = 8,
        processes: int = 1,
        device: str = "auto",
        normalize: bool = False,
        budget: float | None = None,
        options: Mapping[str, Any] | None = None,
        forget_every: float | None = None,
        rollout_steps: int = 256,
    ) -> None:
        sb3_options.check_environments(family, n_envs, processes)
        check_flag("sb3: normalize", normalize)
        sb3_options.check_budget(budget)
        sb3_options.check_names(policy, device)
        # Separate streams, so that draws of one part do not move those of another.
        model_seed, env_seed, queue_seed = seed_sequence(seed).spawn(3)
        # 31 bits fit into every generator that the algorithm seeds.
        number = int(model_seed.generate_state(1)[0]) % 2**31
        kind = sb3_options.algorithm(algorithm)
        sb3_options.check_policy(kind, policy)
        given = {} if options is None else options
        sb3_options.check_options(kind, given)
        resolved = sb3_options.resolve(given, budget)
        self._family = family
        self._n_envs = n_envs
        self._processes = processes
        self._budget = budget
        self._rollout_steps = check_whole("sb3: rollout_steps", rollout_steps, 1)
        self.failures = Failures()
        self._generators = PrivateGenerators(number)
        self._queue = TaskQueue(n_envs, seed=queue_seed)
        self._bound: BoundRounds | None = None
        self._env_seed = env_seed
        self._test_envs: dict[int, gym.vector.VectorEnv[Any, Any, Any]] = {}
        self._callback: Any = None
        self._counts = {"measure": 0.0, "updates": 0.0}
        self._envs = TaskVecEnv(
            family.make_vec(n_envs, processes=processes),
            self._queue.draw,
            seed=env_seed,
            mastered=family.success_above,
            failures=self.failures,
        )
        wrapped = _wrapped(self._envs, normalize, resolved.get("gamma", 0.99))
        observed = self._envs.observation_space
        resolved = sb3_options.with_extractor(resolved, observed, policy)
        policy = policy or sb3_options.standard_policy(kind, observed)
        # Initial weights are drawn from the private generators.
        with self._generators.active():
            self.model = kind(policy, wrapped, seed=number, device=device, verbose=0, **resolved)
        # Off-policy algorithms draw from it, and environments of one class may share theirs.
        self.model.action_space = copy.deepcopy(self.model.action_space)
        self._fit_in(forget_every)
        self.offers: Offers = self._all_offers()
        self._demand = everything(self.offers)
        self._carried = self._demand.signals
        self._signals = self._value_signals()

    def _fit_in(self, forget_every: float | None) -> None:
        """Make the new algorithm silent, quick on the CPU, counted, and forgetful if it is to be."""
        self._forgetting: Forgetting | None = None
        if forget_every is not None:
            self._forgetting = Forgetting(self.model, forget_every, round_steps=self.round_cost())
        speed_up(self.model.policy)
        # No output: the log is read from memory.
        self.model.set_logger(Logger(folder=None, output_formats=[]))
        # A hook on the optimiser counts updates without a change to the algorithm.
        sb3_state.main_optimizer(self.model).register_step_post_hook(self._count_update)

    def _all_offers(self) -> Offers:
        """Return what the algorithm can be asked for."""
        success = self._family.success_above is not None
        if isinstance(self.model, OnPolicyAlgorithm):
            return playing_offers(success)
        rollouts = can_be_bound(self.model)
        offers = dict(playing_offers(success, values=False, rollouts=rollouts))
        if not rollouts:
            return offers
        # Replay buffers hold no advantages: only what a critic of Q-values tells is there.
        absent = set(VALUE_SIGNALS) - set(estimates(self.model))
        offers["rollout"] = {k: v for k, v in offers["rollout"].items() if k not in absent}
        return offers

    def bind(self, demand: Demand) -> None:
        """Play tasks episode by episode, as a new student does, or bind each slot to one for a rollout.

        Raises:
            ValueError: if something is asked for that is not offered (an algorithm that trains after whole
                episodes offers no rollouts); or if the student has started by another demand.
        """
        carried = check_demand(demand, self.offers, f"sb3: {type(self.model).__name__}")
        if demand == self._demand:
            return
        # A callback says that training has begun.
        if self._bound is not None or self._callback is not None:
            raise ValueError(f"sb3: expected to be bound before training, got {demand} afterwards")
        self._demand = demand
        self._carried = carried
        if demand.granularity == "rollout":
            self._bind_rollouts()
        self._signals = self._value_signals()

    def _value_signals(self) -> RolloutSignals | None:
        """Return what computes the value signals of episodes; None where none is asked for."""
        # A bound student computes its signals from the rollout's tables.
        names = chosen(self._carried)
        if self._bound is not None or not names:
            return None
        assert isinstance(self.model, OnPolicyAlgorithm)
        return RolloutSignals(self._n_envs, self.model.gamma * self.model.gae_lambda, names)

    def _bind_rollouts(self) -> None:
        options: dict[str, Any] = {
            "seed": self._env_seed,
            "mastered": self._family.success_above,
            "total": self._total,
            "failures": self.failures,
            "signals": self._carried,
        }
        if isinstance(self.model, OnPolicyAlgorithm):
            self._bound = BoundRollouts(self.model, self._envs.envs, **options)
            return
        assert isinstance(self.model, OffPolicyAlgorithm)
        self._bound = BoundReplays(self.model, self._envs.envs, self._rollout_steps, **options)

    @property
    def _total(self) -> int:
        if self._budget is None:
            return _FOREVER
        return int(self._budget)

    def _forget(self) -> None:
        """Forget what was learnt, where it is time to."""
        if self._forgetting is not None:
            self._forgetting.before_round(self.model, self.spent()["train"])

    def _count_update(self, *_: Any) -> None:
        self._counts["updates"] += 1

    def ask_for_more(self, more: More) -> None:
        """Ask for tasks so, from now on, when slots are free in the midst of a round."""
        self._queue.more = more

    def round_cost(self) -> float:
        """Return the environment steps of a round; of one that lasts an episode, the least."""
        if self._bound is not None:
            return float(self._n_envs * len(self._bound.envs.rewards))
        return float(self._n_envs * sb3_options.round_steps(self.model))

    def wants(self) -> int:
        """Return how many tasks to hand in before the next round; bound for rollouts, the number of slots.

        With somebody to ask in the midst of a round, a task for each slot at the start, and none later; else
        so many that the queue is ahead of the episodes that the next round should finish.
        """
        if self._bound is not None:
            return self._n_envs
        return self._queue.wants()

    @property
    def row_cost(self) -> float | None:
        """What each outcome costs where it is bound for rollouts, else None."""
        if self._bound is None:
            return None
        return float(len(self._bound.envs.rewards))

    def train(self, assignment: Assignment) -> Outcomes:
        """Run one collect and train round of the algorithm; rows with ``learn`` False are played before it.

        Measured rows have no value signals (NaN). An assignment of measured rows alone trains nothing. A
        student that is bound for rollouts plays all rows at once: `BoundRollouts.train`.

        Raises:
            ValueError: if the very first assignment is empty, or one of a bound student has not a row for
                each slot.
            EpisodeError, TaskError: if an environment fails, and `failures` allows none.
            TooManyFailedTasksError: if it allows no more.
        """
        if self._bound is not None:
            with self._generators.active():
                # Rows that are only measured must not change the student.
                if assignment.learn.any():
                    self._forget()
                return self._bound.train(assignment)
        check_purposes(assignment, "sb3")
        parts = []
        # Measured rows come first: they are to see the policy before the update.
        if not assignment.learn.all():
            parts.append(self._measure(assignment.select(~assignment.learn)))
        self._queue.put(assignment.select(assignment.learn))
        # An empty assignment says that the queue holds enough: train all the same.
        if assignment.learn.any() or len(assignment) == 0:
            with self._generators.active():
                # Set up as late as this, because it starts the environments and they need tasks.
                if self._callback is None:
                    self._begin()
                self._forget()
                finished = self._round()
            if finished is not None:
                parts.append(finished)
        if not parts:
            return self._nothing()
        return Outcomes.concatenate(parts)

    def evaluate(self, tasks: Array, *, seed: int) -> Outcomes:
        """Play each task once as the family tests policies; the same seed gives the same episodes.

        Raises:
            TaskError: if the environment of a task fails three times.
        """
        # A seed for each task, so that its outcome does not depend on the number of slots.
        seeds = np.random.SeedSequence(seed).generate_state(len(tasks)).astype(np.int64) % 2**31
        greedy = self._family.test_actions == "greedy"
        # Tests draw from generators of their own and leave the student's alone.
        with PrivateGenerators(seed).active():
            return play_all(partial(self._play, greedy=greedy), tasks, seeds)

    def compile(self) -> None:
        """Let the environments of training and of tests compile, if they do."""
        if not isinstance(self._envs.envs, Compiles):
            return
        self._envs.envs.compile()
        # How many slots there are may decide which kernels step them, so those of the tests come now too.
        tests = self._slots_of_tests(len(self._family.test_tasks()))
        if isinstance(tests, Compiles):
            tests.compile()

    def spent(self) -> Mapping[str, float]:
        """Return environment steps trained and measured, optimiser steps, seconds in the environments."""
        steps = float(self.model.num_timesteps)
        if self._bound is None:
            return self._counts | {"train": steps, "environment_seconds": self._envs.environment_seconds}
        measured = self._bound.measured
        # The algorithm's own counter holds measured steps too.
        train = steps - sum(measured.values())
        seconds = self._bound.envs.environment_seconds
        return self._counts | measured | {"train": train, "environment_seconds": seconds}

    def holds(self) -> IntArray:
        """Return the ids in the queue and in the slots."""
        ids = np.concatenate([self._queue.ids, self._envs.ids])
        # An id below 0 is a repeated task, for which nobody waits.
        return ids[ids >= 0]

    def metrics(self) -> Mapping[str, float]:
        """Return the algorithm's own log of its last update, and how many episodes repeated a task.

        A student that forgets says how often it has been reset.
        """
        log = {
            name: float(value)
            for name, value in self.model.logger.name_to_value.items()
            if isinstance(value, int | float | np.number)
        }
        if self._forgetting is not None:
            log["resets"] = float(self._forgetting.resets)
        if self._bound is not None:
            return log
        return log | {"repeated_tasks": float(self._queue.repeated)}

    def weights(self) -> State:
        """Return networks, optimisers and normalisation as plain data."""
        return sb3_state.weights_of(self.model)

    def take_weights(self, state: State) -> None:
        """Go on from `weights` of a student made with the same options (raises ValueError for another's)."""
        sb3_state.load_weights(self.model, state)

    def state_dict(self) -> State:
        """Return networks, optimisers, buffers, generators, queue and, where they can be saved, environments.

        Raises:
            ValueError: if the replay buffer is of a kind whose content is not known.
        """
        shared = {
            "algorithm": sb3_state.algorithm_state(self.model),
            "log": sb3_state.log_state(self.model),
            "generators": self._generators.state_dict(),
            "counts": dict(self._counts),
        }
        if self._forgetting is not None:
            shared["forgetting"] = self._forgetting.state_dict()
        if self._bound is not None:
            return shared | {"bound": self._bound.state_dict()}
        return shared | {
            "observations": sb3_state.under_way(self.model),
            "envs": self._envs.state_dict(),
            "queue": self._queue.state_dict(),
            "signals": None if self._signals is None else self._signals.state_dict(),
        }

    def load_state_dict(self, state: State) -> None:
        """Continue from `state_dict`: exactly if bound for rollouts or if the environments can be saved.

        Else new episodes start.

        Raises:
            ValueError: if the state is of a student bound otherwise, or of other networks.
        """
        # Binding decides what is saved, so both sides must agree.
        if ("bound" in state) != (self._bound is not None):
            own = "episodes" if self._bound is None else "rollouts"
            raise ValueError(f"sb3: expected the state of a student bound for {own}, got the other kind")
        if self._forgetting is not None:
            self._forgetting.load_state_dict(state["forgetting"])
        self._counts.update(state["counts"])
        if self._bound is None:
            self._load_episodes(state)
        else:
            self._bound.load_state_dict(state["bound"])
        # Only after `_load_episodes`, whose set-up changes counters and draws random numbers.
        sb3_state.load_algorithm(self.model, state["algorithm"])
        # Not there in older checkpoints.
        sb3_state.load_log(self.model, state.get("log", {}))
        self._generators.load_state_dict(state["generators"])

    def _load_episodes(self, state: State) -> None:
        """Continue with the queue and, if they can be saved, the environments."""
        self._queue.load_state_dict(state["queue"])
        # The set-up draws numbers that must not come from the student's own generators.
        with PrivateGenerators(0).active():
            continues = self._envs.load_state_dict(state["envs"])
            # Without observations the set-up starts every slot.
            self._callback = self.model._last_obs = None
            if continues:
                sb3_state.load_under_way(self.model, state["observations"])
                self._begin()
        if self._signals is not None:
            self._signals.reset()
            if continues:
                self._signals.load_state_dict(state["signals"])

    def close(self) -> None:
        """Close the environments."""
        self._envs.close()
        for envs in self._test_envs.values():
            envs.close()

    def _begin(self) -> None:
        """Let the algorithm set itself up; it starts the environments unless it has observations already."""
        # `learn` does this once, before its loop of rounds.
        _, self._callback = self.model._setup_learn(self._total, None, reset_num_timesteps=False)
        # The set-up adds the steps so far to the total, but schedules must see the run's own total.
        self.model._total_timesteps = self._total

    def _round(self) -> Outcomes | None:
        """Collect and train once, as the algorithm's own ``learn`` does, and return what has finished."""
        model = self.model
        env = self.model.env
        assert env is not None
        if isinstance(model, OnPolicyAlgorithm):
            model.collect_rollouts(env, self._callback, model.rollout_buffer, n_rollout_steps=model.n_steps)
            # The value signals need the buffer's advantages, so take them before anything else.
            finished = self._with_signals(model, self._pop())
            model._update_current_progress_remaining(model.num_timesteps, model._total_timesteps)
            model.train()
            return finished
        assert isinstance(model, OffPolicyAlgorithm)
        rollout = model.collect_rollouts(
            env,
            train_freq=cast("TrainFreq", model.train_freq),
            action_noise=model.action_noise,
            callback=self._callback,
            learning_starts=model.learning_starts,
            replay_buffer=cast("ReplayBuffer", model.replay_buffer),
        )
        # As in `learn`, nothing is trained before the first random steps are over.
        if model.num_timesteps > model.learning_starts:
            steps = model.gradient_steps
            # Below 0 the option means: as many gradient steps as steps were collected.
            if steps < 0:
                steps = rollout.episode_timesteps
            if steps > 0:
                model.train(batch_size=model.batch_size, gradient_steps=steps)
        # Only value signals ask what was kept, and off-policy algorithms have none.
        self._envs.pop_kept()
        return self._pop()

    def _pop(self) -> Outcomes | None:
        finished = self._envs.pop_finished()
        # The queue must also hear of rounds in which nothing finished.
        self._queue.observe(0 if finished is None else len(finished))
        return finished

    def _with_signals(self, model: OnPolicyAlgorithm, finished: Outcomes | None) -> Outcomes | None:
        """Add the value signals of the rollout just collected."""
        kept = self._envs.pop_kept()
        if self._signals is None:
            return finished
        assert model._last_episode_starts is not None
        buffer = model.rollout_buffer
        # Update even if nothing finished: the sums are carried to the next round.
        values = self._signals.update(buffer.advantages, buffer.episode_starts, model._last_episode_starts)
        if finished is None:
            return None
        # Failed episodes have signals, but no row of outcomes.
        if not kept.all():
            values = {name: rows[kept] for name, rows in values.items()}
        return dataclasses.replace(finished, signals={**finished.signals, **values})

    def _measure(self, assignment: Assignment) -> Outcomes:
        """Play tasks with the exploring policy, without training; value signals are NaN: not measured."""
        explore = functools.partial(self._play, greedy=False)
        with self._generators.active():
            outcomes, costs = measured(assignment, explore, self._carried, self.failures)
        add_costs(self._counts, costs)
        return outcomes

    def _play(
        self, tasks: Array, seeds: IntArray, failed: dict[int, Fault] | None, *, greedy: bool
    ) -> Outcomes:
        envs = self._slots_of_tests(len(tasks))
        act = self._acting(greedy=greedy)
        return play(envs, act, tasks, seeds, mastered=self._family.success_above, failed=failed)

    def _acting(self, *, greedy: bool) -> Act:
        """Return the policy with a hidden state of its own."""
        normalize = self.model.get_vec_normalize_env()
        # A recurrent policy returns its state, which goes into the next call.
        hidden: Any = None

        def act(obs: Any, first: BoolArray) -> Array:
            nonlocal hidden
            # Tests read the moments of training and do not move them.
            if normalize is not None:
                obs = normalize.normalize_obs(obs)
            actions, hidden = self.model.predict(obs, hidden, first, deterministic=greedy)
            return actions

        return act

    def policy(self, *, greedy: bool, seed: int) -> Act:
        """Return the policy as it is now (`contract.student.Acts`)."""
        generators = PrivateGenerators(seed)
        act = self._acting(greedy=greedy)

        def drawn(obs: Any, first: BoolArray) -> Array:
            # Neither the student's generators nor the world's move.
            with generators.active():
                return act(obs, first)

        return drawn

    def network(self) -> Any:
        """Return the greedy policy as one module (`contract.student.Exports`).

        Raises:
            ValueError: if the policy is recurrent, or takes dictionaries.
        """
        return GreedyPolicy(self.model)

    def archive(self, path: Path) -> Act:
        """Write the algorithm as stable-baselines3 does; what is returned acts by the file.

        Raises:
            ValueError: if observations are normalised, which such a file does not hold.
        """
        return archive(self.model, path)

    def _slots_of_tests(self, tasks: int) -> gym.vector.VectorEnv[Any, Any, Any]:
        """Return slots for so many test tasks."""
        slots = slots_for(tasks, self._n_envs)
        # Tests come again with as many tasks, so their slots stay open.
        if slots not in self._test_envs:
            made = self._family.make_vec(slots, processes=min(self._processes, slots))
            self._test_envs[slots] = made
        return self._test_envs[slots]

    def _nothing(self) -> Outcomes:
        shape = self._family.space.shape or ()
        none = np.zeros(0)
        return Outcomes(
            ids=np.zeros(0, np.int64),
            tasks=np.zeros((0, *shape), self._family.space.dtype),
            score=none,
            cost=none,
            signals=dict.fromkeys(self._carried, none),
        )


def _wrapped(envs: TaskVecEnv, normalize: bool, gamma: float) -> VecEnv:
    """Return the environments, with running normalisation if it is asked for."""
    if normalize:
        return normalized(envs, gamma)
    return envs
