"""PPO of rsl_rl for a rollout that stays on its device: networks, advantages, update, state."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from teacherstudent.contract.types import State
from teacherstudent.networks.pixels import parts_of
from teacherstudent.networks.recurrent.hidden import Ends, Hidden, forget, hidden_of, recall
from teacherstudent.networks.state import load_module, load_optimizer, module_state, optimizer_state
from teacherstudent.slots.tensor_envs import TensorEnvs
from teacherstudent.students.rsl_rl.options import is_recurrent
from teacherstudent.students.rsl_rl.policy.actions import Actions


class RslRlPPO:
    """The networks, the storage and the update of rsl_rl's PPO (BSD-3, Schulman et al. 2017).

    Advantages (``PPO.compute_returns``), losses, adaptive learning rate and normalisers are the library's.
    Different from its ``OnPolicyRunner`` and ``PPO.process_env_step``:

    - An episode cut by the time limit is bootstrapped with gamma x V(its last observation). The library adds
      gamma x V(the observation *before* the last step) for ``extras["time_outs"]``.
    - Transitions are written straight into the storage, so environments may reuse their buffers; the
      library keeps a reference to the observations until after the environment's step.
    - Rewards can be divided by the running standard deviation of their discounted sum, which starts anew at
      each episode, and clipped to +-10; every rollout is scaled once, with itself counted in. The library's
      module for this runs on over episode ends and waits for the device at every step.
    - Actions are sampled without waiting for the device, and may be discrete, one or several at a time:
      `teacherstudent.students.rsl_rl.distributions`.
    - Images among the observations are read by convolutions: `teacherstudent.networks.pixels`.
    - Recurrent networks forget when an episode starts, train on packed episodes instead of padded ones, and
      on minibatches of whole slots that are drawn for each update:
      `teacherstudent.students.rsl_rl.recurrent`. An update on fewer slots than minibatches has a minibatch
      for each slot. On the CPU their layers are the project's own, in torch's parameters:
      `teacherstudent.networks.recurrent.packed`.
    - Non-finite losses raise.

    Attributes:
        alg: ``rsl_rl.algorithms.PPO``.
        recurrent: whether actor and critic have a hidden state.
        observations: ``(steps, n, d)``: the storage's table, filled by the rollout.

    Args:
        envs: the environments that it is made for; only their spaces and numbers are read.
        steps: steps of a rollout.
        options: checked arguments of ``rsl_rl.algorithms.PPO``.
        policy: checked settings of the networks.
        observations: normalise observations by their running mean and standard deviation.
        rewards: scale rewards as above.
    """

    def __init__(
        self,
        envs: TensorEnvs,
        steps: int,
        *,
        options: Mapping[str, Any],
        policy: Mapping[str, Any],
        observations: bool,
        rewards: bool,
    ) -> None:
        # Import late, as the library is an optional extra.
        from rsl_rl.algorithms import PPO
        from rsl_rl.modules import EmpiricalNormalization
        from tensordict import TensorDict

        from teacherstudent.students.rsl_rl.policy.models import models  # needs rsl_rl
        from teacherstudent.students.rsl_rl.recurrent import EpisodeStorage  # needs rsl_rl

        self.recurrent = is_recurrent(policy)
        n = envs.num_envs
        device = envs.device
        parts = parts_of(envs.single_observation_space)
        self._parts = parts
        obs = TensorDict({"obs": torch.zeros(n, sum(part.size for part in parts))}, [n]).to(device)
        self._actions = Actions(envs.single_action_space, device)
        actor, critic = models(obs, parts, self._actions, policy, observations)
        storage = EpisodeStorage("rl", n, steps, obs, [self._actions.columns], str(device))
        self.alg = PPO(actor, critic, storage, device=str(device), **options)
        self.alg.train_mode()
        self.observations: Tensor = storage.observations["obs"]
        # Only a forward pass tells the shapes of the distribution's parameters, which the storage needs.
        with torch.no_grad():
            actor({"obs": obs["obs"]}, stochastic_output=True)
            shapes = [p.shape for p in actor.output_distribution_params]
        storage.distribution_params = tuple(torch.zeros(steps, *shape, device=device) for shape in shapes)
        self._moments = EmpiricalNormalization(1).to(device) if rewards else None
        self._discounted = torch.zeros(n, device=device)
        self._ends = Ends()
        self._now = 0
        self.restart()

    @property
    def values(self) -> Tensor:
        """V of the observations of the rollout, ``(steps, n)``."""
        values: Tensor = self.alg.storage.values[..., 0]
        return values

    @property
    def rewards(self) -> Tensor:
        """Rewards of the rollout as it learns from them, scaled, ``(steps, n)``."""
        rewards: Tensor = self.alg.storage.rewards[..., 0]
        return rewards

    @property
    def reward_scale(self) -> Tensor | float:
        """What rewards are divided by now."""
        if self._moments is None:
            return 1.0
        std: Tensor = self._moments.std
        return std.clamp(min=1e-8)

    @property
    def discount(self) -> float:
        """Gamma x lambda."""
        return float(self.alg.gamma * self.alg.lam)

    def minibatches(self, slots: int) -> int:
        """Return how many minibatches `update` makes of so many slots."""
        batches = int(self.alg.num_mini_batches)
        if self.recurrent:
            return min(batches, slots)
        return batches

    def act(self, t: int) -> Tensor:
        """Sample actions for ``observations[t]``, write step ``t``, and return what the environments take."""
        storage = self.alg.storage
        actor = self.alg.actor
        critic = self.alg.critic
        self._now = t
        # The update replays the rollout from the hidden states at its first step.
        if t == 0:
            storage.first = (hidden_of(actor), hidden_of(critic))
            self._ends.clear()
        obs = {"obs": self.observations[t]}
        actions = actor(obs, stochastic_output=True)
        # Write into the storage at once: environments may overwrite their own buffers.
        storage.actions[t] = actions
        storage.actions_log_prob[t, :, 0] = actor.get_output_log_prob(actions)
        for table, values in zip(storage.distribution_params, actor.output_distribution_params, strict=True):
            table[t] = values
        storage.values[t] = critic(obs)
        return self._actions.bounded(actions)

    def ended(self, done: Tensor) -> None:
        """Forget the episodes that the last step has ended, ``(n,)`` bool."""
        if not self.recurrent:
            return
        # On a GPU it would take a wait to see who has ended.
        if done.device.type == "cpu":
            slots = np.flatnonzero(done.numpy())
            if not len(slots):
                return
            self._ends.add(self._now, torch.from_numpy(slots), hidden_of(self.alg.critic))
        # Forget only now, after the critic's states at the ends have been kept.
        for network in (self.alg.actor, self.alg.critic):
            recall(network, forget(hidden_of(network), done))

    def player(self, *, greedy: bool) -> Callable[[Tensor, Tensor], Tensor]:
        """Return the policy with a hidden state of its own; nothing is written.

        It takes observations ``(n, d)`` and whose are the first of an episode, ``(n,)`` bool, and returns
        what the environments take.
        """
        actor = self.alg.actor
        own: Hidden = ()

        def act(obs: Tensor, first: Tensor) -> Tensor:
            nonlocal own
            # The training rollout's hidden state must come back, whatever happens in between.
            before = hidden_of(actor)
            recall(actor, forget(own, first))
            try:
                with torch.no_grad():
                    actions = actor({"obs": obs}, stochastic_output=not greedy)
                own = hidden_of(actor)
            finally:
                recall(actor, before)
            return self._actions.bounded(actions)

        return act

    def network(self) -> nn.Module:
        """Return a copy of the greedy policy as one module on the CPU; its normaliser is a part of it.

        Raises:
            ValueError: if the policy is recurrent, or observations are no single array.
        """
        if self.recurrent:
            raise ValueError("export: expected a policy without a memory, got a recurrent one")
        from teacherstudent.students.rsl_rl.policy.greedy import GreedyPolicy  # needs rsl_rl

        return GreedyPolicy(self.alg.actor, self._parts, self._actions)

    def finish(
        self,
        rewards: Tensor,
        done: Tensor,
        cut: Tensor,
        last: Tensor,
        obs: Tensor,
        *,
        learn: Tensor | None = None,
    ) -> Tensor:
        """Compute returns and advantages of the rollout; return the advantages, not normalised.

        Args:
            rewards: ``(steps, n)``, as the environments gave them.
            done: ``(steps, n)`` bool.
            cut: ``(steps, n)`` bool: ended by the time limit alone.
            last: ``(steps, n, d)``: observations before a new episode started; read where ``cut``.
            obs: ``(n, d)``: the observations after the last step.
            learn: ``(k,)`` int64: the slots that rewards are scaled and advantages are normalised by; None
                for all.

        Returns:
            ``(steps, n)``.
        """
        storage = self.alg.storage
        storage.dones[..., 0] = done
        storage.rewards[..., 0] = self._scaled(rewards.float(), done, learn)
        times, slots, values = self._values_of_cut(last, cut)
        # A cut episode would have gone on: its last observation stands for the rest of the return.
        storage.rewards[times, slots, 0] += self.alg.gamma * values
        self.alg.compute_returns({"obs": obs})
        advantages: Tensor = storage.returns - storage.values
        # The library normalises over all slots, but measured ones must not shift the moments.
        if learn is not None and len(learn) and not self.alg.normalize_advantage_per_mini_batch:
            chosen = advantages[:, learn]
            storage.advantages = (advantages - chosen.mean()) / (chosen.std() + 1e-8)
        return advantages[..., 0]

    def update(self, learn: Tensor | None = None) -> dict[str, float]:
        """Train on the rollout and return the mean losses and the learning rate.

        Args:
            learn: ``(k,)`` int64: the slots to train on, also those that normalisers of observations see;
                None for all.

        Raises:
            FloatingPointError: if a loss is not finite.
        """
        # The library reads storage and number of minibatches from the algorithm, so swap them for a while.
        whole = self.alg.storage
        if learn is not None:
            self.alg.storage = whole.columns(learn)
        batches = self.alg.num_mini_batches
        self.alg.num_mini_batches = self.minibatches(self.alg.storage.num_envs)
        try:
            means = self.alg.update()
        finally:
            self.alg.storage = whole
            self.alg.num_mini_batches = batches
        losses = {f"loss/{name}": float(value) for name, value in means.items()}
        # A diverged update must stop the run: later rollouts would only hide the cause.
        if not all(map(math.isfinite, losses.values())):
            raise FloatingPointError(f"rsl-rl: expected finite losses, got {losses}; lower the learning rate")
        return losses | {"learning_rate": float(self.alg.learning_rate)}

    def set_learning_rate(self, rate: float) -> None:
        """Set the learning rate of the next update."""
        self.alg.learning_rate = rate
        # The optimiser holds a rate of its own in each group.
        for group in self.alg.optimizer.param_groups:
            group["lr"] = rate

    def restart(self) -> None:
        """Forget episodes under way: hidden states and discounted rewards."""
        self._discounted.zero_()
        self.alg.actor.reset()
        self.alg.critic.reset()

    def _values_of_cut(self, last: Tensor, cut: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return time, slot and V of the last observation of each episode cut by the time limit.

        On a GPU the hidden states there were not kept: they are computed again, for the slots with such an
        episode.
        """
        critic = self.alg.critic
        if not self.recurrent:
            times, slots = cut.nonzero(as_tuple=True)
            return times, slots, critic({"obs": last[times, slots]})[:, 0]
        if not cut.any():
            # Nothing was cut: return empty tensors of the right types.
            none = cut.nonzero()[:, 0]
            return none, none, last.new_zeros(0)
        if cut.device.type == "cpu":
            times, slots, hidden = self._ends.select(cut)
        else:
            times, slots, hidden = self._hidden_of_cut(cut)
        # Recall the states of the cut episodes, then put the present ones back.
        now = hidden_of(critic)
        recall(critic, hidden)
        values = critic({"obs": last[times, slots]})[:, 0]
        recall(critic, now)
        return times, slots, values

    def _hidden_of_cut(self, cut: Tensor) -> tuple[Tensor, Tensor, Hidden]:
        """Return time and slot of each episode cut by the time limit, and the critic's hidden state there."""
        storage = self.alg.storage
        # Pack only slots with a cut episode: the others need no second pass.
        packed = storage.pack(cut.any(0).nonzero()[:, 0])
        rows = storage.rows(packed.steps)
        start = packed.start(storage.first[1])
        hidden = self.alg.critic.hidden_after(rows, packed.sizes, start)
        # The number of a step is ``time * n + slot``, which also indexes the flattened mask.
        chosen = cut.flatten()[packed.last]
        times = packed.last[chosen] // storage.num_envs
        return times, packed.slots[chosen], tuple(part[:, chosen] for part in hidden)

    def _scaled(self, rewards: Tensor, done: Tensor, learn: Tensor | None = None) -> Tensor:
        if self._moments is None:
            return rewards
        sums = torch.zeros_like(rewards)
        # Every sum needs the one before it, and starts anew after an episode's end.
        for t in range(len(rewards)):
            torch.add(rewards[t], self._discounted, alpha=self.alg.gamma, out=sums[t])
            self._discounted = sums[t].masked_fill(done[t], 0.0)
        # Only slots that are learnt from move the scale.
        seen = sums
        if learn is not None:
            seen = sums[:, learn]
        if seen.numel():
            self._moments.update(seen.reshape(-1, 1))
        std: Tensor = self._moments.std
        return (rewards / std.clamp(min=1e-8)).clamp_(-10.0, 10.0)

    def state_dict(self) -> State:
        """Return networks, normalisers, optimiser and learning rate as plain data."""
        state = self.weights() | {"discounted": self._discounted.cpu().numpy().copy()}
        if self.recurrent:
            state["hidden"] = {
                name: [part.cpu().numpy().copy() for part in hidden_of(network)]
                for name, network in self._networks()
            }
        return state

    def weights(self) -> State:
        """Return networks, normalisers, optimiser and learning rate as plain data; nothing under way."""
        return {
            "actor": module_state(self.alg.actor),
            "critic": module_state(self.alg.critic),
            "optimizer": optimizer_state(self.alg.optimizer),
            "learning_rate": float(self.alg.learning_rate),
            "reward_moments": None if self._moments is None else module_state(self._moments),
        }

    def take_weights(self, state: State) -> None:
        """Go on from `weights` of another one made with the same arguments."""
        load_module(self.alg.actor, state["actor"], "actor")
        load_module(self.alg.critic, state["critic"], "critic")
        load_optimizer(self.alg.optimizer, state["optimizer"])
        self.alg.learning_rate = state["learning_rate"]
        if self._moments is not None:
            load_module(self._moments, state["reward_moments"], "reward_moments")

    def _networks(self) -> Iterator[tuple[str, Any]]:
        yield from (("actor", self.alg.actor), ("critic", self.alg.critic))

    def load_state_dict(self, state: State) -> None:
        """Continue from `state_dict`."""
        self.take_weights(state)
        self._discounted.copy_(torch.from_numpy(state["discounted"]))
        if self.recurrent:
            for name, network in self._networks():
                # Copies, as arrays from a file may be read-only.
                parts = (torch.from_numpy(part.copy()) for part in state["hidden"][name])
                recall(network, tuple(part.to(self._discounted.device) for part in parts))


@contextmanager
def unvalidated() -> Iterator[None]:
    """Switch torch's argument checks of distributions off inside, as rsl_rl does for ever: they wait."""
    from torch.distributions import Distribution

    # Torch shows the present default nowhere else.
    before = Distribution._validate_args
    Distribution.set_default_validate_args(False)
    try:
        yield
    finally:
        Distribution.set_default_validate_args(before)
