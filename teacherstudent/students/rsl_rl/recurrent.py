"""Recurrent networks of rsl_rl without padding, and a storage that takes slots apart."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import torch
from rsl_rl.models import MLPModel, RNNModel
from rsl_rl.storage import RolloutStorage
from torch import Tensor

from teacherstudent.networks.recurrent import packed as packed_rnn
from teacherstudent.networks.recurrent.functions import Tables
from teacherstudent.networks.recurrent.hidden import (
    Hidden,
    Packed,
    as_torch,
    hidden_of,
    pack,
    parts_of,
    recall,
)

_TABLES = ("actions", "values", "advantages", "returns")


class PackedRNNModel(RNNModel):  # type: ignore[misc]  # rsl_rl has no types
    """rsl_rl's recurrent network, trained on packed episodes.

    The library pads every episode to the length of the rollout, so that its cost grows with the number of
    episodes. Here ``masks`` are the sizes of a packed sequence, and observations and outputs are its rows.
    `teacherstudent.networks.recurrent.packed` says where the project's own layers compute it.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._tables = Tables()

    def get_latent(self, obs: Any, masks: Tensor | None = None, hidden_state: Any = None) -> Any:
        """Return the recurrent network's output for each row."""
        # Skip RNNModel's own method: it would run the padded network.
        x = MLPModel.get_latent(self, obs)
        rnn = self.rnn.rnn
        # Sizes of a packed sequence mean training; without them this is one step of a rollout.
        if masks is not None:
            return packed_rnn.packed(rnn, x, masks, parts_of(hidden_state), self._tables)[0]
        out, after = packed_rnn.step(rnn, x, hidden_of(self))
        recall(self, after)
        return out

    def hidden_after(self, obs: Any, sizes: Tensor, hidden: Hidden) -> Hidden:
        """Return the hidden state after the last step of each piece of a packed sequence."""
        x = MLPModel.get_latent(self, obs)
        return packed_rnn.packed(self.rnn.rnn, x, sizes, hidden, self._tables)[1]


class EpisodeStorage(RolloutStorage):  # type: ignore[misc]
    """rsl_rl's storage; minibatches for recurrent networks are whole slots, packed.

    The library's are slots in order, of which a remainder is left out, and need the hidden states of every
    step. Here they are drawn once for each update, and as equal as they can be.

    Attributes:
        first: the hidden states of actor and critic at the rollout's first step.
    """

    first: tuple[Hidden, Hidden] = ((), ())

    def columns(self, slots: Tensor) -> EpisodeStorage:
        """Return a copy that holds the given slots ``(k,)`` alone."""
        # The shallow copy shares everything; only tables with an axis of slots are replaced.
        part = copy.copy(self)
        part.num_envs = len(slots)
        for name in ("observations", "dones", "actions_log_prob", *_TABLES):
            setattr(part, name, getattr(self, name)[:, slots])
        part.distribution_params = tuple(table[:, slots] for table in self.distribution_params)
        actor, critic = (tuple(values[:, slots] for values in hidden) for hidden in self.first)
        part.first = (actor, critic)
        return part

    def pack(self, slots: Tensor) -> Packed:
        """Return the episodes of the given slots, packed."""
        return pack(self.dones[..., 0].bool(), slots)

    def rows(self, steps: Tensor) -> Any:
        """Return the observations of the steps of these numbers."""
        # Flattening numbers the steps as ``time * n + slot``, as `Packed` does.
        return self.observations.flatten(0, 1)[steps]

    def recurrent_mini_batch_generator(self, num_mini_batches: int, num_epochs: int = 8) -> Iterator[Any]:
        """Yield the minibatches of all epochs: ``(rows, ...)`` each."""
        # Draw the minibatches once, so that packing is paid for once and not in every epoch.
        slots = torch.randperm(self.num_envs, device=self.device)
        batches = [self._batch(self.pack(part)) for part in slots.tensor_split(num_mini_batches)]
        for _ in range(num_epochs):
            # The update may replace a batch's advantages.
            yield from map(copy.copy, batches)

    def _batch(self, packed: Packed) -> Any:
        actor, critic = (as_torch(packed.start(hidden)) for hidden in self.first)
        return RolloutStorage.Batch(
            observations=self.rows(packed.steps),
            old_actions_log_prob=self.actions_log_prob.flatten(0, 1)[packed.steps],
            old_distribution_params=tuple(t.flatten(0, 1)[packed.steps] for t in self.distribution_params),
            hidden_states=(actor, critic),
            masks=packed.sizes,
            **{name: getattr(self, name).flatten(0, 1)[packed.steps] for name in _TABLES},
        )
